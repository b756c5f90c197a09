"""Our own SQL on both drivers: rows are kept as they are, however they travel, and a failure shows."""

import logging
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from referral_service.store.bulk import Row, Statement, inserting, replacing, together
from referral_service.store.engine import connect
from referral_service.store.failures import is_disconnection
from referral_service.store.store import SqlStore
from referral_service.store.tables import FIRST, LAST, metadata, resource, token

_ALL = Statement(f"SELECT {', '.join(one.name for one in resource.c)} FROM resource ORDER BY id")
_ADD, _REPLACE, _TOKEN = inserting(resource), replacing(resource), inserting(token)


def row(identity: str, version: int = 1, patient: str | None = None, body: bytes = b"{}") -> Row:
    """Of `resource`, in the order of its columns."""
    return ("here", "Condition", identity, version, LAST, True, False, patient, body, b"[]")


def kept(store: SqlStore) -> list[Row]:
    with store.engine.connect() as connection:
        return [tuple(one) for one in _ALL.read(connection, ())]


def test_a_row_is_kept_as_it_is(store: SqlStore) -> None:
    rows = [
        row("a", patient='O\'Neill "quoted" \\ back, \t\n, {1,2}, NULL, null, %s ? é \U0001f9b4'),
        row("b", patient=None),
        row("c", patient=""),
        row("d", version=2**31 - 1, body=bytes(range(256))),
        ("here", "Condition", "e", 0, FIRST, False, True, "true", b"", b"\x00"),
    ]

    with store.engine.begin() as connection:
        _ADD.run(connection, rows)

    assert kept(store) == rows


def test_many_rows_are_replaced_at_once(store: SqlStore) -> None:
    with store.engine.begin() as connection:
        _ADD.run(connection, [row(f"{number:03}") for number in range(300)])
        _REPLACE.run(connection, [row(f"{number:03}", version=2) for number in range(100, 400)])

    assert [one[3] for one in kept(store)] == [1] * 100 + [2] * 300


def test_rows_of_any_size_are_kept(store: SqlStore) -> None:
    sizes = (10, 3_000_000, 400_000, 500_000, 600_000, 2_000_000, 0)
    rows = [row(f"{number}", body=bytes(range(256)) * (size // 256)) for number, size in enumerate(sizes)]

    with store.engine.begin() as connection, together(connection):
        _ADD.run(connection, rows)

    assert kept(store) == rows


@pytest.mark.parametrize(("size", "statements"), [(100, 1), (100_000, 4)])
def test_sqlite_holds_on_to_one_large_body_at_most(tmp_path: Path, size: int, statements: int) -> None:
    """Its driver keeps what a statement was given until it is given something else."""
    engine = connect(f"sqlite:///{tmp_path / 'rows.db'}")
    metadata.create_all(engine)
    said: list[str] = []
    with engine.begin() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.set_trace_callback(said.append)
        _ADD.run(connection, [row("a"), row("b", body=b"x" * size), row("c"), row("d")])
        driver.set_trace_callback(None)
    engine.dispose()

    assert len([one for one in said if one.startswith("INSERT")]) == statements


def test_what_is_done_together_is_done_in_order(store: SqlStore) -> None:
    with store.engine.begin() as connection, together(connection):
        _ADD.run(connection, [row("a")])
        seen = _ALL.read(connection, ())
        _REPLACE.run(connection, [row("a", version=2)])

    assert [one[3] for one in seen] == [1]
    assert kept(store) == [row("a", version=2)]


def test_what_fails_together_is_not_kept_and_not_quoted(
    store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    with pytest.raises(IntegrityError), store.engine.begin() as connection, together(connection):
        _ADD.run(connection, [row("secret")])
        _ADD.run(connection, [row("secret")])
        _TOKEN.run(connection, [("here", "Condition", "code", "secret", "secret", "")])

    assert kept(store) == []
    assert "secret" not in caplog.text


def test_a_connection_that_is_lost_meanwhile_is_known_as_lost(
    postgresql_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine, other = connect(postgresql_address), connect(postgresql_address)
    with (
        pytest.raises(DBAPIError) as lost,
        engine.begin() as connection,
        together(connection),
    ):
        ((number,),) = Statement("SELECT pg_backend_pid()").read(connection, ())
        with other.begin() as killer:
            killer.execute(text("SELECT pg_terminate_backend(:number)"), {"number": number})
        _ADD.run(connection, [row("secret")])

    assert is_disconnection(lost.value)
    assert "secret" not in caplog.text
    with engine.connect() as connection:
        assert Statement("SELECT 1").read(connection, ()) == [(1,)]
    for one in (engine, other):
        one.dispose()
