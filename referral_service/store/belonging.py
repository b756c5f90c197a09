"""Whose something is: what must be known before it is shown to somebody who may see one patient alone."""

from sqlalchemy import Engine, select

from referral_service.store import persons
from referral_service.store.engine import reading
from referral_service.store.tables import patient, referral, resource, resource_version
from referral_service.workflow.ports import PatientId, Tenant


def of_patient(engine: Engine, tenant: Tenant, id: str) -> PatientId | None:
    """That patient, if anything is known of them."""
    asked = select(patient.c.id).where(patient.c.tenant == tenant, patient.c.id == id)
    with reading(engine) as connection:
        found = connection.scalar(asked)
    return None if found is None else PatientId(found)


def of_referral(engine: Engine, tenant: Tenant, task: str) -> PatientId | None:
    """The patient of the referral whose review that Task is; None if there is none."""
    asked = select(referral.c.patient).where(referral.c.tenant == tenant, referral.c.task == task)
    with reading(engine) as connection:
        found = connection.scalar(asked)
    return None if found is None else PatientId(found)


def are_one(engine: Engine, tenant: Tenant, one: str, other: str) -> bool:
    """Whether two patients are one person."""
    with reading(engine) as connection:
        return PatientId(other) in persons.whole(connection, tenant, PatientId(one))


def of_resource(engine: Engine, tenant: Tenant, type: str, id: str, version: int | None) -> PatientId | None:
    """The patient whom a version of a resource is about, or the current one; None also for nobody."""
    asked = [
        select(one.c.patient, one.c.version).where(one.c.tenant == tenant, one.c.type == type, one.c.id == id)
        for one in (resource, resource_version)
    ]
    with reading(engine) as connection:
        # the first is the current one
        rows = [row for one in asked for row in connection.execute(one)]
    found = next((row.patient for row in rows if version in (None, row.version)), None)
    return None if found is None else PatientId(found)
