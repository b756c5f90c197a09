"""Errands on both databases: asked for often, done once, fenced, counted, parked, and never lost."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from referral_service.core.problem import Category
from referral_service.store.errands import MOST_ATTEMPTS, SqlErrands
from referral_service.store.origins import SqlOrigins
from referral_service.store.outside import errand
from referral_service.store.pace import SqlPace
from referral_service.store.store import SqlStore
from referral_service.workflow.admit import Admitted, Feed, Refusal
from referral_service.workflow.ports import DEFAULT_TENANT
from tests.kit.clocks import HandClock

ANN = "Patient/ann"
FEED = Feed(DEFAULT_TENANT, "ehr")
OTHER = Feed(DEFAULT_TENANT, "other")


@pytest.fixture
def errands(store: SqlStore, clock: HandClock) -> SqlErrands:
    return SqlErrands(store.engine, clock, lease_seconds=60)


def row(errands: SqlErrands, what: str = ANN) -> Any:
    """The row of an errand, None without one."""
    with errands._engine.connect() as connection:
        return connection.execute(select(errand).where(errand.c.what == what)).one_or_none()


def test_who_asks_a_hundred_times_is_served_once(errands: SqlErrands) -> None:
    for _ in range(100):
        errands.ask(FEED, [ANN])
    held = errands.claim(FEED, polls=False)
    assert held and held.asked == 100
    assert errands.claim(FEED, polls=False) is None
    errands.done(held)
    assert row(errands) is None


def test_who_asks_while_it_is_under_way_is_served_once_more(errands: SqlErrands) -> None:
    errands.ask(FEED, [ANN])
    first = errands.claim(FEED, polls=False)
    for _ in range(100):
        errands.ask(FEED, [ANN])
        assert errands.claim(FEED, polls=False) is None
    assert first
    errands.done(first)
    second = errands.claim(FEED, polls=False)
    assert second and second.attempts == 1
    errands.done(second)
    assert row(errands) is None


def test_sources_and_polls_have_their_own(errands: SqlErrands) -> None:
    errands.ask(FEED, ["poll:Condition"])
    errands.ask(OTHER, [ANN])
    assert errands.claim(FEED, polls=False) is None
    assert errands.claim(OTHER, polls=True) is None
    assert errands.claim(FEED, polls=True) and errands.claim(OTHER, polls=False)


def test_the_one_that_waits_longest_comes_first(errands: SqlErrands, clock: HandClock) -> None:
    for what in ("Condition/b", "Condition/a"):
        errands.ask(FEED, [what])
        clock.pass_by(seconds=1)
    held = errands.claim(FEED, polls=False)
    assert held and held.what == "Condition/b"


def test_what_a_dead_worker_held_is_anothers_after_the_lease(errands: SqlErrands, clock: HandClock) -> None:
    errands.ask(FEED, [ANN])
    dead = errands.claim(FEED, polls=False)
    clock.pass_by(seconds=59)
    assert errands.claim(FEED, polls=False) is None
    clock.pass_by(seconds=2)
    living = errands.claim(FEED, polls=False)
    assert dead and living and living.token == dead.token + 1
    assert not errands.renew(dead)
    errands.done(dead)
    assert not errands.fail(dead, Category.FAULT)
    assert row(errands).attempts == 2
    assert errands.renew(living)
    errands.done(living)
    assert row(errands) is None


def test_who_held_an_errand_that_was_done_cannot_end_the_next_one_of_the_same_name(
    errands: SqlErrands, clock: HandClock
) -> None:
    errands.ask(FEED, [ANN])
    stalled = errands.claim(FEED, polls=False)
    clock.pass_by(seconds=61)
    living = errands.claim(FEED, polls=False)
    assert stalled and living
    errands.done(living)
    errands.ask(FEED, [ANN])
    assert errands.claim(FEED, polls=False)

    errands.done(stalled)

    assert row(errands) is not None
    assert not errands.renew(stalled)


def test_a_lease_that_is_renewed_lasts(errands: SqlErrands, clock: HandClock) -> None:
    errands.ask(FEED, [ANN])
    held = errands.claim(FEED, polls=False)
    for _ in range(5):
        clock.pass_by(seconds=50)
        assert held and errands.renew(held)
    assert errands.claim(FEED, polls=False) is None


def test_what_fails_comes_later_and_later_and_is_parked_after_the_fifth(
    errands: SqlErrands, clock: HandClock
) -> None:
    errands.ask(FEED, [ANN])
    waits = []
    for attempt in range(1, MOST_ATTEMPTS + 1):
        held = errands.claim(FEED, polls=False)
        assert held and held.attempts == attempt
        assert errands.fail(held, Category.INTERRUPTED) == (attempt == MOST_ATTEMPTS)
        assert errands.claim(FEED, polls=False) is None
        waits.append((row(errands).due_at - clock.now()).total_seconds())
        clock.at = row(errands).due_at
    assert all(5 * 2**n * 0.5 <= wait <= 5 * 2**n * 1.5 for n, wait in enumerate(waits[:-1], start=1))
    assert (row(errands).category, row(errands).parked_at is not None) == ("interrupted", True)


def test_an_attempt_that_ends_its_process_is_counted(errands: SqlErrands, clock: HandClock) -> None:
    errands.ask(FEED, [ANN])
    for _ in range(MOST_ATTEMPTS):
        assert errands.claim(FEED, polls=False)
        clock.pass_by(seconds=61)
    assert errands.claim(FEED, polls=False) is None
    assert (row(errands).category, row(errands).parked_at) == ("fault", clock.now())


def parked(errands: SqlErrands, category: Category, what: str = ANN) -> None:
    """An errand that is set aside for that reason."""
    errands.ask(FEED, [what])
    while row(errands, what).parked_at is None:
        errands._clock.at = max(errands._clock.now(), row(errands, what).due_at)  # type: ignore[attr-defined]
        held = errands.claim(FEED, polls=False)
        assert held
        errands.fail(held, category)


@pytest.mark.parametrize(
    "category", [Category.INTERRUPTED, Category.UNAVAILABLE, Category.FORBIDDEN, Category.FAULT], ids=str
)
def test_what_failed_for_the_other_sides_sake_is_tried_again(
    errands: SqlErrands, clock: HandClock, category: Category
) -> None:
    parked(errands, category)
    since = row(errands).parked_at
    clock.pass_by(minutes=13)
    held = errands.claim(FEED, polls=False)
    assert held and row(errands).parked_at == since
    assert not errands.fail(held, category)
    assert row(errands).parked_at == since and errands.claim(FEED, polls=False) is None
    clock.pass_by(minutes=13)
    again = errands.claim(FEED, polls=False)
    assert again
    errands.done(again)
    assert row(errands) is None


@pytest.mark.parametrize("category", [Category.INCORRECT, Category.REFUSED, Category.UNSUPPORTED], ids=str)
def test_what_no_check_lets_pass_rests_until_it_is_asked_for(
    errands: SqlErrands, clock: HandClock, category: Category
) -> None:
    errands.ask(FEED, [ANN])
    held = errands.claim(FEED, polls=False)
    assert held and errands.fail(held, category)
    clock.pass_by(days=1)
    assert errands.claim(FEED, polls=False) is None
    errands.ask(FEED, [ANN])
    again = errands.claim(FEED, polls=False)
    assert again and again.attempts == 1 and row(errands).parked_at is None


def test_who_asks_does_not_hurry_what_has_failed(errands: SqlErrands, clock: HandClock) -> None:
    errands.ask(FEED, [ANN])
    held = errands.claim(FEED, polls=False)
    assert held
    errands.fail(held, Category.BUSY, wait_seconds=300)
    errands.ask(FEED, [ANN])
    clock.pass_by(seconds=299)
    assert errands.claim(FEED, polls=False) is None
    clock.pass_by(seconds=2)
    assert errands.claim(FEED, polls=False)


def test_what_is_given_back_was_no_attempt(errands: SqlErrands) -> None:
    errands.ask(FEED, [ANN])
    for _ in range(2 * MOST_ATTEMPTS):
        held = errands.claim(FEED, polls=False)
        assert held and held.attempts == 1
        errands.give_back(held)


def test_a_poll_comes_again_by_itself_and_at_once_when_it_is_asked_for(
    errands: SqlErrands, clock: HandClock
) -> None:
    hourly = timedelta(hours=1)
    errands.ensure(FEED, ["poll:Condition"])
    errands.ensure(FEED, ["poll:Condition"])
    held = errands.claim(FEED, polls=True)
    assert held and held.asked == 1
    errands.done(held, hourly)
    errands.ensure(FEED, ["poll:Condition"])
    assert errands.claim(FEED, polls=True) is None
    assert errands_due(errands) == 0
    clock.pass_by(minutes=30)
    errands.ask(FEED, ["poll:Condition"])
    asked = errands.claim(FEED, polls=True)
    assert asked and asked.since == clock.now()
    errands.ask(FEED, ["poll:Condition"])
    errands.done(asked, hourly)
    once_more = errands.claim(FEED, polls=True)
    assert once_more
    errands.done(once_more, hourly)
    clock.pass_by(minutes=61)
    assert errands.claim(FEED, polls=True)


def errands_due(errands: SqlErrands) -> int:
    """What operators see."""
    store = SqlStore(errands._engine, errands._clock)
    return store.counts().errands_due


def test_nobody_claims_while_operators_drain(errands: SqlErrands, store: SqlStore) -> None:
    errands.ask(FEED, [ANN])
    store.drain()
    assert errands.claim(FEED, polls=False) is None
    store.resume()
    assert errands.claim(FEED, polls=False)


def test_operators_see_what_waits_and_what_is_parked(
    errands: SqlErrands, store: SqlStore, clock: HandClock
) -> None:
    parked(errands, Category.FAULT, "Condition/x")
    errands.ask(FEED, [ANN, "Patient/bob"])
    errands.ensure(FEED, ["poll:Patient"])
    clock.pass_by(seconds=90)
    held = errands.claim(FEED, polls=True)
    assert held
    errands.done(held, timedelta(hours=1))
    counts = store.counts()
    assert (counts.errands_due, counts.errands_parked, counts.oldest_errand_seconds) == (2, 1, 90)


def test_refusals_are_shown_until_the_resource_is_taken(errands: SqlErrands, store: SqlStore) -> None:
    refusals = [Refusal("Condition/bad", Category.REFUSED, ()), Refusal("", Category.INCORRECT, ())]
    errands.note(FEED, Admitted(counts=Counter(refused=2, stored=3, unchanged=5), refused=refusals))
    assert row(errands, "Condition/bad").category == "refused"
    assert errands.claim(FEED, polls=False) is None
    errands.note(OTHER, Admitted(taken=["Condition/bad"]))
    assert row(errands, "Condition/bad") is not None
    errands.note(FEED, Admitted(counts=Counter(stored=1), taken=["Condition/bad", ANN]))
    assert row(errands, "Condition/bad") is None
    assert store.counts().tallies["incoming"] == {"ehr refused": 2, "ehr stored": 4}


def test_states_only_grow_and_each_source_has_its_own(store: SqlStore, clock: HandClock) -> None:
    origins = SqlOrigins(store.engine, clock)
    early, late = "2026-06-01T08:00:00.000000+00:00 1", "2026-06-01T08:00:00.000000+00:00 2"
    assert origins.reached(FEED, {"Condition/a": late, "Condition/b": ""}) == set()
    assert origins.reached(FEED, {"Condition/a": early, "Condition/b": early}) == {"Condition/a"}
    assert origins.reached(FEED, {"Condition/a": "", "Condition/b": early}) == set()
    assert origins.reached(OTHER, {"Condition/a": early, "Condition/c": early}) == set()
    assert origins.reached(FEED, {}) == set()
    asked = ["Condition/a", "Condition/b", "Condition/c", "Condition/d"]
    assert origins.of_others(FEED, asked) == {"Condition/c"}
    assert origins.of_others(OTHER, asked) == {"Condition/b"}


def test_two_processes_share_one_budget(
    store: SqlStore, open_store: Callable[[], SqlStore], clock: HandClock
) -> None:
    paces = [SqlPace(one.engine, clock, FEED, 60) for one in (store, open_store())]
    waits = [paces[n % 2].take() for n in range(6)]
    assert waits == [0, 1, 2, 3, 4, 5]
    clock.pass_by(minutes=1)
    assert paces[0].take() == 0
    many = SqlPace(store.engine, clock, OTHER, 600)
    assert [round(many.take(), 6) for _ in range(12)] == [round(n * 0.1, 6) for n in range(12)]
