"""Everybody who is stored, one batch in memory at a time; for questions about the whole population."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from referral_service.core.person import united
from referral_service.core.timeline import AnyFact
from referral_service.store import bodies, persons
from referral_service.store.bonds import in_batches
from referral_service.store.engine import reading as snapshot
from referral_service.store.reading import bodies_of
from referral_service.store.tables import IS_DIRTY, fact, patient
from referral_service.workflow.ports import PatientId, Tenant

_AT_ONCE = 500


class Whole(NamedTuple):
    """A person's patients, the leader first; whether another of them waits to be looked at."""

    patients: tuple[PatientId, ...]
    is_due: bool = False


def each_once(connection: Connection, owners: Collection[persons.Owner]) -> dict[persons.Owner, Whole]:
    """The person whom each of these stands for: of several patients the first in the queue's table does."""
    same = persons.members(connection, owners)
    queue = _in_queue(connection, {(tenant, one) for (tenant, _), its in same.items() for one in its})
    found = {}
    for owner in owners:
        tenant, own = owner
        patients = same.get(owner, (own,))
        others = {one: queue[tenant, one] for one in patients if one != own and (tenant, one) in queue}
        if next(one for one in patients if one == own or one in others) == own:
            found[owner] = Whole(patients, is_due=any(others.values()))
    return found


def _in_queue(connection: Connection, owners: Collection[persons.Owner]) -> dict[persons.Owner, bool]:
    """Those of these who have a row there; whether each is due."""
    ids: dict[Tenant, list[PatientId]] = {}
    for tenant, one in owners:
        ids.setdefault(tenant, []).append(one)
    return {
        (tenant, row.id): bool(row.is_due)
        for tenant, some in ids.items()
        for batch in in_batches(some)
        for row in connection.execute(
            select(patient.c.id, IS_DIRTY.label("is_due")).where(
                patient.c.tenant == tenant, patient.c.id.in_(batch)
            )
        )
    }


def people(engine: Engine, tenant: Tenant) -> Iterator[tuple[PatientId, tuple[AnyFact, ...]]]:
    """Each person, named by its leader, with the current facts of all its patients: what a worker decides on.

    Batch is read after batch, each as it is at that moment.
    """
    after = ""
    while True:
        with snapshot(engine) as connection:
            some = select(patient.c.id).where(patient.c.tenant == tenant, patient.c.id > after)
            ids = list(connection.scalars(some.order_by(patient.c.id).limit(_AT_ONCE)))
            if not ids:
                return
            found = each_once(connection, [(tenant, PatientId(one)) for one in ids])
            owners = [(tenant, one) for whole in found.values() for one in whole.patients]
            facts = bodies_of(connection, fact, owners, fact.c.known_until.is_(None))
        for same in (whole.patients for whole in found.values()):
            known = [bodies.fact(body) for one in same for body in facts[tenant, one]]
            if known:
                yield same[0], united(known)
        after = ids[-1]
