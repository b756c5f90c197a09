"""The patients of the memory store: who is due, in which order, and who is held by whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from referral_service.store.tables import microseconds
from referral_service.workflow.ports import Episode, PatientId, Referral, Tenant

MOST_ATTEMPTS = 5
_CLOCKS_DIFFER = timedelta(minutes=1)
_PRESSING = 2**61

Owner = tuple[Tenant, PatientId]


@dataclass
class Patient:
    """Dirty while there is a place in the queue; `token` is that of the newest claim."""

    tenant: Tenant
    id: PatientId
    place: int | None = None
    changes: int = 0
    token: int = 0
    attempts: int = 0
    wake_at: datetime | None = None
    asked_at: datetime | None = None
    leased_until: datetime | None = None
    parked_at: datetime | None = None
    parked_category: str = ""
    episodes: dict[str, Episode] = field(default_factory=dict)
    referrals: dict[str, Referral] = field(default_factory=dict)

    def is_free(self, now: datetime) -> bool:
        """Whether nobody holds it."""
        return self.leased_until is None or self.leased_until <= now

    @property
    def is_clean(self) -> bool:
        """Whether only time can make it due."""
        return self.place is None and self.parked_at is None


class Dirt(NamedTuple):
    """How many changes a patient had, and whether one may be a red flag."""

    changes: int
    is_pressing: bool


class Queue:
    """Everybody, in the order in which they were first heard of."""

    def __init__(self) -> None:
        """Nobody yet."""
        self.patients: dict[Owner, Patient] = {}
        self._last: dict[tuple[Tenant, str], int] = {}

    def mark(self, at: datetime, sender: str, dirt: Mapping[Owner, Dirt], is_lone: bool = False) -> None:
        """Makes patients due, parked or not. `is_lone`: it is nothing to the sender's other turns."""
        last = {} if is_lone else self._last
        for owner, place in self._places(at, sender, dirt, last).items():
            one = self.patients.setdefault(owner, Patient(*owner))
            one.place = place if one.place is None else min(place, one.place)
            one.changes += dirt[owner].changes
            one.attempts, one.parked_at = 0, None

    def lose_turns(self, at: datetime, sender: str, dirt: Mapping[Owner, Dirt]) -> None:
        """What was to be marked is given up, but the turns were taken."""
        self._places(at, sender, dirt, self._last)

    def _places(
        self, at: datetime, sender: str, dirt: Mapping[Owner, Dirt], last: dict[tuple[Tenant, str], int]
    ) -> dict[Owner, int]:
        """Red flags come first; else a sender's next patient stands one place behind its last.

        Nobody comes before the head of the queue.
        """
        now = microseconds(at)
        waiting = [it.place for it in self.patients.values() if it.place and it.leased_until is None]
        head = min([now, *(place for place in waiting if place > 0)])
        places = {}
        for tenant, id in sorted(dirt):
            places[tenant, id] = now - _PRESSING
            if not dirt[tenant, id].is_pressing:
                place = max(head, last.get((tenant, sender), 0)) + 1
                places[tenant, id] = last[tenant, sender] = place
        return places

    def due(self, limit: int, now: datetime, as_of: datetime) -> list[Patient]:
        """Who is due and nobody's; a quarter of a batch is for those whose time has come, if any."""
        free = [one for one in self.patients.values() if one.is_free(now)]
        clean = [(n, it) for n, it in enumerate(free) if it.is_clean]
        places = sorted((it.place, n) for n, it in enumerate(free) if it.place is not None)
        awake = sorted((it.wake_at, n) for n, it in clean if it.wake_at and it.wake_at <= as_of)
        latest = as_of + _CLOCKS_DIFFER
        ahead = sorted((it.asked_at, n) for n, it in clean if it.asked_at and it.asked_at > latest)
        order = [n for _, n in (*places[: limit - limit // 4], *awake, *places, *ahead)]
        return [free[n] for n in dict.fromkeys(order)][:limit]
