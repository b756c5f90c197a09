"""SQL of our own, that both databases read, on the driver itself: for what every request waits on.

Values are such as the drivers take and give: instants as microseconds. Measured: a transaction of ten small
statements costs a third of what it does through SQLAlchemy, many rows half.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

Row = tuple[object, ...]


class Statement:
    """A text with a `?` for each value. `locks`: the rows that it reads, where a database locks rows."""

    def __init__(self, text: str, *, locks: bool = False) -> None:
        """Neither a literal nor a comment may hold a question mark or a percent sign."""
        waiting = " FOR UPDATE" if locks else ""
        self._texts = {"sqlite": text, "postgresql": text.replace("?", "%s") + waiting}

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Once for each row; no rows are no statement."""
        if rows:
            text = self._texts[connection.dialect.name]
            _with_cursor(connection, lambda cursor: cursor.executemany(text, rows))

    def read(self, connection: Connection, values: Row) -> list[Any]:
        """Every row that it finds, as a tuple."""
        text = self._texts[connection.dialect.name]
        found: list[Any] = _with_cursor(connection, lambda cursor: cursor.execute(text, values).fetchall())
        return found


def _with_cursor(connection: Connection, use: Callable[[Any], Any]) -> Any:
    """What is made of the driver's own, with SQLAlchemy's errors."""
    driver, dialect = connection.connection.dbapi_connection, connection.dialect
    assert driver is not None
    cursor, family = driver.cursor(), dialect.loaded_dbapi.Error
    try:
        return use(cursor)
    except family as error:
        is_lost = dialect.is_disconnect(error, driver, cursor)
        if is_lost:
            connection.invalidate(error)
        raise DBAPIError.instance(
            "", None, error, family, hide_parameters=True, connection_invalidated=is_lost, dialect=dialect
        ) from error
    finally:
        cursor.close()


def inserting(table: Table, otherwise: str = "") -> Statement:
    """Takes rows in the order of the columns; `otherwise` is an ON CONFLICT clause, for keys that exist.

    The clause calls the row that exists by the table's name, and the new one `excluded`.
    """
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    marks = ", ".join("?" * len(table.columns))
    return Statement(f"INSERT INTO {table.name} ({names}) VALUES ({marks}) {otherwise}")  # noqa: S608 - ours


def replacing(table: Table) -> Statement:
    """An insert that overwrites the row with the same primary key."""
    keys = ", ".join(column.name for column in table.primary_key)
    rest = ", ".join(
        f'"{column.name}" = excluded."{column.name}"' for column in table.columns if not column.primary_key
    )
    return inserting(table, f"ON CONFLICT ({keys}) DO UPDATE SET {rest}")


def deleting(table: Table) -> Statement:
    """Takes primary keys."""
    keys = " AND ".join(f'"{column.name}" = ?' for column in table.primary_key)
    return Statement(f"DELETE FROM {table.name} WHERE {keys}")  # noqa: S608 - our own names alone
