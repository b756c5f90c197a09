"""SQL of our own, that both databases read, on the driver itself: for what every request waits on.

Values are such as the drivers take and give: instants as microseconds. Measured: a transaction of ten small
statements costs a third of what it does through SQLAlchemy, many rows half. PostgreSQL may be far, and
answers every row: there, rows to be inserted go as one value, and what runs `together` waits for nothing in
between; a POST takes two thirds of the time that it would without. For SQLite rows to be inserted are written
out, many in a statement, because each statement gives the interpreter up; a transaction of 60 resources takes
a twentieth less.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Boolean, Column, Connection, Integer, LargeBinary, String, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeDecorator

Row = tuple[object, ...]
_POSTGRESQL, _SQLITE = "postgresql", "sqlite"
# Bytes of such a value: a larger one takes longer than its rows by themselves, and from 256 MB on is refused.
_LARGEST = 1024 * 1024
# Rows in a statement for SQLite. Few sizes, because the driver prepares each text anew; and no large bodies,
# because it keeps the values until it is given others.
_SIZES = (128, 64, 32, 16, 8, 4, 2, 1)
_SMALL = 8 * 1024
# How one value of a row, as JSON, becomes PostgreSQL's again; BigInteger is an Integer too.
_FROM_JSON = {
    String: "it->>{at}",
    Boolean: "(it->>{at})::boolean",
    Integer: "(it->>{at})::bigint",
    LargeBinary: "decode(it->>{at}, 'base64')",
}


class Statement:
    """A text with a `?` for each value. `locks`: the rows that it reads, where a database locks rows."""

    def __init__(
        self, text: str, *, locks: bool = False, row: str = "", bodies: Sequence[int] = (), of_rows: str = ""
    ) -> None:
        """Neither a literal nor a comment may hold a question mark or a percent sign.

        `row` is the part of the text that SQLite takes once for each of several rows; `bodies` are the places
        in it of what may be large. `of_rows` is the text for PostgreSQL with one `?` for all rows, as a JSON
        array of arrays.
        """
        waiting = " FOR UPDATE" if locks else ""
        self._texts = {_SQLITE: text, _POSTGRESQL: text.replace("?", "%s") + waiting}
        self._of_many = {size: text.replace(row, ", ".join([row] * size)) for size in _SIZES if row}
        self._bodies = bodies
        self._of_rows = of_rows.replace("?", "%s")

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Once for each row; no rows are no statement."""
        if rows and self._of_rows and connection.dialect.name == _POSTGRESQL:
            self._run_as_one(connection, rows)
        elif rows and self._of_many and connection.dialect.name == _SQLITE and self._are_small(rows):
            self._run_written_out(connection, rows)
        elif rows:
            self._run_each(connection, rows)

    def _run_as_one(self, connection: Connection, rows: Sequence[Row]) -> None:
        value = msgspec.json.encode(rows)
        if len(value) <= _LARGEST:
            _with_cursor(connection, lambda cursor: cursor.execute(self._of_rows, (value.decode(),)))
        elif len(rows) == 1:
            self._run_each(connection, rows)
        else:
            half = len(rows) // 2
            self._run_as_one(connection, rows[:half])
            self._run_as_one(connection, rows[half:])

    def _are_small(self, rows: Sequence[Row]) -> bool:
        # a row may hold anything; at these places it holds bytes
        return all(len(row[at]) <= _SMALL for at in self._bodies for row in rows)  # type: ignore[arg-type]

    def _run_written_out(self, connection: Connection, rows: Sequence[Row]) -> None:
        def insert(cursor: Any) -> None:
            done = 0
            while done < len(rows):
                size = next(one for one in _SIZES if one <= len(rows) - done)
                cursor.execute(self._of_many[size], [*chain.from_iterable(rows[done : done + size])])
                done += size

        _with_cursor(connection, insert)

    def _run_each(self, connection: Connection, rows: Sequence[Row]) -> None:
        text = self._texts[connection.dialect.name]
        _with_cursor(connection, lambda cursor: cursor.executemany(text, rows))

    def read(self, connection: Connection, values: Row) -> list[Any]:
        """Every row that it finds, as a tuple."""
        text = self._texts[connection.dialect.name]
        found: list[Any] = _with_cursor(connection, lambda cursor: cursor.execute(text, values).fetchall())
        return found


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """PostgreSQL is sent what runs inside without waiting for answers; what reads waits for all before it.

    A failure may show as late as at the end. Not for SQLAlchemy's own statements, which want their answers.
    """
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name != _POSTGRESQL:
        yield
        return
    try:
        with driver.pipeline():
            yield
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemys(connection, error) from error


def _with_cursor(connection: Connection, use: Callable[[Any], Any]) -> Any:
    """What is made of the driver's own, with SQLAlchemy's errors."""
    driver = connection.connection.dbapi_connection
    assert driver is not None
    cursor = driver.cursor()
    try:
        return use(cursor)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemys(connection, error) from error
    finally:
        cursor.close()


def _as_sqlalchemys(connection: Connection, error: Any) -> Any:
    """A driver's error as SQLAlchemy's; a connection that was lost is given up."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
    if is_lost:
        connection.invalidate(error)
    return DBAPIError.instance(
        "",
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=dialect,
    )


def inserting(table: Table, otherwise: str = "") -> Statement:
    """Takes rows in the order of the columns; `otherwise` is an ON CONFLICT clause, for keys that exist.

    The clause calls the row that exists by the table's name, and the new one `excluded`.
    """
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    marks = ", ".join("?" * len(table.columns))
    into = f"INSERT INTO {table.name} ({names})"
    values = ", ".join(_from_json(column).format(at=at) for at, column in enumerate(table.columns))
    return Statement(
        f"{into} VALUES ({marks}) {otherwise}",
        row=f"({marks})",
        bodies=[at for at, column in enumerate(table.columns) if isinstance(column.type, LargeBinary)],
        of_rows=f"{into} SELECT {values} FROM jsonb_array_elements(?::jsonb) AS rows(it) {otherwise}",  # noqa: S608 - ours
    )


def _from_json(column: Column[Any]) -> str:
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    return next(form for of, form in _FROM_JSON.items() if isinstance(kind, of))


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
