"""A clock that tests move by hand."""

from datetime import UTC, datetime, timedelta

MONDAY = datetime(2026, 6, 1, 8, 0, 0, 123456, tzinfo=UTC)


class HandClock:
    """Stands still until it is moved; `as_of` is `now`."""

    def __init__(self, at: datetime = MONDAY) -> None:
        """Starts at `at`."""
        self.at = at

    def now(self) -> datetime:
        """Where it stands."""
        return self.at

    def as_of(self) -> datetime:
        """The same."""
        return self.at

    def pass_by(self, **duration: float) -> None:
        """Moves it, by what timedelta takes."""
        self.at += timedelta(**duration)
