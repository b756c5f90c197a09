"""The ledger shows whatever was done to it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, text, update

from referral_service.store.store import SqlStore
from referral_service.store.tables import ledger
from referral_service.workflow.ports import Happening
from tests.kit.writes import TENANT


def write_lines(store: SqlStore, count: int = 6) -> None:
    for number in range(count):
        line = Happening("approved", f"ServiceRequest/{number}", "Practitioner/x", {"z": "1", "note": "é"})
        store.commit(TENANT, [], [line])


def test_an_untouched_ledger_holds(store: SqlStore) -> None:
    assert (store.verify_ledger(TENANT).lines, store.verify_ledger(TENANT).broken_at) == (0, None)

    write_lines(store)

    assert (store.verify_ledger(TENANT).lines, store.verify_ledger(TENANT).broken_at) == (6, None)


@pytest.mark.parametrize("column", ["kind", "subject", "actor", "detail", "at", "previous", "hash"])
def test_a_changed_line_shows(store: SqlStore, column: str) -> None:
    write_lines(store)
    changed = text("at + 1") if column == "at" else ledger.c[column] + " "
    with store.engine.begin() as connection:
        connection.execute(update(ledger).where(ledger.c.seq == 3).values({column: changed}))

    verdict = store.verify_ledger(TENANT)

    assert (verdict.lines, verdict.broken_at) == (2, 3)


@pytest.mark.parametrize("number", [1, 4, 6])
def test_a_missing_line_shows_even_the_last(store: SqlStore, number: int) -> None:
    write_lines(store)
    with store.engine.begin() as connection:
        connection.execute(delete(ledger).where(ledger.c.seq == number))

    assert store.verify_ledger(TENANT).broken_at == number


def test_a_ledger_holds_while_it_is_written(store: SqlStore) -> None:
    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(write_lines, store, 150)
        verdicts = []
        while not writing.done():
            verdicts.append(store.verify_ledger(TENANT))

    assert {verdict.broken_at for verdict in verdicts} == {None}
    assert store.verify_ledger(TENANT).lines == 150


def test_a_line_cannot_be_taken_from_another_tenant(store: SqlStore) -> None:
    write_lines(store)
    with store.engine.begin() as connection:
        connection.execute(update(ledger).values(tenant="other"))

    assert store.verify_ledger(type(TENANT)("other")).broken_at == 1
