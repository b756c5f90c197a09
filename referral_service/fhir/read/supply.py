"""How long a supply lasts: FHIR's Duration in whole local days, months and years by the calendar."""

from collections.abc import Callable
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from referral_service.core.dates import ENDLESS, When, add_months

_UNITS = {
    "h": ("h", "hour", "hours"),
    "d": ("d", "day", "days"),
    "wk": ("wk", "week", "weeks"),
    "mo": ("mo", "month", "months"),
    "a": ("a", "year", "years"),
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words}


def _of_days(days: Decimal) -> Callable[[int], int]:
    count = int(days.to_integral_value(ROUND_CEILING))
    return lambda day: min(day + count, ENDLESS)


def _of_months(months: Decimal) -> Callable[[int], int]:
    count = int(months.to_integral_value(ROUND_FLOOR))
    return lambda day: add_months(day, count)


def last_day(start: When | None, duration: dict[str, Any] | None) -> When | None:
    """The last day covered by a supply that begins on `start`; None if either is missing or cannot be read.

    n days cover the first day and n - 1 more. A part of a day counts as a day, a part of a month does not
    count. A partial start shifts both ends.
    """
    later = _shift(duration) if start and duration else None
    if start is None or later is None:
        return None
    first, last = (date.fromordinal(later(day.toordinal()) - 1) for day in (start.earliest, start.latest))
    return When(first, last) if first >= start.earliest else None


def _shift(duration: dict[str, Any]) -> Callable[[int], int] | None:
    unit = _unit(duration.get("code")) or _unit(duration.get("unit"))
    value = duration.get("value")
    if unit is None or value is None:
        return None
    # No count above the calendar's own length is worth its digits.
    count = max(Decimal(0), min(Decimal(str(value)), Decimal(ENDLESS)))
    match unit:
        case "h":
            return _of_days(count / 24)
        case "d":
            return _of_days(count)
        case "wk":
            return _of_days(count * 7)
        case "mo":
            return _of_months(count)
        case _:
            return _of_months(count * 12)


def _unit(word: str | None) -> str | None:
    return _UNIT_OF.get(word.strip().lower()) if word else None
