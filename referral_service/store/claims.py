"""Who is due: claiming patients for a while, and giving them back after a failure.

An attempt is counted when it begins, so that an evaluation which ends its own process is counted too. One
whose last attempt did not end well is claimed alone, so that it can harm no other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from random import uniform
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, Select, bindparam, or_, select, update

from referral_service.store import ledger, persons, tally
from referral_service.store.duty import drained_since
from referral_service.store.tables import IS_AHEAD, IS_DIRTY, SLEEPS, patient
from referral_service.workflow.ports import Claim, Happening, PatientId, Tenant

MOST_ATTEMPTS = 5
# Clocks of several machines are never quite the same.
_CLOCKS_DIFFER = timedelta(minutes=1)
# One in so many of a batch are patients whose time has come, whatever else is due.
_SHARE_OF_TIME = 4

_ONE = update(patient).where(patient.c.tenant == bindparam("its_tenant"), patient.c.id == bindparam("its_id"))
_LEASE = _ONE.values(
    token=patient.c.token + 1,
    attempts=patient.c.attempts + 1,
    leased_until=bindparam("until"),
    leased_by=bindparam("by"),
)
_RENEW = _ONE.where(patient.c.token == bindparam("its_token")).values(leased_until=bindparam("until"))
LET_GO: dict[str, Any] = {"leased_until": None, "leased_by": None}


class Lease(NamedTuple):
    """How long, from when on, and for whom: the name of a worker process."""

    length: timedelta
    now: datetime
    worker: str

    @property
    def until(self) -> datetime:
        """When it ends."""
        return self.now + self.length


def is_anybody_due(connection: Connection, now: datetime, as_of: datetime) -> bool:
    """Whether a claim would find somebody."""
    return not drained_since(connection) and bool(_find(connection, 1, now, as_of))


def claim(connection: Connection, limit: int, as_of: datetime, lease: Lease) -> list[Claim]:
    """Leases up to `limit` patients, in the order of the queue; nobody while operators drain."""
    if drained_since(connection):
        return []
    while persons.lead(
        connection, found := _find(connection, limit, lease.now, as_of, locks=True), lease.now
    ):
        pass  # each time some fewer are due whom another leads
    counted: Counter[tally.Counted] = Counter()
    worn_out = [row for row in found if row["attempts"] >= MOST_ATTEMPTS]
    for row in worn_out:
        park(connection, row["tenant"], row["id"], lease.now, "fault")
    rows = [row for row in found if row["attempts"] < MOST_ATTEMPTS]
    rows = (
        rows[:1] if rows and rows[0]["attempts"] else list(takewhile(lambda row: not row["attempts"], rows))
    )
    if rows:
        keys = [_key(row["tenant"], row["id"], until=lease.until, by=lease.worker) for row in rows]
        connection.execute(_LEASE, keys)
        counted.update((row["tenant"], "attempts", "") for row in rows)
    left_behind = [row for row in [*worn_out, *rows] if row["leased_by"] is not None]
    counted.update((row["tenant"], "leases_expired", "") for row in left_behind)
    tally.add(connection, counted)
    return [
        Claim(row["tenant"], row["id"], row["token"] + 1, row["changes"], lease.until, row["trace"])
        for row in rows
    ]


def renew(connection: Connection, claims: Sequence[Claim], lease: Lease) -> None:
    """Makes leases that still hold last as long again."""
    if claims:
        keys = [_key(one.tenant, one.patient, until=lease.until, its_token=one.token) for one in claims]
        connection.execute(_RENEW, sorted(keys, key=lambda key: (key["its_tenant"], key["its_id"])))


def fail(connection: Connection, failed: Claim, category: str, now: datetime) -> bool:
    """Gives the lease back, to be claimed again a little later; parks after the last attempt."""
    row = lock(connection, [failed]).get((failed.tenant, failed.patient))
    if row is None or row["token"] != failed.token:
        return False
    is_last: bool = row["attempts"] >= MOST_ATTEMPTS
    if is_last:
        park(connection, failed.tenant, failed.patient, now, category)
    else:
        # the jitter keeps patients that failed together from coming back together
        pause = timedelta(seconds=2 ** row["attempts"] * uniform(0.5, 1.5))  # noqa: S311 - no secret
        change(connection, [(failed.tenant, failed.patient)], leased_until=now + pause, leased_by=None)
    tally.add(connection, {(failed.tenant, "attempts_failed", ""): 1})
    return is_last


def release(connection: Connection) -> None:
    """Ends every lease at once: for whoever knows that a worker died and cannot know whom it held.

    A worker that lives on loses nothing but work: its result counts only if nobody else has claimed since.
    """
    connection.execute(update(patient).where(patient.c.leased_until.is_not(None)).values(LET_GO))


def park(connection: Connection, tenant: Tenant, identity: PatientId, at: datetime, category: str) -> None:
    """Sets a patient aside until new data or a person brings it back."""
    change(
        connection,
        [(tenant, identity)],
        place=None,
        dirty_since=None,
        parked_at=at,
        parked_category=category,
        **LET_GO,
    )
    line = Happening("parked", f"Patient/{identity}", "service", {"category": category})
    ledger.append(connection, tenant, at, [line])


def lock(connection: Connection, claims: Sequence[Claim]) -> Mapping[tuple[Tenant, PatientId], RowMapping]:
    """The rows of these patients, locked until the transaction ends."""
    ids: dict[Tenant, list[PatientId]] = {}
    for one in claims:
        ids.setdefault(one.tenant, []).append(one.patient)
    return {
        (tenant, row["id"]): row
        for tenant in sorted(ids)
        for row in connection.execute(
            select(patient)
            .where(patient.c.tenant == tenant, patient.c.id.in_(ids[tenant]))
            .order_by(patient.c.id)
            .with_for_update()
        ).mappings()
    }


def change(connection: Connection, keys: Sequence[tuple[Tenant, PatientId]], **values: Any) -> None:
    """Sets the same columns of several patients."""
    if keys:
        connection.execute(_ONE.values(**values), [_key(*key) for key in sorted(keys)])


def _key(tenant: Tenant, identity: PatientId, **more: object) -> dict[str, Any]:
    return {"its_tenant": tenant, "its_id": identity, **more}


def _find(
    connection: Connection, limit: int, now: datetime, as_of: datetime, locks: bool = False
) -> list[RowMapping]:
    """Patients that are due and nobody's: dirty ones, those whose time has come, those asked for later."""
    places = select(patient).where(IS_DIRTY).order_by(patient.c.place)
    # However long the queue is, time goes on for the others.
    awake = select(patient).where(SLEEPS, patient.c.wake_at <= as_of).order_by(patient.c.wake_at)
    most_places = limit - limit // _SHARE_OF_TIME
    ahead = select(patient).where(IS_AHEAD, patient.c.asked_at > as_of + _CLOCKS_DIFFER)
    found: dict[tuple[Tenant, PatientId], RowMapping] = {}
    for asked, most in ((places, most_places), (awake, limit), (places, limit), (ahead, limit)):
        room = min(most, limit - len(found))
        if room > 0:
            rows = connection.execute(_free(asked, now, locks).limit(room + len(found))).mappings()
            found |= {(row["tenant"], row["id"]): row for row in rows}
    return list(found.values())[:limit]


def _free(asked: Select[Any], now: datetime, locks: bool) -> Select[Any]:
    asked = asked.where(or_(patient.c.leased_until.is_(None), patient.c.leased_until <= now))
    return asked.with_for_update(skip_locked=True) if locks else asked
