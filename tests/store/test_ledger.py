"""The ledger takes no change from those who use the database, and shows those that are made all the same."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from referral_service.store.ledger import Head, verify
from referral_service.store.store import SqlStore
from referral_service.store.tables import ledger, ledger_head
from referral_service.workflow.ports import Happening, Tenant
from tests.kit.tampering import cut, put_aside, rewrite, tampering
from tests.kit.writes import TENANT

OTHER = Tenant("other")
TEXTS = ["kind", "subject", "actor", "detail", "previous", "hash"]


def write_lines(store: SqlStore, count: int = 6, tenant: Tenant = TENANT) -> None:
    for number in range(count):
        line = Happening("approved", f"ServiceRequest/{number}", "Practitioner/x", {"z": "1", "note": "é"})
        store.commit(tenant, [], [line])


def broken_at(store: SqlStore, tenant: Tenant = TENANT) -> int | None:
    return store.verify_ledger(tenant).broken_at


def is_found(connection: Connection) -> bool:
    """Whether verification finds anything at all wrong within this transaction."""
    return any(verify(connection, tenant).broken_at for tenant in (TENANT, OTHER))


def test_an_untouched_ledger_holds(store: SqlStore) -> None:
    assert (store.verify_ledger(TENANT).lines, broken_at(store)) == (0, None)

    write_lines(store)

    assert (store.verify_ledger(TENANT).lines, broken_at(store)) == (6, None)


@pytest.mark.parametrize(
    "change", [update(ledger).values(actor="x"), delete(ledger)], ids=["update", "delete"]
)
def test_the_database_refuses_to_change_a_line(store: SqlStore, change: Any) -> None:
    write_lines(store)

    with pytest.raises(DBAPIError, match="the ledger is append-only"), store.engine.begin() as connection:
        connection.execute(change.where(ledger.c.seq == 6))

    assert (store.verify_ledger(TENANT).lines, broken_at(store)) == (6, None)


def test_the_database_refuses_to_empty_it(store: SqlStore) -> None:
    if store.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no such statement")
    write_lines(store)

    with pytest.raises(DBAPIError, match="the ledger is append-only"), store.engine.begin() as connection:
        connection.execute(text("TRUNCATE ledger"))

    assert (store.verify_ledger(TENANT).lines, broken_at(store)) == (6, None)


@pytest.mark.parametrize("number", [1, 3, 6])
@pytest.mark.parametrize("column", [*TEXTS, "at"])
def test_a_changed_line_shows(store: SqlStore, column: str, number: int) -> None:
    write_lines(store)
    changed = text("at + 1") if column == "at" else ledger.c[column] + " "
    with tampering(store.engine) as connection:
        connection.execute(update(ledger).where(ledger.c.seq == number).values({column: changed}))

    assert (store.verify_ledger(TENANT).lines, broken_at(store)) == (number - 1, number)


@pytest.mark.parametrize("number", [1, 4, 6])
def test_a_missing_line_shows_even_the_last(store: SqlStore, number: int) -> None:
    write_lines(store)
    with tampering(store.engine) as connection:
        connection.execute(delete(ledger).where(ledger.c.seq == number))

    assert broken_at(store) == number


@pytest.mark.parametrize("one", [1, 3, 5])
def test_two_lines_that_changed_places_show(store: SqlStore, one: int) -> None:
    write_lines(store)
    with tampering(store.engine) as connection:
        for before, after in ((one, 99), (one + 1, one), (99, one + 1)):
            connection.execute(update(ledger).where(ledger.c.seq == before).values(seq=after))

    assert broken_at(store) == one


def test_a_line_added_beside_the_chain_shows(store: SqlStore) -> None:
    write_lines(store)
    with store.engine.begin() as connection:
        last = connection.execute(select(ledger).where(ledger.c.seq == 6)).one()._asdict()
        connection.execute(ledger.insert().values(**last | {"seq": 7, "previous": last["hash"]}))

    assert broken_at(store) == 7


@pytest.mark.parametrize(
    "changed", [{"seq": 5}, {"seq": 7}, {"hash": ""}, {"tenant": "other"}, None], ids=str
)
def test_a_head_that_does_not_fit_shows(store: SqlStore, changed: dict[str, Any] | None) -> None:
    write_lines(store)
    with store.engine.begin() as connection:
        connection.execute(update(ledger_head).values(**changed) if changed else delete(ledger_head))

    assert broken_at(store) == 7


def test_a_line_cannot_be_taken_from_another_tenant(store: SqlStore) -> None:
    write_lines(store)
    with tampering(store.engine) as connection:
        connection.execute(update(ledger).values(tenant=OTHER))

    assert broken_at(store, OTHER) == 1


def test_everybody_who_has_lines_or_a_head_is_verified(store: SqlStore) -> None:
    for tenant in ("a", "B", "", "c"):
        write_lines(store, 1, Tenant(tenant))
    with tampering(store.engine) as connection:
        connection.execute(delete(ledger).where(ledger.c.tenant == "a"))
        connection.execute(delete(ledger_head).where(ledger_head.c.tenant == "B"))

    assert sorted(store.ledger_tenants()) == ["", "B", "a", "c"]


def test_only_an_earlier_head_shows_a_cut_with_a_head_that_fits(store: SqlStore) -> None:
    write_lines(store)
    (sealed,) = store.ledger_heads()
    assert (sealed.seq, store.missing_heads([sealed])) == (6, [])

    with tampering(store.engine) as connection:
        cut(connection, 4)

    assert (store.verify_ledger(TENANT).lines, broken_at(store)) == (4, None)
    assert store.missing_heads([sealed]) == [sealed]


@pytest.mark.parametrize("first", [1, 3, 6])
def test_only_an_earlier_head_shows_a_chain_computed_anew(store: SqlStore, first: int) -> None:
    write_lines(store, 2)
    early = store.ledger_heads()
    write_lines(store, 4)
    late = store.ledger_heads()
    elsewhere = [Head("nobody", late[0].seq, late[0].hash)]

    with tampering(store.engine) as connection:
        rewrite(connection, first, actor="Practitioner/forged")

    assert (store.verify_ledger(TENANT).lines, broken_at(store)) == (6, None)
    lost = (early if first == 1 else []) + late + elsewhere
    assert store.missing_heads(early + late + elsewhere) == lost


def test_a_ledger_holds_while_it_is_written(store: SqlStore) -> None:
    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(write_lines, store, 150)
        verdicts = []
        while not writing.done():
            verdicts.append(store.verify_ledger(TENANT))

    assert {verdict.broken_at for verdict in verdicts} == {None}
    assert store.verify_ledger(TENANT).lines == 150


def test_progress_is_told_of_every_line(store: SqlStore) -> None:
    write_lines(store, 5)
    told: list[int] = []

    store.verify_ledger(TENANT, told.append)

    assert sum(told) == 5


NUMBERS = st.integers(-(2**63), 2**63 - 1)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def values(before: Any, *, anything: bool) -> st.SearchStrategy[Any]:
    """What may stand there instead, much like it or not at all; SQLite lets any column hold anything."""
    if isinstance(before, int):
        alike: list[Any] = [before - 1, before + 1]
        typed: st.SearchStrategy[Any] = NUMBERS
        odd = [before + 0.25, str(before) + "x"]
    else:
        alike, typed = [before + " ", before[1:], before.swapcase()], WORDS
        odd = [before.encode(), before.encode() + b"x"]
    if anything:
        return st.one_of(st.sampled_from([*alike, *odd]), WORDS, NUMBERS, st.binary(max_size=8))
    return st.one_of(st.sampled_from(alike), typed)


def test_any_one_change_of_any_line_or_head_is_found(store: SqlStore) -> None:
    write_lines(store)
    is_sqlite = store.engine.dialect.name == "sqlite"

    @given(data=st.data())
    def change(data: st.DataObject) -> None:
        table = data.draw(st.sampled_from([ledger, ledger_head]))
        column = data.draw(st.sampled_from(list(table.columns))).name
        row = data.draw(st.integers(1, 6)) if table is ledger else 6
        where = f"{table.name} {{}} WHERE tenant = '{TENANT}' AND seq = {row}"
        with store.engine.connect() as connection:
            put_aside(connection)
            asked = text(f'SELECT "{column}" FROM {where.format("")}')
            before = connection.scalar(asked)
            value = data.draw(values(before, anything=is_sqlite))
            try:
                connection.execute(
                    text("UPDATE " + where.format(f'SET "{column}" = :value')), {"value": value}
                )
            except IntegrityError:  # two lines of one number
                return
            assert connection.scalar(asked) == before or is_found(connection)

    change()
