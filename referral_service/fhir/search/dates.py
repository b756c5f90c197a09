"""A FHIR date, dateTime, instant or Period as the range of instants that it may mean."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final, NamedTuple

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)
_DAY, _MINUTE, _SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)

_SHAPE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,12}))?)?(Z|[+ -]\d\d:\d\d)?)?)?)?\Z",
    re.ASCII,
)
_LONGEST = len("2026-11-23T10:15:30.123456789012+01:00")  # what is longer would only fill the memory below


class Span(NamedTuple):
    """Instants from `start` up to, not including, `end`; UTC. Open ends are BEGINNING and END.

    What the calendar of this language cannot hold is as near to it as can be.
    """

    start: datetime
    end: datetime


class During(NamedTuple):
    """One date comparison: FHIR's prefix and the instants that the value covers."""

    comparison: str
    span: Span

    def holds(self, found: Span) -> bool:
        """R4's comparison of the range that a resource's date covers with that of the value."""
        return _HOLDS[self.comparison](found, self.span)


def _is_within(found: Span, asked: Span) -> bool:
    return found.start >= asked.start and found.end <= asked.end


_HOLDS: Final[Mapping[str, Callable[[Span, Span], bool]]] = {
    "eq": _is_within,
    "ne": lambda found, asked: not _is_within(found, asked),
    "gt": lambda found, asked: found.end > asked.end,
    "ge": lambda found, asked: found.end > asked.end or _is_within(found, asked),
    "lt": lambda found, asked: found.start < asked.start,
    "le": lambda found, asked: found.start < asked.start or _is_within(found, asked),
    "sa": lambda found, asked: found.start >= asked.end,
    "eb": lambda found, asked: found.end <= asked.start,
    "ap": lambda found, asked: found.start < asked.end and found.end > asked.start,
}
COMPARISONS: Final = tuple(_HOLDS)


def span(text: object) -> Span | None:
    """What a date of any precision covers; without a zone it is taken as UTC. None if it is no date.

    Source: R4 search, "date": a value is the range its precision implies.
    """
    return _span(text) if isinstance(text, str) and len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _span(text: str) -> Span | None:
    shape = _SHAPE.match(text)
    if shape is None:
        return None
    try:
        return _read(shape)
    except ValueError:
        return None


def span_of(value: object) -> Span | None:
    """The same for a Period, and for the outer limits of a Timing; without a date they cover nothing."""
    if not isinstance(value, dict):
        return span(value)
    if "event" in value or "repeat" in value:
        return _outer_limits(value)
    first, last = span(value.get("start")), span(value.get("end"))
    if first is None and last is None:
        return None
    return Span(first.start if first else BEGINNING, last.end if last else END)


def _outer_limits(timing: dict[str, Any]) -> Span | None:
    """Source: R4 search, "date": the details of a Timing are ignored, only the outer limits matter."""
    covered = [span(event) for event in timing.get("event", ())]
    covered.append(span_of(timing.get("repeat", {}).get("boundsPeriod")))
    known = [one for one in covered if one]
    if not known:
        return None
    return Span(min(one.start for one in known), max(one.end for one in known))


def _read(shape: re.Match[str]) -> Span:
    year, month, day, hour, minute, second, fraction, zone = shape.groups()
    if day is None:
        return _year(int(year)) if month is None else _month(int(year), int(month))
    if hour is None:
        start = datetime(int(year), int(month), int(day), tzinfo=UTC)
        return _bounded(start, _after(start, _DAY))
    at = (int(year), int(month), int(day), int(hour), int(minute))
    if second is None:
        start = datetime(*at, tzinfo=_zone(zone))
        return _bounded(start, _after(start, _MINUTE))
    # A leap second is the last one that the calendar of this language knows.
    start = datetime(*at, min(int(second), 59) if second == "60" else int(second), tzinfo=_zone(zone))
    if fraction is None:
        return _bounded(start, _after(start, _SECOND))
    start = start.replace(microsecond=int(fraction[:6].ljust(6, "0")))
    return _bounded(start, _after(start, timedelta(microseconds=10 ** max(0, 6 - len(fraction)))))


def _year(year: int) -> Span:
    return _bounded(
        datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC) if year < 9999 else END
    )


def _month(year: int, month: int) -> Span:
    start = datetime(year, month, 1, tzinfo=UTC)
    if (year, month) == (9999, 12):
        return _bounded(start, END)
    return _bounded(start, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC))


@lru_cache(maxsize=256)
def _zone(text: str | None) -> tzinfo:
    if text is None or text == "Z":
        return UTC
    # A plus sign that a client forgot to escape in a URL arrives as a space.
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[4:6])))


def _bounded(start: datetime, end: datetime) -> Span:
    return Span(_in_utc(start), _in_utc(end))


def _after(start: datetime, length: timedelta) -> datetime:
    try:
        return start + length
    except OverflowError:
        return datetime.max.replace(tzinfo=start.tzinfo)


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is not UTC:
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:
            return BEGINNING if moment.year == 1 else END
    return moment if moment > BEGINNING else BEGINNING
