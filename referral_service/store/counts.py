"""What operators count, over all tenants and processes; read from the database, so that no restart loses any.

Costs what is due, parked, open or unsent, not what is stored.
"""

from datetime import datetime, timedelta
from typing import TypedDict

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

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
    alarm,
    patient,
    referral,
    worker,
)

_AT_ONCE = 400
_ACTIVE_WITHIN = timedelta(minutes=1)
_OPEN = [stage for stage in STAGES if stage != "closed"]
# The destination of what nobody has taken up.
NOBODYS = "none"


def counts(connection: Connection, now: datetime, as_of: datetime) -> Counts:
    """What stands at `now`, the instant of leases, and `as_of`, the instant that questions are asked for."""
    due = [_due(connection, now, IS_DIRTY), _due(connection, now, and_(SLEEPS, patient.c.wake_at <= as_of))]
    waits = [now - since for since in (due[0].dirty_since,) if since]
    waits += [as_of - at for at in (due[1].wake_at,) if at]
    # clocks differ a little; what was said by one that was far ahead is nobody's look
    looked = connection.scalars(
        select(worker.c.looked_at).where(worker.c.looked_at <= now + _ACTIVE_WITHIN)
    ).all()
    return Counts(
        patients_due=sum(one.number for one in due),
        patients_due_urgent=_number(connection, and_(IS_DIRTY, patient.c.place < 0)),
        patients_parked=_number(connection, IS_PARKED),
        oldest_due_seconds=max((wait.total_seconds() for wait in waits), default=0.0),
        leases_held=sum(int(one.held or 0) for one in due),
        sweep_age_seconds=max((now - max(looked)).total_seconds(), 0.0) if looked else None,
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
    at = func.min(func.coalesce(referral.c.drafted_at, alarm.c.since))
    its_own = and_(referral.c.tenant == alarm.c.tenant, referral.c.task == alarm.c.task)
    since = connection.scalar(select(at).select_from(alarm.join(referral, its_own)))
    return (now - since).total_seconds() if since else 0.0


def _oldest_unsent(connection: Connection, now: datetime) -> dict[str, float]:
    """How long ago the oldest approved order was approved that is not sent, by destination.

    Whatever no sender has taken up is "none"'s.
    """
    unsent = select(referral.c.tenant, referral.c.approved_at, referral.c.body).where(IS_UNSENT)
    orders: dict[tuple[str, str], datetime] = {}
    for tenant, approved_at, body in connection.execute(unsent):
        order = bodies.referral(body).order
        if order and approved_at:
            orders[tenant, order] = approved_at
    found: dict[str, datetime] = {}
    listed = list(orders)
    for first in range(0, len(listed), _AT_ONCE):
        some = listed[first : first + _AT_ONCE]
        taken = select(message.c.tenant, message.c.id, message.c.destination).where(
            message.c.tenant.in_({tenant for tenant, _ in some}), message.c.id.in_([id for _, id in some])
        )
        destinations = {(row.tenant, row.id): row.destination for row in connection.execute(taken)}
        for one in some:
            name = destinations.get(one, NOBODYS)
            found[name] = min(found.get(name, orders[one]), orders[one])
    return {name: (now - at).total_seconds() for name, at in found.items()}


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
