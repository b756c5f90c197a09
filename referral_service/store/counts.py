"""What operators count, over all tenants and processes; read from the database, so that no restart loses any.

Costs what is due, parked, open or unsent, not what is stored.
"""

from datetime import datetime, timedelta
from typing import TypedDict

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from referral_service.core.referral import Referral
from referral_service.core.stage import STAGES
from referral_service.measures import Counts
from referral_service.store import bodies, tally
from referral_service.store.messages import stopped
from referral_service.store.outlets import given_up
from referral_service.store.outside import errand, message
from referral_service.store.tables import (
    IS_DIRTY,
    IS_PARKED,
    IS_UNSENT,
    SLEEPS,
    TASK_IS_OPEN,
    patient,
    referral,
    resource,
    worker,
)

_ACTIVE_WITHIN = timedelta(minutes=1)
_OPEN = [stage for stage in STAGES if stage != "closed"]
# The destination of what nobody has taken up.
NOBODYS = "none"


def counts(connection: Connection, now: datetime, as_of: datetime) -> Counts:
    """What stands at `now`, the instant of leases, and `as_of`, the instant that questions are asked for."""
    due = [_due(connection, now, IS_DIRTY), _due(connection, now, and_(SLEEPS, patient.c.wake_at <= as_of))]
    waits = [now - since for since in (due[0].dirty_since,) if since]
    waits += [as_of - at for at in (due[1].wake_at,) if at]
    looked = connection.execute(select(worker.c.looked_at)).scalars().all()
    return Counts(
        patients_due=sum(one.number for one in due),
        patients_due_urgent=_number(connection, and_(IS_DIRTY, patient.c.place < 0)),
        patients_parked=_number(connection, IS_PARKED),
        oldest_due_seconds=max((wait.total_seconds() for wait in waits), default=0.0),
        leases_held=sum(int(one.held or 0) for one in due),
        sweep_age_seconds=(now - max(looked)).total_seconds() if looked else None,
        workers_active=sum(now - at <= _ACTIVE_WITHIN for at in looked),
        referrals=_referrals(connection),
        oldest_red_flag_seconds=_oldest_red_flag(connection, now),
        oldest_unsent=_oldest_unsent(connection, now),
        orders_stopped=stopped(connection),
        subscriptions_failed=given_up(connection),
        stages=_stages(connection, now),
        tallies=tally.read(connection),
        **_errands(connection, now),
    )


def _due(
    connection: Connection, now: datetime, condition: ColumnElement[bool]
) -> Row[tuple[int, datetime, datetime, int]]:
    is_held = and_(patient.c.leased_by.is_not(None), patient.c.leased_until > now)
    found = select(
        func.count().label("number"),
        func.min(patient.c.dirty_since).label("dirty_since"),
        func.min(patient.c.wake_at).label("wake_at"),
        func.count().filter(is_held).label("held"),
    )
    return connection.execute(found.where(condition)).one()


def _number(connection: Connection, condition: ColumnElement[bool]) -> int:
    found = select(func.count()).select_from(patient).where(condition)
    return connection.scalar(found) or 0


def _referrals(connection: Connection) -> dict[tuple[str, str, str], int]:
    """Open ones by status (of the proposal, else of the review), target ("" for a review) and urgency."""
    kinds = (referral.c.task_status, referral.c.target, referral.c.urgency)
    open_ones = select(*kinds, func.count().label("number")).where(TASK_IS_OPEN).group_by(*kinds)
    found = {
        (row.task_status, row.target or "", row.urgency): int(row.number)
        for row in connection.execute(open_ones)
    }
    unsent = select(referral.c.target, referral.c.urgency, func.count().label("number")).where(IS_UNSENT)
    for row in connection.execute(unsent.group_by(referral.c.target, referral.c.urgency)):
        found["approved", row.target or "", row.urgency] = int(row.number)
    return found


def _oldest_red_flag(connection: Connection, now: datetime) -> float:
    """How long the oldest one waits that nobody has acknowledged."""
    urgent = select(referral.c.body).where(TASK_IS_OPEN, referral.c.urgency == "urgent")
    found = [bodies.referral(body) for body in connection.scalars(urgent)]
    return _longest(now, [one.authored_at for one in found if one.acknowledged_at is None])


def _oldest_unsent(connection: Connection, now: datetime) -> dict[str, float]:
    """How long the oldest approved order has not been sent, by destination: the age of the Task to fulfil it.

    Whatever no sender has taken up is "none"'s.
    """
    unsent = select(referral.c.tenant, referral.c.body).where(IS_UNSENT)
    since: dict[str, list[datetime | None]] = {}
    for tenant, body in connection.execute(unsent):
        one: Referral = bodies.referral(body)
        written = select(resource.c.updated_at).where(
            resource.c.tenant == tenant, resource.c.type == "Task", resource.c.id == one.fulfillment
        )
        taken = select(message.c.destination).where(message.c.tenant == tenant, message.c.id == one.order)
        destination = connection.scalar(taken) or NOBODYS
        since.setdefault(destination, []).append(connection.scalar(written))
    return {destination: _longest(now, found) for destination, found in since.items()}


def _stages(connection: Connection, now: datetime) -> dict[str, tuple[int, int]]:
    """How many stand on each list but the closed ones, and how many of them are overdue."""
    is_late = referral.c.due_at < now
    found = select(
        referral.c.stage,
        func.count().label("number"),
        func.count().filter(is_late).label("late"),
    ).where(referral.c.stage.in_(_OPEN))
    rows = connection.execute(found.group_by(referral.c.stage))
    known = {row.stage: (int(row.number), int(row.late)) for row in rows}
    return {stage: known.get(stage, (0, 0)) for stage in _OPEN}


class _Errands(TypedDict):
    errands_due: int
    errands_parked: int
    oldest_errand_seconds: float


def _errands(connection: Connection, now: datetime) -> _Errands:
    is_parked = errand.c.parked_at.is_not(None)
    # a poll that will be due later waits for nobody
    waits = and_(errand.c.parked_at.is_(None), errand.c.since <= now)
    due = connection.execute(
        select(func.count().label("n"), func.min(errand.c.since).label("at")).where(waits)
    ).one()
    parked = connection.scalar(select(func.count()).select_from(errand).where(is_parked))
    oldest = (now - due.at).total_seconds() if due.at else 0.0
    return {"errands_due": due.n, "errands_parked": parked or 0, "oldest_errand_seconds": oldest}


def _longest(now: datetime, since: list[datetime | None]) -> float:
    return max(((now - one).total_seconds() for one in since if one), default=0.0)
