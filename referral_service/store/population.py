"""Everybody who is stored, one batch in memory at a time; for questions about the whole population."""

from collections.abc import Iterator
from itertools import groupby

from sqlalchemy import Engine, select

from referral_service.core.timeline import AnyFact
from referral_service.store import bodies
from referral_service.store.engine import reading as snapshot
from referral_service.store.tables import fact, patient
from referral_service.workflow.ports import PatientId, Tenant

_AT_ONCE = 500


def patients(engine: Engine, tenant: Tenant) -> Iterator[tuple[PatientId, tuple[AnyFact, ...]]]:
    """Each patient with the current facts, by id. Batch is read after batch, each as it is at that moment."""
    after = ""
    while True:
        with snapshot(engine) as connection:
            some = select(patient.c.id).where(patient.c.tenant == tenant, patient.c.id > after)
            ids = list(connection.scalars(some.order_by(patient.c.id).limit(_AT_ONCE)))
            if not ids:
                return
            current = select(fact.c.patient, fact.c.body).where(
                fact.c.tenant == tenant, fact.c.patient.in_(ids), fact.c.known_until.is_(None)
            )
            rows = connection.execute(current.order_by(*fact.primary_key)).all()
        for who, found in groupby(rows, key=lambda row: row.patient):
            yield PatientId(who), tuple(bodies.fact(row.body) for row in found)
        after = ids[-1]
