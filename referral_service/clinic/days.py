"""Days as a story writes them: counted from as_of (0), as dates, or as dates that are only partly known.

"month of -60" and "year of -400" are the month and the year of that day: partial dates that move along.
"""

import re
from datetime import date, datetime, timedelta
from typing import Any

# A year that was meant as a partial date but not quoted would otherwise be taken for a day far ahead.
_FURTHEST_AHEAD = 1000
_PARTIAL = re.compile(r"(month|year) of ([+-]?\d+)")
_LENGTH = {"year": len("2025"), "month": len("2025-05")}


def written(value: Any, as_of: date) -> str:
    """The day, date or instant as FHIR writes it; a number counts days from `as_of`."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"no day: {value!r}")
    if isinstance(value, str):
        partial = _PARTIAL.fullmatch(value)
        return written(int(partial[2]), as_of)[: _LENGTH[partial[1]]] if partial else value
    if value > _FURTHEST_AHEAD:
        raise ValueError(f"{value} days ahead: quote a year that is a partial date")
    return (as_of + timedelta(days=value)).isoformat()


def instant(value: Any, as_of: date) -> str:
    """As `written`, but with a time of day, which is midnight UTC where the story gives none."""
    text = written(value, as_of)
    return text if "T" in text else f"{text}T00:00:00Z"


def spread(first: int, last: int, step: int | None, count: int | None) -> list[int]:
    """Each `step`-th day from first to last, or `count` days spread evenly with both ends included."""
    if (step is None) == (count is None):
        raise ValueError("give either step or count")
    if step is not None:
        return list(range(first, last + 1, step))
    if count is None or not 2 <= count <= last - first + 1:
        raise ValueError(f"{count} different days do not fit between {first} and {last}")
    return [first + round(place * (last - first) / (count - 1)) for place in range(count)]
