"""How referrals went, for measures: counted in SQL from the columns that store/steps.py fills; read-only.

Costs the rows of an index that lie in the period, whatever else is stored.
"""

from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Engine, func, select

from referral_service.core.stage import STAGES, Stage
from referral_service.core.timeline import AnyFact, Procedure
from referral_service.store import bodies
from referral_service.store.bulk import Statement
from referral_service.store.engine import reading as snapshot
from referral_service.store.tables import instant, microseconds, referral
from referral_service.workflow.ports import Tenant

# No list is counted further.
MOST_COUNTED: Final = 100_000
_STEPS: Final = (
    ("drafted_at", "reviewed_at"),
    ("approved_at", "sent_at"),
    ("sent_at", "accepted_at"),
    ("accepted_at", "visited_at"),
    ("visited_at", "reported_at"),
)
_DRAFTED: Final = "tenant = ? AND drafted_at >= ? AND drafted_at < ?"
_COUNTED: Final = "SELECT count(*) FROM referral WHERE {drafted}"
_DECLINED: Final = """SELECT declined_for, count(*) AS number FROM referral
WHERE {drafted} AND declined_for IS NOT NULL GROUP BY declined_for ORDER BY number DESC, declined_for"""
# Of an even number the median lies between two; nine of ten took no longer than the nearest rank's.
_LASTED: Final = """SELECT took, place, number FROM (
SELECT took, row_number() OVER (ORDER BY took) AS place, count(*) OVER () AS number FROM (
SELECT CASE WHEN {end} > {begun} THEN {end} - {begun} ELSE 0 END AS took FROM referral
WHERE {drafted} AND {begun} IS NOT NULL AND {end} IS NOT NULL) AS lasted) AS placed
WHERE place IN ((number + 1) / 2, (number + 2) / 2, (number * 9 + 9) / 10)"""
_LOOP: Final = Statement(
    "SELECT count(*), count(CASE WHEN reported_at < ? THEN 1 END) FROM ("
    "SELECT reported_at, row_number() OVER (PARTITION BY patient ORDER BY sent_at, task) AS place"
    " FROM referral WHERE tenant = ? AND sent_at >= ? AND sent_at < ?) AS sent WHERE place = 1"
)
_SURGICAL: Final = (
    "referral.tenant = ? AND referral.sent_at >= ? AND referral.sent_at < ?"
    " AND referral.reported_at IS NOT NULL AND referral.target = 'surgical'"
)
_REPORTED: Final = "SELECT count(*) FROM referral WHERE {surgical}"
# What a fact's body says is looked for in the database, so that hardly any is read.
_OPERATIONS: Final = """SELECT referral.task, coalesce(referral.visited_at, referral.sent_at), fact.body
FROM referral CROSS JOIN fact WHERE {surgical} AND fact.tenant = ? AND fact.patient = referral.patient
AND fact.known_until IS NULL AND {holds} > 0"""
_HOLDS: Final = {"sqlite": "instr(fact.body, ?)", "postgresql": "position(? IN fact.body)"}


class Lasted(NamedTuple):
    """How long a step took: for how many, the median, and what nine of ten did not exceed."""

    number: int
    median: timedelta = timedelta()
    ninth: timedelta = timedelta()


class Measured(NamedTuple):
    """Of what was drafted in a period: how many, how long each step took, and the declines by code."""

    drafted: int
    steps: list[Lasted]
    declines: list[tuple[str, int]]


class Loop(NamedTuple):
    """How many patients were referred, and of how many the report of their first referral has come."""

    patients: int
    closed: int


class Yield(NamedTuple):
    """How many surgical referrals have a report, and after how many of them there was an operation."""

    reported: int
    operated: int


def stages(engine: Engine, tenant: Tenant) -> dict[Stage, int]:
    """How many referrals and reviews stand where, now; at most MOST_COUNTED of each."""
    with snapshot(engine) as connection:
        return {stage: _count(connection, tenant, stage) for stage in STAGES}


def _count(connection: Connection, tenant: Tenant, stage: Stage) -> int:
    own = select(referral.c.task).where(referral.c.tenant == tenant, referral.c.stage == stage)
    some = own.limit(MOST_COUNTED).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def measured(engine: Engine, tenant: Tenant, first: datetime, end: datetime) -> Measured:
    """What became of what was drafted in a period."""
    within = (tenant, microseconds(first), microseconds(end))
    with snapshot(engine) as connection:
        ((drafted,),) = Statement(_COUNTED.format(drafted=_DRAFTED)).read(connection, within)
        steps = [_lasted(connection, *step, within) for step in _STEPS]
        declines = Statement(_DECLINED.format(drafted=_DRAFTED)).read(connection, within)
    return Measured(int(drafted), steps, [(code, int(number)) for code, number in declines])


def _lasted(connection: Connection, begun: str, end: str, within: tuple[Any, ...]) -> Lasted:
    asked = Statement(_LASTED.format(begun=begun, end=end, drafted=_DRAFTED))
    rows = asked.read(connection, within)
    if not rows:
        return Lasted(0)
    number, at = int(rows[0][2]), {place: timedelta(microseconds=int(took)) for took, place, _ in rows}
    median = (at[(number + 1) // 2] + at[(number + 2) // 2]) / 2
    return Lasted(number, median, at[(number * 9 + 9) // 10])


def loop(engine: Engine, tenant: Tenant, first: datetime, until: datetime, end: datetime) -> Loop:
    """Of patients' first referrals sent from `first` to before `until`: those with a report before `end`."""
    values = (microseconds(end), tenant, microseconds(first), microseconds(until))
    with snapshot(engine) as connection:
        ((patients, closed),) = _LOOP.read(connection, values)
    return Loop(int(patients), int(closed))


def surgical_yield(engine: Engine, tenant: Tenant, first: datetime, end: datetime) -> Yield:
    """Of surgical referrals sent in a period: whether the EHR has told of spine surgery since the visit."""
    within = (tenant, microseconds(first), microseconds(end))
    with snapshot(engine) as connection:
        ((reported,),) = Statement(_REPORTED.format(surgical=_SURGICAL)).read(connection, within)
        asked = Statement(_OPERATIONS.format(surgical=_SURGICAL, holds=_HOLDS[connection.dialect.name]))
        rows = asked.read(connection, (*within, tenant, b'"prior_surgery"'))
    operated = {task for task, since, body in rows if _is_operation(bodies.fact(body), instant(since).date())}
    return Yield(int(reported), len(operated))


def _is_operation(one: AnyFact, since: date) -> bool:
    return (
        isinstance(one, Procedure)
        and one.status == "completed"
        and any(it.role == "prior_surgery" for it in one.meanings)
        and one.start is not None
        and one.start.earliest >= since
    )
