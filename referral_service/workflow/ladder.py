"""The ladder of a red flag: who is told at once, after 5, 15 and 30 minutes, until a person acknowledges it.

Source: pathway section 11. Telling twice does no harm and telling nobody does: it is told first and kept
afterwards, and what could not be told is tried again. A message says that somebody has to look, no more.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from referral_service.core.deadline import rung_at, rung_of
from referral_service.workflow.ports import Clock, Tenant


class Alarm(msgspec.Struct, frozen=True):
    """A red flag that nobody has acknowledged: its Task, and since when it waits."""

    tenant: Tenant
    task: str
    since: datetime


class Alarms(Protocol):
    """The part of the store that keeps alarms. Each method is one transaction."""

    def take(self, now: datetime) -> Sequence[Alarm]:
        """The alarms that are due, for a minute nobody else's."""

    def keep(self, told: Sequence[Alarm], rung: int, following: Sequence[datetime]) -> None:
        """They were told on this rung; each is due again then, unless somebody has acknowledged it."""


class Notifier(Protocol):
    """Reaches people."""

    def tell(self, rung: int, number: int) -> bool:
        """Whether somebody of this rung (0 to 3) could be told that so many red flags wait."""


class Ladder:
    """The verb, over its ports."""

    def __init__(self, alarms: Alarms, notifier: Notifier, clock: Clock) -> None:
        """Opens nothing."""
        self._alarms = alarms
        self._notifier = notifier
        self._clock = clock

    def climb(self) -> int:
        """Tells whoever is next about every alarm that is due; how many were told."""
        now = self._clock.now()
        by_rung: dict[int, list[Alarm]] = {}
        for alarm in self._alarms.take(now):
            by_rung.setdefault(rung_of(alarm.since, now), []).append(alarm)
        told = 0
        for rung, alarms in sorted(by_rung.items(), reverse=True):
            if self._notifier.tell(rung, len(alarms)):
                self._alarms.keep(alarms, rung, [rung_at(alarm.since, now) for alarm in alarms])
                told += len(alarms)
        return told
