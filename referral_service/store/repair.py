"""What operators change, each with its line: parked patients are tried again, workers rest or go on."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from referral_service.store import duty, ledger
from referral_service.store.dirt import Dirt, Queue
from referral_service.store.tables import IS_PARKED, patient
from referral_service.workflow.ports import DEFAULT_TENANT, Happening, PatientId, Tenant

_SERVICE = "Device/referral-service"


def retry(
    connection: Connection, tenant: Tenant, patients: Sequence[PatientId], now: datetime, actor: str
) -> list[PatientId]:
    """Makes those of some hundred patients that are parked due, all attempts before them; says who was."""
    parked = connection.execute(
        select(patient.c.id, patient.c.parked_category)
        .where(IS_PARKED, patient.c.tenant == tenant, patient.c.id.in_(patients))
        .order_by(patient.c.id)
        .with_for_update()
    ).all()
    # in turn, as if a sender had sent something about each, though nothing about them is new
    Queue().mark(connection, now, {(tenant, PatientId(row.id)): Dirt(0, actor) for row in parked})
    lines = [
        Happening("retried", f"Patient/{row.id}", actor, {"category": row.parked_category or ""})
        for row in parked
    ]
    if lines:
        ledger.append(connection, tenant, now, lines)
    return [PatientId(row.id) for row in parked]


def drain(connection: Connection, now: datetime, actor: str) -> bool:
    """Lets no worker claim anybody from `now` on; False if none may already."""
    if duty.drained_since(connection):
        return False
    duty.drain(connection, now)
    ledger.append(connection, DEFAULT_TENANT, now, [Happening("drained", _SERVICE, actor)])
    return True


def resume(connection: Connection, now: datetime, actor: str) -> bool:
    """Lets workers claim again; False if they may already."""
    if not duty.drained_since(connection):
        return False
    duty.drain(connection, None)
    ledger.append(connection, DEFAULT_TENANT, now, [Happening("resumed", _SERVICE, actor)])
    return True
