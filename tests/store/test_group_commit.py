"""Many senders at once: stored together, refused alone, never lost, never twice."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain

from sqlalchemy import select, update

from referral_service.core.problem import Category, Problem
from referral_service.store.store import SqlStore
from referral_service.store.tables import ledger_head, patient, resource, resource_version
from referral_service.workflow.ports import Stored
from tests.kit.writes import TENANT, condition, received


def waiting_together(store: SqlStore, writes: list) -> list["Future[list[Stored]]"]:  # type: ignore[type-arg]
    """Submits while another transaction holds the ledger, so that all but the first wait as one group."""
    first = condition("first")
    store.commit(TENANT, [first], [received(first)])
    with store.engine.begin() as holder:
        holder.execute(update(ledger_head).values(hash=ledger_head.c.hash))
        blocked = condition("blocked")
        futures = [store.submit(TENANT, [blocked], [received(blocked)])]
        futures += [store.submit(TENANT, [write], [received(write)]) for write in writes]
    return futures[1:]


def test_a_refusal_in_a_group_is_its_senders_alone(store: SqlStore) -> None:
    futures = waiting_together(
        store,
        [
            condition("a", said="one"),
            condition("first", said="late", expected=9),
            condition("a", said="two"),
            condition("b"),
        ],
    )

    refusal = futures[1].exception()

    assert isinstance(refusal, Problem)
    assert refusal.category is Category.CONFLICT
    assert [futures[number].result()[0].version for number in (0, 2, 3)] == [1, 2, 1]
    assert store.verify_ledger(TENANT).lines == 5
    facts = store.facts_of(TENANT, condition().patient)  # type: ignore[arg-type]
    assert sorted(fact.evidence for fact in facts) == [
        "Condition/a/_history/2",
        "Condition/b/_history/1",
        "Condition/blocked/_history/1",
        "Condition/first/_history/1",
    ]


def test_writers_in_several_processes_get_one_version_after_another(
    open_store: Callable[[], SqlStore],
) -> None:
    stores = [open_store() for _ in range(3)]
    names = ("a", "b", "c")

    def send(number: int) -> int:
        write = condition(names[number % 3], said=f"word {number}")
        (stored,) = stores[number % len(stores)].commit(TENANT, [write], [received(write)])
        return stored.version

    with ThreadPoolExecutor(12) as senders:
        versions = list(senders.map(send, range(90)))

    assert sorted(versions) == sorted(chain.from_iterable([range(1, 31)] * 3))
    with stores[0].engine.connect() as connection:
        kept = connection.execute(select(resource_version.c.id, resource_version.c.version)).all()
        current = connection.execute(select(resource.c.id, resource.c.version)).all()
        changes = connection.scalars(select(patient.c.changes)).all()
    assert sorted([*kept, *current]) == sorted((name, n) for name in names for n in range(1, 31))
    assert changes == [90]
    verdict = stores[0].verify_ledger(TENANT)
    assert (verdict.lines, verdict.broken_at) == (90, None)


def test_two_who_create_the_same_resource_at_once_do_not_both_create_it(
    open_store: Callable[[], SqlStore],
) -> None:
    stores = [open_store() for _ in range(4)]

    def create(number: int) -> list[int | None]:
        found: list[int | None] = []
        for name in map(str, range(20)):
            write = condition(name, said=f"word {number}", expected=0)
            error = stores[number].submit(TENANT, [write], [received(write)]).exception()
            found.append(None if error is None else number)
        return found

    with ThreadPoolExecutor(4) as senders:
        refused = list(senders.map(create, range(4)))

    created = [sum(refusals[name] is None for refusals in refused) for name in range(20)]
    assert created == [1] * 20
    assert store_lines(stores[0]) == 20


def store_lines(store: SqlStore) -> int:
    verdict = store.verify_ledger(TENANT)
    assert verdict.broken_at is None
    return verdict.lines


def test_what_waits_is_stored_before_the_store_closes(open_store: Callable[[], SqlStore]) -> None:
    store = open_store()
    futures = [
        store.submit(TENANT, [condition(str(number))], [received(condition(str(number)))])
        for number in range(50)
    ]

    store.close()

    assert all(future.done() and future.result()[0].is_new for future in futures)


def test_what_comes_while_the_store_closes_is_stored_too(open_store: Callable[[], SqlStore]) -> None:
    store = open_store()
    first = condition("first")
    store.commit(TENANT, [first], [received(first)])
    with ThreadPoolExecutor() as others:
        with store.engine.begin() as holder:
            holder.execute(update(ledger_head).values(hash=ledger_head.c.hash))
            before = store.submit(TENANT, [condition("before")], [received(condition("before"))])
            closing = others.submit(store.close)
            with suppress(TimeoutError):
                closing.result(0.3)  # by then it waits for what holds the ledger
            late = others.submit(store.submit, TENANT, [condition("late")], [received(condition("late"))])
        closing.result(20)

        assert before.result(20)[0].is_new
        assert late.result(20).result(20)[0].is_new
    store.close()


def test_a_database_that_is_gone_is_unavailable(open_store: Callable[[], SqlStore]) -> None:
    store = open_store()
    store.commit(TENANT, [condition()], [received(condition())])
    with store.engine.begin() as connection:
        ledger_head.drop(connection)
    try:
        refusal = store.submit(TENANT, [condition("late")], [received(condition("late"))]).exception()
    finally:
        with store.engine.begin() as connection:
            ledger_head.create(connection)

    assert isinstance(refusal, Problem)
    assert refusal.category is Category.UNAVAILABLE
    assert "ledger" not in str(refusal)
    assert store.read(TENANT, "Condition", "late") is None
