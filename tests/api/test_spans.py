"""Dates in searches: the range of instants that each precision covers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_service.fhir.search.dates import BEGINNING, END, span, span_of
from referral_service.fhir.search.escapes import plain, split

SPANS = {
    "2026": ("2026-01-01T00:00:00", "2027-01-01T00:00:00"),
    "2026-12": ("2026-12-01T00:00:00", "2027-01-01T00:00:00"),
    "2024-02-29": ("2024-02-29T00:00:00", "2024-03-01T00:00:00"),
    "2026-01-01T10:30": ("2026-01-01T10:30:00", "2026-01-01T10:31:00"),
    "2026-01-01T10:30:15Z": ("2026-01-01T10:30:15", "2026-01-01T10:30:16"),
    "2026-01-01T00:30:00+01:00": ("2025-12-31T23:30:00", "2025-12-31T23:30:01"),
    "2026-01-01T00:30:00 01:00": ("2025-12-31T23:30:00", "2025-12-31T23:30:01"),
    "2026-01-01T10:30:15.5-02:00": ("2026-01-01T12:30:15.500", "2026-01-01T12:30:15.600"),
    "2016-12-31T23:59:60Z": ("2016-12-31T23:59:59", "2017-01-01T00:00:00"),
    "9999": ("9999-01-01T00:00:00", END.isoformat()),
    "9999-12": ("9999-12-01T00:00:00", END.isoformat()),
    "0001-01-01": (BEGINNING.isoformat(), BEGINNING.isoformat()),
}


def at(text: str) -> datetime:
    """An instant, UTC unless it says otherwise."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@pytest.mark.parametrize("text", SPANS)
def test_a_date_covers_what_its_precision_implies(text: str) -> None:
    start, end = SPANS[text]
    assert span(text) == (at(start), at(end))


@pytest.mark.parametrize(
    "text", ["2024-02-30", "2026-13", "26", "2026-1-1", "2026-01-01T25:00", "0000", "today", "", None, 2026]
)
def test_what_is_no_date_covers_nothing(text: object) -> None:
    assert span(text) is None


def test_a_period_may_be_open() -> None:
    assert span_of({"start": "2026"}) == (at("2026-01-01"), END)
    assert span_of({"end": "2026-01"}) == (BEGINNING, at("2026-02-01"))
    assert span_of({"start": "never"}) is None


TIMINGS = {
    "the days of its events": ({"event": ["2026-03-02", "2026-01-05"]}, ("2026-01-05", "2026-03-03")),
    "the bounds of its repetition": (
        {"repeat": {"boundsPeriod": {"start": "2026-01", "end": "2026-02"}, "frequency": 1}},
        ("2026-01-01", "2026-03-01"),
    ),
    "both": (
        {"event": ["2026-07-01"], "repeat": {"boundsPeriod": {"start": "2026-01", "end": "2026-02"}}},
        ("2026-01-01", "2026-07-02"),
    ),
    "bounds that are open": (
        {"repeat": {"boundsPeriod": {"start": "2026"}}},
        ("2026-01-01", END.isoformat()),
    ),
    "no bounds": ({"repeat": {"boundsDuration": {"value": 3}, "frequency": 1}}, None),
    "no times": ({"code": {"text": "daily"}}, None),
    "an event that is only extended": ({"event": [None, "2026-01-05"]}, ("2026-01-05", "2026-01-06")),
}


@pytest.mark.parametrize("what", TIMINGS)
def test_a_timing_covers_its_outer_limits(what: str) -> None:
    timing, limits = TIMINGS[what]
    assert span_of(timing) == (limits and tuple(map(at, limits)))


@given(st.integers(-2_000_000_000, 4_000_000_000), st.integers(-14 * 60, 14 * 60))
def test_an_instant_is_found_in_its_day_whatever_its_offset(second: int, offset: int) -> None:
    moment = datetime.fromtimestamp(second, UTC)
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    written = f"{moment:%Y-%m-%dT%H:%M:%S}{sign}{minutes // 60:02}:{minutes % 60:02}"
    covered = span(written)
    assert covered is not None
    assert covered.start == moment - timedelta(minutes=offset)
    day = span(covered.start.date().isoformat())
    assert day is not None and day.start <= covered.start < day.end


@given(st.text())
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    covered = span(text)
    assert covered is None or covered.start <= covered.end


@given(st.lists(st.text(alphabet=r"ab,|\$"), min_size=1))
def test_escaped_values_come_apart_as_they_were_put_together(values: list[str]) -> None:
    escaped = [value.replace("\\", "\\\\").replace(",", "\\,").replace("|", "\\|") for value in values]
    assert [plain(part) for part in split(",".join(escaped), ",")] == values
