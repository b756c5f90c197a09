"""People's answers in the database: the referral that one is about, and the transaction that stores it."""

from datetime import datetime

from sqlalchemy import Connection, Engine, and_, select
from sqlalchemy.exc import DBAPIError

from referral_service.core.problem import Category, Problem, problem
from referral_service.core.referral import Referral
from referral_service.store import alarms, bodies, claims, persons, reading, results
from referral_service.store.dirt import Dirt, Queue
from referral_service.store.engine import reading as snapshot
from referral_service.store.failures import is_collision, problem_of
from referral_service.store.plan import Plan
from referral_service.store.tables import IS_PROPOSAL, referral, resource
from referral_service.tracing import current_trace
from referral_service.workflow.ports import Claim, Clock, Stored, Tenant
from referral_service.workflow.review import Answered, Opened


class Answers:
    """The port `Desk`."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Any engine with the schema of `store.tables`."""
        self._engine = engine
        self._clock = clock

    def open(self, tenant: Tenant, type: str, id: str) -> Opened | None:
        """The referral that a ServiceRequest or Task of ours belongs to, and all of its resources."""
        with snapshot(self._engine) as connection:
            of_its_patient = (
                select(referral.c.patient, referral.c.body)
                .join(
                    resource,
                    and_(resource.c.tenant == referral.c.tenant, resource.c.patient == referral.c.patient),
                )
                .where(resource.c.tenant == tenant, resource.c.type == type, resource.c.id == id)
            )
            for patient, body in connection.execute(of_its_patient):
                found = bodies.referral(body)
                keys = _resources(found)
                if (type, id) in keys:
                    known = (reading.read(connection, tenant, *key, None) for key in keys)
                    return Opened(patient, found, {(one.type, one.id): one for one in known if one})
        return None

    def identified(self, tenant: Tenant, identifier: str) -> Opened | None:
        """The referral of this identifier, once it has been approved."""
        own = select(referral.c.body).where(referral.c.tenant == tenant, referral.c.identifier == identifier)
        with snapshot(self._engine) as connection:
            found = [bodies.referral(body) for body in connection.scalars(own.where(IS_PROPOSAL))]
        orders = [one.order for one in found if one.order]
        return self.open(tenant, "ServiceRequest", orders[0]) if orders else None

    def answer(self, tenant: Tenant, answered: Answered) -> list[Stored]:
        """Stores all or nothing and makes the patient due; Problem CONFLICT if anything came between."""
        try:
            with self._engine.begin() as connection:
                return store(connection, tenant, answered, self._clock.now())
        except DBAPIError as error:
            raise _late() if is_collision(error) else problem_of(error) from error


def _resources(one: Referral) -> list[tuple[str, str]]:
    """The resources of a referral; a review that is no proposal's has its Task alone."""
    requests = [one.id, one.order] if one.target is not None else []
    tasks = [one.task, one.fulfillment]
    named = [*(("ServiceRequest", id) for id in requests), *(("Task", id) for id in tasks)]
    return [(type, id) for type, id in named if id]


def store(connection: Connection, tenant: Tenant, answered: Answered, now: datetime) -> list[Stored]:
    """Locks resources, person and ledger in the order that every transaction has; CONFLICT if late."""
    plan = Plan(connection, now)
    plan.look_up((tenant, write.type, write.id) for write in answered.writes)
    same = persons.whole(connection, tenant, answered.patient)
    claims.lock(connection, [Claim(tenant, one, token=0, changes=0) for one in same])
    if persons.whole(connection, tenant, answered.patient) != same:
        raise _late()
    row = and_(referral.c.tenant == tenant, referral.c.task == answered.before.task)
    kept = connection.scalar(select(referral.c.body).where(row))
    if kept is None or bodies.referral(kept) != answered.before:
        raise _late()
    stored = plan.apply(tenant, answered.writes, answered.happenings)
    plan.flush()
    changed = [one for one in (answered.after, answered.raised) if one]
    results.keep(connection, [(tenant, answered.patient, one) for one in changed])
    alarms.follow(connection, [(tenant, one) for one in changed], now)
    # what a person did is seen at once, and is never many; whoever looks at the leader has not seen it
    Queue().mark(connection, now, {(tenant, same[0]): Dirt(1, is_pressing=True, trace=current_trace())})
    return stored


def _late() -> Problem:
    return problem(Category.CONFLICT, "It was changed at the same moment; read it again.")
