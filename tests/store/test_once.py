"""What counts once, counts once: for everybody who asks, and until it may be forgotten."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import func, select

from referral_service.store.engine import writing
from referral_service.store.once import seen
from referral_service.store.outside import once
from referral_service.store.store import SqlStore
from referral_service.workflow.ports import DEFAULT_TENANT, Tenant
from tests.kit.clocks import HandClock

HOUR = timedelta(hours=1)


def ask(
    store: SqlStore, clock: HandClock, key: str, kind: str = "token", tenant: str = DEFAULT_TENANT
) -> bool:
    with writing(store.engine) as connection:
        return seen(connection, Tenant(tenant), kind, key, until=clock.now() + HOUR, now=clock.now())


def test_the_second_time_it_was_seen(store: SqlStore, clock: HandClock) -> None:
    assert [ask(store, clock, "a"), ask(store, clock, "a"), ask(store, clock, "b")] == [False, True, False]


def test_another_tenant_s_and_another_kind_of_key_are_others(store: SqlStore, clock: HandClock) -> None:
    assert not ask(store, clock, "a")
    assert not ask(store, clock, "a", kind="notification")
    assert not ask(store, clock, "a", tenant="other")


def test_of_many_who_ask_at_once_one_is_first(open_store: Callable[[], SqlStore], clock: HandClock) -> None:
    processes = [open_store() for _ in range(3)]
    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(lambda n: ask(processes[n % 3], clock, "a"), range(48)))

    assert found.count(False) == 1


def test_what_was_undone_was_not_seen(store: SqlStore, clock: HandClock) -> None:
    class Undone(Exception):
        pass

    try:
        with writing(store.engine) as connection:
            seen(connection, DEFAULT_TENANT, "token", "a", until=clock.now() + HOUR, now=clock.now())
            raise Undone
    except Undone:
        pass
    assert not ask(store, clock, "a")


def test_it_is_forgotten_when_it_may_be_and_not_before(store: SqlStore, clock: HandClock) -> None:
    ask(store, clock, "a")
    clock.pass_by(hours=1)
    assert ask(store, clock, "a")

    clock.pass_by(seconds=1)
    ask(store, clock, "b")
    with store.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(once)) == 1
    assert not ask(store, clock, "a")
