"""FHIR's dates as the pathway's days: the local day as its sender wrote it, partial dates as intervals.

Every text here has passed the checker: it has FHIR's form, and the calendar has its day.
"""

from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any

from referral_service.core.dates import When

_YEAR, _MONTH, _DAY = len("2026"), len("2026-05"), len("2026-05-01")


def when(text: str | None) -> When | None:
    """The days that a date, dateTime or instant may mean, whatever its offset."""
    if text is None:
        return None
    if len(text) >= _DAY:
        day = date.fromisoformat(text[:_DAY])
        return When(day, day)
    year = int(text[:_YEAR])
    first, last = (int(text[-2:]),) * 2 if len(text) == _MONTH else (1, 12)
    return When(date(year, first, 1), date(year, last, monthrange(year, last)[1]))


def instant(text: str | None) -> datetime | None:
    """The instant in UTC; a date without a time is the start of its first day in UTC.

    None too for the few hours at either end of the calendar that UTC does not have.
    """
    if text is not None and len(text) > _DAY:
        try:
            # A leap second is legal in FHIR; the clock of datetime has none.
            return datetime.fromisoformat(text.replace(":60", ":59")).astimezone(UTC)
        except OverflowError:
            return None
    day = when(text)
    return datetime.combine(day.earliest, time.min, UTC) if day else None


def period(value: dict[str, Any] | None) -> tuple[When | None, When | None]:
    """Start and end of a Period; never an end before the start."""
    if not value:
        return None, None
    start, end = when(value.get("start")), when(value.get("end"))
    return start, not_before(start, end)


def not_before(start: When | None, end: When | None) -> When | None:
    """The end, or the start if the end lies before it: offsets can turn the local days of a period around."""
    return start if start and end and end.latest < start.earliest else end


def first_of(days: Iterable[When | None]) -> When | None:
    """The earliest of several dates."""
    known = [day for day in days if day]
    if not known:
        return None
    return When(min(day.earliest for day in known), min(day.latest for day in known))


def last_of(days: Iterable[When | None]) -> When | None:
    """The latest of several dates."""
    known = [day for day in days if day]
    if not known:
        return None
    return When(max(day.earliest for day in known), max(day.latest for day in known))


def begun(resource: dict[str, Any]) -> When | None:
    """When a Condition or an allergy began: onsetDateTime, else onsetPeriod.start."""
    return when(resource.get("onsetDateTime")) or period(resource.get("onsetPeriod"))[0]


def measured(resource: dict[str, Any]) -> When | None:
    """When an observation or a report was true: its effective time (a period's end), else its issue."""
    start, end = period(resource.get("effectivePeriod"))
    return (
        when(resource.get("effectiveDateTime"))
        or end
        or start
        or when(resource.get("effectiveInstant"))
        or when(resource.get("issued"))
    )
