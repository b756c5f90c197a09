"""Whether one FHIR date, dateTime or instant is certainly after another."""

from datetime import datetime
from typing import Any


def _instant(text: str) -> datetime:
    # A leap second is legal in FHIR; the clock of datetime has none.
    return datetime.fromisoformat(text.replace(":60", ":59"))


def is_after(earlier: Any, later: Any) -> bool:
    """Whether `earlier` lies after `later`, which it should not; absent values and a tie in doubt are no.

    Two full times are compared as instants. Else the calendar texts are, as far as both are precise.
    """
    if not isinstance(earlier, str) or not isinstance(later, str):
        return False
    if "T" in earlier and "T" in later:
        return _instant(earlier) > _instant(later)
    shared = min(len(earlier), len(later), len("YYYY-MM-DD"))
    return earlier[:shared] > later[:shared]
