"""When a review is due that was opened for one thing and is now about another."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.workflow.answers import CAUDA, RETENTION, say, task
from tests.workflow.clinic import EXHAUSTED, Clinic, clinic

__all__ = ["clinic"]

MONDAY = datetime(2026, 6, 1, 12, tzinfo=UTC)
TWO_WORKING_DAYS = timedelta(days=2)
AT_ONCE = timedelta(minutes=5)
# A trial that is not complete: a human is asked.
UNCLEAR = [
    {"condition": "M54.50", "onset": -90, "id": "back"},
    {"procedure": "97140", "every": {"from": -90, "to": -5, "step": 7}},
]
REFUTED = {**RETENTION, "verification": "refuted"}
INFECTION = {"condition": "M46.26", "onset": -10, "id": "bone"}


def at(clinic: Clinic, passed: timedelta) -> datetime:
    """The clinic's clock stands so long after Monday noon."""
    clinic.clock.now = lambda: MONDAY + passed  # type: ignore[method-assign]
    return MONDAY + passed


def due(found: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(found["restriction"]["period"]["end"])


def test_a_review_that_becomes_a_red_flags_is_due_at_once(clinic: Clinic) -> None:
    at(clinic, timedelta())
    clinic.post(*UNCLEAR)
    before = task(clinic, "review")
    assert (before["priority"], due(before)) == ("routine", MONDAY + TWO_WORKING_DAYS)

    now = at(clinic, timedelta(hours=1))
    clinic.post(RETENTION)

    after = task(clinic, "review")
    assert (after["id"], after["priority"], due(after)) == (before["id"], "urgent", now + AT_ONCE)


def test_a_review_that_is_no_red_flags_any_more_has_its_two_days(clinic: Clinic) -> None:
    at(clinic, timedelta())
    clinic.post(*UNCLEAR, RETENTION)

    now = at(clinic, timedelta(hours=1))
    clinic.post(REFUTED)

    after = task(clinic, "review")
    assert (after["priority"], due(after)) == ("routine", now + TWO_WORKING_DAYS)


def test_a_flag_that_comes_after_one_was_acknowledged_is_due_at_once(clinic: Clinic) -> None:
    at(clinic, timedelta())
    clinic.post(INFECTION)
    say(clinic, "acknowledge", task(clinic))

    now = at(clinic, timedelta(hours=1))
    clinic.post(CAUDA)

    assert due(task(clinic)) == now + AT_ONCE


def test_a_graver_flag_gives_nobody_more_time(clinic: Clinic) -> None:
    at(clinic, timedelta())
    clinic.post(INFECTION)

    at(clinic, timedelta(minutes=4))
    clinic.post(CAUDA)

    after = task(clinic)
    assert (after["priority"], due(after)) == ("stat", MONDAY + AT_ONCE)


def test_a_draft_that_waited_for_a_red_flag_has_its_two_days_afterwards(clinic: Clinic) -> None:
    at(clinic, timedelta())
    clinic.post(*EXHAUSTED)
    clinic.post(RETENTION)
    assert task(clinic)["status"] == "on-hold"

    now = at(clinic, timedelta(hours=1))
    clinic.post(REFUTED)

    after = task(clinic)
    assert (after["status"], due(after)) == ("requested", now + TWO_WORKING_DAYS)
