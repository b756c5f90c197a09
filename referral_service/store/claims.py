"""Who is due: claiming patients for a while, and giving them back after a failure.

An attempt is counted when it begins, so that an evaluation which ends its own process is counted too. One
whose last attempt did not end well is claimed alone, so that it can harm no other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from random import uniform
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, or_, select, update

from referral_service.store import ledger
from referral_service.store.tables import IS_AHEAD, IS_DIRTY, SLEEPS, patient
from referral_service.workflow.ports import Claim, Happening, PatientId, Tenant

MOST_ATTEMPTS = 5
# Clocks of several machines are never quite the same.
_CLOCKS_DIFFER = timedelta(minutes=1)

_ONE = update(patient).where(patient.c.tenant == bindparam("its_tenant"), patient.c.id == bindparam("its_id"))
_LEASE = _ONE.values(
    token=patient.c.token + 1, attempts=patient.c.attempts + 1, leased_until=bindparam("until")
)


def is_anybody_due(connection: Connection, now: datetime, as_of: datetime) -> bool:
    """Whether a claim would find somebody."""
    return bool(_find(connection, 1, now, as_of))


def claim(
    connection: Connection, limit: int, now: datetime, as_of: datetime, lease: timedelta
) -> list[Claim]:
    """Leases up to `limit` patients, those that have waited longest first."""
    found = _find(connection, limit, now, as_of, locks=True)
    for row in found:
        if row["attempts"] >= MOST_ATTEMPTS:
            park(connection, row["tenant"], row["id"], now, "fault")
    rows = [row for row in found if row["attempts"] < MOST_ATTEMPTS]
    rows = (
        rows[:1] if rows and rows[0]["attempts"] else list(takewhile(lambda row: not row["attempts"], rows))
    )
    if rows:
        until = now + lease
        keys = [{"its_tenant": row["tenant"], "its_id": row["id"], "until": until} for row in rows]
        connection.execute(_LEASE, keys)
    return [Claim(row["tenant"], row["id"], row["token"] + 1, row["changes"]) for row in rows]


def fail(connection: Connection, failed: Claim, category: str, now: datetime) -> bool:
    """Gives the lease back, to be claimed again a little later; parks after the last attempt."""
    row = lock(connection, [failed]).get((failed.tenant, failed.patient))
    if row is None or row["token"] != failed.token:
        return False
    if row["attempts"] >= MOST_ATTEMPTS:
        park(connection, failed.tenant, failed.patient, now, category)
        return True
    # the jitter keeps patients that failed together from coming back together
    pause = timedelta(seconds=2 ** row["attempts"] * uniform(0.5, 1.5))  # noqa: S311 - no secret
    change(connection, [(failed.tenant, failed.patient)], leased_until=now + pause)
    return False


def release(connection: Connection) -> None:
    """Ends every lease at once: for whoever knows that a worker died and cannot know whom it held.

    A worker that lives on loses nothing but work: its result counts only if nobody else has claimed since.
    """
    connection.execute(update(patient).where(patient.c.leased_until.is_not(None)).values(leased_until=None))


def park(connection: Connection, tenant: Tenant, identity: PatientId, at: datetime, category: str) -> None:
    """Sets a patient aside until new data or a person brings it back."""
    change(connection, [(tenant, identity)], parked_at=at, parked_category=category, leased_until=None)
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
        rows = [{"its_tenant": tenant, "its_id": identity} for tenant, identity in keys]
        connection.execute(_ONE.values(**values), rows)


def _find(
    connection: Connection, limit: int, now: datetime, as_of: datetime, locks: bool = False
) -> list[RowMapping]:
    """Patients that are due and nobody's: dirty ones, those whose time has come, those asked for later."""
    dirty = _free(select(patient).where(IS_DIRTY).order_by(patient.c.dirty_since), now, locks)
    rows = list(connection.execute(dirty.limit(limit)).mappings())
    if len(rows) < limit:
        awake = select(patient).where(SLEEPS, patient.c.wake_at <= as_of).order_by(patient.c.wake_at)
        rows += connection.execute(_free(awake, now, locks).limit(limit - len(rows))).mappings()
    if len(rows) < limit:
        ahead = select(patient).where(IS_AHEAD, patient.c.asked_at > as_of + _CLOCKS_DIFFER)
        taken = {(row["tenant"], row["id"]) for row in rows}
        found = connection.execute(_free(ahead, now, locks).limit(limit)).mappings()
        rows += [row for row in found if (row["tenant"], row["id"]) not in taken][: limit - len(rows)]
    return rows


def _free(asked: Select[Any], now: datetime, locks: bool) -> Select[Any]:
    asked = asked.where(or_(patient.c.leased_until.is_(None), patient.c.leased_until <= now))
    return asked.with_for_update(skip_locked=True) if locks else asked
