"""Every stored Patient read anew for whom it says it is: a batch at a time, each a transaction of its own."""

from collections.abc import Callable

from sqlalchemy import Engine, select, tuple_

from referral_service.core.person import Identity
from referral_service.store import persons
from referral_service.store.dirt import Dirt, Queue
from referral_service.store.engine import reading, writing
from referral_service.store.tables import resource
from referral_service.workflow.ports import Clock, PatientId, Tenant

_AT_ONCE = 500
Read = Callable[[bytes], Identity | None]


def rejoin(engine: Engine, clock: Clock, read: Read) -> tuple[int, int]:
    """How many Patients there are, and how many are another person's now; these are due then.

    Started again after any end it changes nothing that was done.
    """
    keys = (resource.c.tenant, resource.c.id)
    asked = select(*keys).where(resource.c.type == "Patient", resource.c.is_deleted.is_(False))
    asked = asked.order_by(*keys).limit(_AT_ONCE)
    number, changed, last = 0, 0, ("", "")
    while True:
        with reading(engine) as connection:
            found = connection.execute(asked.where(tuple_(*keys) > tuple_(*last))).all()
        if not found:
            return number, changed
        number, last = number + len(found), (found[-1].tenant, found[-1].id)
        for tenant in sorted({row.tenant for row in found}):
            ids = [row.id for row in found if row.tenant == tenant]
            changed += _reread(engine, clock, Tenant(tenant), ids, read)


def _reread(engine: Engine, clock: Clock, tenant: Tenant, ids: list[str], read: Read) -> int:
    own = (resource.c.tenant == tenant, resource.c.type == "Patient", resource.c.id.in_(ids))
    living = select(resource.c.id, resource.c.body).where(*own, resource.c.is_deleted.is_(False))
    with writing(engine) as connection:
        rows = connection.execute(living.order_by(resource.c.id).with_for_update()).all()
        now = clock.now()
        said = {PatientId(row.id): read(row.body) for row in rows}
        others = persons.follow(connection, tenant, said, now)
        Queue().mark(connection, now, {(tenant, one): Dirt(1) for one in others})
    return len(others)
