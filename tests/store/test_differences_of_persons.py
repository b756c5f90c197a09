"""What must agree of patients who are one person: they are compared together, as they are decided on."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select

from referral_service.store import differences
from referral_service.store.store import SqlStore
from referral_service.store.tables import episode, patient, referral, resource
from tests.kit.clocks import HandClock
from tests.kit.writes import TENANT
from tests.store.test_differences import TRIAL, at_rest, deletion, differing, done, evaluate, post, receive
from tests.workflow.answers import CAUDA, IN_TRIAL
from tests.workflow.clinic import EXHAUSTED
from tests.workflow.test_persons import patient as person


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patients of one person are seen in batches of their own."""
    monkeypatch.setattr(differences, "_AT_ONCE", 1)


def joined(store: SqlStore, clock: HandClock, **charts: list[dict[str, Any]]) -> None:
    """Each is decided on alone; then the first says that all of them are one person."""
    first, *others = charts
    for name, given in charts.items():
        post(store, name, given)
    evaluate(store, clock)
    receive(store, person(first, *(f"seealso {other}" for other in others)))
    evaluate(store, clock)


@pytest.fixture
def red(store: SqlStore, clock: HandClock) -> SqlStore:
    """Zoe's red flag stands over Ann's disc, of whom Zoe is the other half."""
    joined(store, clock, ann=[IN_TRIAL], zoe=[CAUDA])
    return store


@pytest.fixture
def trial(store: SqlStore, clock: HandClock) -> SqlStore:
    """Zoe's trial goes on, and Ann wakes for it."""
    joined(store, clock, ann=[], zoe=TRIAL)
    return store


def test_nothing_of_patients_who_are_one_person_differs_by_itself(red: SqlStore, clock: HandClock) -> None:
    assert differing(red, clock) == set()
    for days in (1, 20, 100):
        clock.pass_by(days=days)
        evaluate(red, clock)
        assert differing(red, clock) == set()


def test_nothing_differs_while_the_other_half_waits_to_be_looked_at(
    trial: SqlStore, clock: HandClock
) -> None:
    assert differing(trial, clock) == set()
    trial.commit(TENANT, [deletion("Condition", "zoe-disc")], [])
    assert differing(trial, clock) == set()
    evaluate(trial, clock)
    assert differing(trial, clock) == set()


def test_episodes_of_two_patients_that_began_on_one_day_are_two(store: SqlStore, clock: HandClock) -> None:
    joined(store, clock, ann=EXHAUSTED, zoe=EXHAUSTED)
    with store.engine.connect() as connection:
        keys = connection.scalars(select(episode.c.key)).all()
    assert len(keys) > len(set(keys))

    assert differing(store, clock) == set()


def test_nothing_differs_once_they_are_separated(red: SqlStore, clock: HandClock) -> None:
    receive(red, person("ann"))
    assert differing(red, clock) == set()
    evaluate(red, clock)
    assert differing(red, clock) == set()


def test_a_person_is_compared_whose_leader_nothing_was_received_about(
    store: SqlStore, clock: HandClock
) -> None:
    post(store, "zoe", TRIAL)
    receive(store, person("zoe", "replaced-by ann"))
    evaluate(store, clock)
    assert differing(store, clock) == set()

    with store.engine.begin() as connection:
        connection.execute(at_rest("ann", wake_at=None))

    assert differing(store, clock) == {("never-woken", "Patient/ann")}


WRONG: dict[str, tuple[Callable[[Connection], None], set[tuple[str, str]]]] = {
    "the red flag's proposal and all of it is gone": (
        done(
            delete(referral).where(referral.c.urgency == "urgent"),
            delete(resource).where(resource.c.type.in_(("ServiceRequest", "Task"))),
        ),
        {("not-followed", "Patient/ann")},
    ),
    "nobody wakes them": (done(at_rest("ann", wake_at=None)), {("never-woken", "Patient/ann")}),
    "nobody is there to be woken": (
        done(delete(patient).where(patient.c.id == "ann")),
        {("never-woken", "Patient/ann")},
    ),
    "whoever is parked is an operator's": (
        done(at_rest("ann", wake_at=None, parked_at=HandClock().at)),
        set(),
    ),
    "whoever is due is looked at anyway": (
        done(at_rest("ann", wake_at=None), at_rest("zoe", place=1)),
        set(),
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_a_person_is_found_once(store: SqlStore, clock: HandClock, what: str) -> None:
    joined(store, clock, ann=[], zoe=[*TRIAL, CAUDA] if "red flag" in what else TRIAL)
    tamper, found = WRONG[what]
    with store.engine.begin() as connection:
        tamper(connection)

    assert differing(store, clock) == found
    (_, *batches) = differences.compare(store.engine, clock.as_of())
    assert sum(len(batch) for _, batch in batches) == len(found)
