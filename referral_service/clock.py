"""The only reader of the clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


class SystemClock:
    """The machine's time, and the instant that questions are asked for, moved by `shift`."""

    def __init__(self, shift: timedelta = timedelta()) -> None:
        """`shift` is CLOCK_SHIFT: it moves `as_of`, never `now`."""
        self._shift = shift

    def now(self) -> datetime:
        """The instant, UTC, with time zone."""
        return datetime.now(UTC)  # noqa: TID251 - here, and nowhere else

    def as_of(self) -> datetime:
        """The instant that questions are asked for: `now`, moved by the shift."""
        return self.now() + self._shift


def local_day(instant: datetime, timezone: str) -> date:
    """The calendar day of `instant` in an IANA time zone."""
    return instant.astimezone(ZoneInfo(timezone)).date()
