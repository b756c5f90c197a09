"""When a person's answer is due. Source: the contract's transition table; the ladder: pathway section 11."""

from bisect import bisect_right
from datetime import datetime, timedelta, tzinfo

# Acknowledgement of a red flag: told at once, and to the next person after so long. After the last rung it is
# told again each time as much time has passed. Everything else: two working days.
RUNGS = (timedelta(), timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=30))
FIRST_RUNG = RUNGS[1]
WORKING_DAYS = 2
# An approved order, from its approval on.
SENT_WITHIN = timedelta(hours=1)
_SATURDAY = 5


def review_due(since: datetime, priority: str, zone: tzinfo) -> datetime:
    """When a review begun at `since` is due; working days are Monday to Friday in `zone`."""
    if priority in ("urgent", "stat"):
        return since + FIRST_RUNG
    due, left = since.astimezone(zone), WORKING_DAYS
    while left:
        due += timedelta(days=1)
        left -= due.weekday() < _SATURDAY
    return due.astimezone(since.tzinfo)


def rung_of(since: datetime, now: datetime) -> int:
    """The rung of the ladder that a red flag has reached which nobody acknowledged."""
    return max(0, bisect_right(RUNGS, now - since) - 1)


def rung_at(since: datetime, now: datetime) -> datetime:
    """When the next rung is reached, after `now`."""
    waited = now - since
    following = next((rung for rung in RUNGS if rung > waited), None)
    return now + RUNGS[-1] if following is None else since + following
