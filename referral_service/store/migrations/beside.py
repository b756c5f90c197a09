"""What a migration does beside those who read and write: on SQLite there are none, it has one transaction."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from alembic import op
from sqlalchemy import Column, Connection, text

# A name, the columns, and which rows (None: all).
Index = tuple[str, Sequence[str], str | None]

_UNTIL_IT_IS_ITS_TURN: Final = "SET lock_timeout = 0"


@contextmanager
def in_steps() -> Iterator[Connection]:
    """On PostgreSQL each statement is a transaction of its own: what is done here may be done again."""
    if _is_sqlite():
        yield op.get_bind()
        return
    with op.get_context().autocommit_block():
        yield op.get_bind()


def add_columns(table: str, columns: Iterable[Column[Any]]) -> None:
    """Without values, so that nobody waits for long; those that an earlier run has left are kept."""
    again: dict[str, Any] = {} if _is_sqlite() else {"if_not_exists": True}
    for column in columns:
        op.add_column(table, column, **again)


def build_indices(table: str, indices: Iterable[Index]) -> None:
    """One after the other; what a run that was cut off has left is built anew, for it may be of no use."""
    with _unhurried() as how:
        for name, columns, condition in indices:
            where = None if condition is None else text(condition)
            op.drop_index(name, table, if_exists=True, **how)
            op.create_index(name, table, [*columns], sqlite_where=where, postgresql_where=where, **how)


def drop_indices(table: str, names: Iterable[str]) -> None:
    """Those that are there."""
    with _unhurried() as how:
        for name in names:
            op.drop_index(name, table, if_exists=True, **how)


@contextmanager
def _unhurried() -> Iterator[dict[str, Any]]:
    """What waits for others, and nobody for it, may wait however long; whatever comes after it may not."""
    if _is_sqlite():
        yield {}
        return
    with in_steps() as connection:
        before = connection.exec_driver_sql("SHOW lock_timeout").scalar_one()
        op.execute(_UNTIL_IT_IS_ITS_TURN)
        yield {"postgresql_concurrently": True}
        op.execute(f"SET lock_timeout = '{before}'")


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
