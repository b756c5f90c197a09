"""When a person's answer is due: five minutes for a red flag, two working days for everything else."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_service.core.deadline import review_due

NEW_YORK = ZoneInfo("America/New_York")
moments = st.integers(0, 365 * 24 * 60).map(lambda m: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=m))


@pytest.mark.parametrize("priority", ["urgent", "stat"])
def test_a_red_flag_is_due_in_five_minutes_on_any_day(priority: str) -> None:
    sunday_night = datetime(2026, 5, 31, 23, 58, tzinfo=UTC)
    assert review_due(sunday_night, priority, UTC) == sunday_night + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("since", "due"),
    [
        ("2026-06-01T09:00", "2026-06-03T09:00"),  # Monday to Wednesday
        ("2026-06-04T09:00", "2026-06-08T09:00"),  # Thursday, over the weekend, to Monday
        ("2026-06-05T09:00", "2026-06-09T09:00"),  # Friday to Tuesday
        ("2026-06-06T09:00", "2026-06-09T09:00"),  # Saturday to Tuesday
        ("2026-06-07T09:00", "2026-06-09T09:00"),  # Sunday to Tuesday
    ],
)
def test_anything_else_is_due_after_two_working_days(since: str, due: str) -> None:
    begun = datetime.fromisoformat(since).replace(tzinfo=UTC)
    assert review_due(begun, "routine", UTC) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_working_days_are_those_of_the_clinics_zone() -> None:
    # Friday evening in New York is Saturday in UTC.
    begun = datetime(2026, 6, 6, 1, tzinfo=UTC)
    assert review_due(begun, "routine", NEW_YORK) == datetime(2026, 6, 10, 1, tzinfo=UTC)
    assert review_due(begun, "routine", UTC) == datetime(2026, 6, 9, 1, tzinfo=UTC)


def test_it_is_said_in_the_time_that_the_question_was_asked_in() -> None:
    begun = datetime(2026, 6, 1, 9, tzinfo=NEW_YORK)
    due = review_due(begun, "routine", UTC)
    assert (due, due.tzinfo) == (datetime(2026, 6, 3, 9, tzinfo=NEW_YORK), NEW_YORK)


def test_the_clock_on_the_wall_is_kept_when_summer_time_begins() -> None:
    begun = datetime(2026, 3, 6, 15, tzinfo=UTC)  # Friday, 10:00 in New York
    assert review_due(begun, "routine", NEW_YORK) == datetime(2026, 3, 10, 14, tzinfo=UTC)


@given(moments)
def test_it_is_never_due_on_a_weekend_and_at_most_four_days_later(begun: datetime) -> None:
    due = review_due(begun, "routine", UTC)
    assert due.weekday() < 5
    assert timedelta(days=2) <= due - begun <= timedelta(days=4)
    assert due.tzinfo == begun.tzinfo
