"""When a person's answer is due. Source: the contract's transition table (assumptions of this project)."""

from datetime import datetime, timedelta, tzinfo

# Acknowledgement of a red flag: the first step of its ladder. Everything else: two working days.
FIRST_RUNG = timedelta(minutes=5)
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
