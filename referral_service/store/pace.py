"""A source's budget of requests, shared by every process: each takes the next free moments."""

from collections import deque
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from referral_service.store import marks
from referral_service.store.bulk import Statement
from referral_service.store.engine import writing
from referral_service.store.outside import mark
from referral_service.workflow.admit import Feed, sortable
from referral_service.workflow.ports import Clock

_NAME: Final = "pace"
_MINUTE: Final = timedelta(minutes=1)
_AT_ONCE: Final = timedelta(seconds=1)
_LOCKED = Statement(f"SELECT value FROM {mark.name} WHERE tenant = ? AND source = ? AND name = ?", locks=True)  # noqa: S608


class SqlPace:
    """So many requests a minute, spread. Not for several threads at once."""

    def __init__(self, engine: Engine, clock: Clock, feed: Feed, budget: int) -> None:
        """`budget` is in requests a minute; of a larger one a second's worth is taken together."""
        self._engine = engine
        self._clock = clock
        self._feed = feed
        self._apart = _MINUTE / budget
        self._taken: deque[datetime] = deque()

    def take(self) -> float:
        """Takes the next moment; how many seconds it is away."""
        now = self._clock.now()
        while self._taken and self._taken[0] < now - _AT_ONCE:
            self._taken.popleft()  # left unused for long: not to be caught up with
        if not self._taken:
            self._take(now)
        return max((self._taken.popleft() - now).total_seconds(), 0.0)

    def _take(self, now: datetime) -> None:
        number = max(int(_AT_ONCE / self._apart), 1)
        with writing(self._engine) as connection:
            found = _LOCKED.read(connection, (*self._feed, _NAME))
            # never longer than a budget's minute, should a clock have been wrong
            at = min(max(now, datetime.fromisoformat(found[0][0]) if found else now), now + _MINUTE)
            marks.put(connection, *self._feed, _NAME, sortable(at + number * self._apart), now)
        self._taken.extend(at + turn * self._apart for turn in range(number))
