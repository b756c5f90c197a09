"""Calendar months clamp to the month's end; a horizon knows the first day on which an answer may change."""

from datetime import date, timedelta

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from referral_service.core.dates import ENDLESS, Horizon, When, add_months, last_within, on

ordinals = st.integers(700_000, 760_000)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2008-02-29", 216, "2026-02-28"),
        ("2026-03-31", 3, "2026-06-30"),
        ("2025-11-30", 3, "2026-02-28"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-01-15", -1, "2025-12-15"),
        ("0002-01-15", -12, "0001-01-15"),
        ("9998-12-15", 12, "9999-12-15"),
    ],
)
def test_a_calendar_month_later_is_clamped_to_the_end_of_the_month(start: str, months: int, end: str) -> None:
    assert add_months(date.fromisoformat(start).toordinal(), months) == date.fromisoformat(end).toordinal()


@given(ordinals, st.integers(-300, 300))
def test_months_are_those_of_the_calendar(day: int, months: int) -> None:
    expected = date.fromordinal(day) + relativedelta(months=months)
    assert add_months(day, months) == expected.toordinal()


@pytest.mark.parametrize(
    ("start", "months", "last"),
    [
        ("2025-06-01", 12, "2026-06-01"),
        ("2023-02-28", 12, "2024-02-29"),
        ("2026-02-28", 1, "2026-03-31"),
        ("2025-11-30", 3, "2026-02-28"),
    ],
)
def test_the_end_of_a_month_is_within_months_of_the_end_of_a_shorter_one(
    start: str, months: int, last: str
) -> None:
    assert last_within(date.fromisoformat(start).toordinal(), months) == date.fromisoformat(last).toordinal()


@given(ordinals, st.integers(0, 40))
def test_the_last_day_within_months_is_the_last_that_reaches_back_to_the_day(day: int, months: int) -> None:
    last = last_within(day, months)
    assert add_months(last, -months) <= day
    assert last == ENDLESS or add_months(last + 1, -months) > day


def test_beyond_the_calendar_there_is_no_end() -> None:
    assert add_months(ENDLESS, 1) == ENDLESS
    assert add_months(ENDLESS, 0) == ENDLESS


def test_a_date_is_exact_when_it_means_one_day() -> None:
    day = date(2026, 5, 1)
    assert on(day).is_exact
    assert on(day).day == day.toordinal()
    assert not When(day, day + timedelta(days=1)).is_exact


@given(ordinals, st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), max_size=6))
def test_answers_given_so_far_hold_until_the_horizons_next_day_and_one_changes_on_it(
    today: int, questions: list[tuple[bool, int]]
) -> None:
    def asked(horizon: Horizon) -> list[bool]:
        return [
            horizon.has_come(today + away) if come else horizon.still(today + away)
            for come, away in questions
        ]

    horizon = Horizon(today)
    now = asked(horizon)
    assert now == [away <= 0 if come else away >= 0 for come, away in questions]
    changes = [ahead for ahead in range(1, 12) if asked(Horizon(today + ahead)) != now]
    assert horizon.next == (today + changes[0] if changes else ENDLESS)
