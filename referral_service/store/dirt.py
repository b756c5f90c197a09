"""Who is to be evaluated: marking patients dirty, each at its place in the queue.

A red flag comes before everybody else. The others take turns by sender: a sender's next patient stands one
place behind its last one, and nobody's stands before the head of the queue. So one that sends a thousand
patients lines up a thousand places, and another's first patient among them comes next, not last. Places are
microseconds of real time, so that what a process remembers of a sender means nothing a moment later, and
several processes agree without asking each other.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from referral_service.store.bulk import Statement, inserting
from referral_service.store.fencing import first_token
from referral_service.store.tables import microseconds, patient
from referral_service.workflow.ports import PatientId, Tenant

Owner = tuple[Tenant, PatientId]
_PRESSING = 2**61  # before everybody else, and among each other the one that came first
_MOST_SENDERS = 1000

# Whoever is being looked at, or waits for another attempt, has had its turn.
_HEAD = Statement("SELECT place FROM patient WHERE place > 0 AND leased_until IS NULL ORDER BY place LIMIT 1")
_COLUMNS = tuple(column.name for column in patient.columns)
_MARK = inserting(
    patient,
    """ON CONFLICT (tenant, id) DO UPDATE SET
    place = CASE WHEN patient.place < excluded.place THEN patient.place ELSE excluded.place END,
    dirty_since = CASE WHEN patient.place IS NULL THEN excluded.dirty_since ELSE patient.dirty_since END,
    changes = patient.changes + excluded.changes,
    trace = excluded.trace,
    attempts = 0,
    parked_at = NULL,
    parked_category = NULL""",
)


class Dirt(NamedTuple):
    """How many changes a patient had, who sent them, whether they press, and the trace they belong to."""

    changes: int
    sender: str = ""
    is_pressing: bool = False
    trace: str | None = None

    def add(self, other: "Dirt") -> "Dirt":
        """Both of them about one patient."""
        return Dirt(
            self.changes + other.changes,
            self.sender,
            self.is_pressing or other.is_pressing,
            other.trace or self.trace,
        )


class Queue:
    """Gives places; one for each process that stores what senders send. Not for several threads at once."""

    def __init__(self) -> None:
        """Nobody has sent anything yet."""
        self._last: dict[tuple[Tenant, str], int] = {}

    def mark(self, connection: Connection, at: datetime, dirt: Mapping[Owner, Dirt]) -> None:
        """Adds to each patient's count of changes, and makes it due, parked or not."""
        if not dirt:
            return
        since = microseconds(at)
        owners = sorted(dirt)
        places = self._places(connection, since, ((owner[0], dirt[owner]) for owner in owners))
        rows = []
        for (tenant, identity), place in zip(owners, places, strict=True):
            one = dirt[tenant, identity]
            values = {
                "tenant": tenant,
                "id": identity,
                "place": place,
                "dirty_since": since,
                "changes": one.changes,
                "attempts": 0,
                "token": first_token(),
                "trace": one.trace,
            }
            rows.append(tuple(values.get(name) for name in _COLUMNS))
        _MARK.run(connection, rows)

    def _places(self, connection: Connection, now: int, dirt: Iterable[tuple[Tenant, Dirt]]) -> list[int]:
        found = _HEAD.read(connection, ())
        head = min(found[0][0], now) if found else now
        if len(self._last) > _MOST_SENDERS:
            self._last = {sender: place for sender, place in self._last.items() if place > head}
        places = []
        for tenant, one in dirt:
            if one.is_pressing:
                places.append(now - _PRESSING)
                continue
            place = max(head, self._last.get((tenant, one.sender), 0)) + 1
            self._last[tenant, one.sender] = place
            places.append(place)
        return places
