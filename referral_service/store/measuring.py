"""How referrals went, for measures: the instants of each one's steps; read-only.

A step's instant is that of the Task version which says it first. Costs all referrals of a tenant once, and
the Task versions of those that a period is about.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, func, select

from referral_service.core.stage import STAGES, Stage
from referral_service.core.timeline import Procedure
from referral_service.fhir.business import business_of
from referral_service.store import bodies
from referral_service.store.engine import reading as snapshot
from referral_service.store.tables import IS_PROPOSAL, fact, referral, resource, resource_version
from referral_service.workflow.ports import PatientId, Referral, Tenant

_AT_ONCE = 400
_ACCEPTED = ("accepted", "on-hold", "in-progress", "completed")


class Course(NamedTuple):
    """One proposal in time; None for what has not happened. `declined_for` is the reviewer's code."""

    patient: PatientId
    target: str
    drafted_at: datetime
    reviewed_at: datetime | None
    declined_for: str | None
    approved_at: datetime | None
    sent_at: datetime | None
    accepted_at: datetime | None
    visited_at: datetime | None
    reported_at: datetime | None


class _Task(msgspec.Struct):
    """All that is read of a Task."""

    status: str = ""
    businessStatus: dict[str, Any] = {}
    executionPeriod: dict[str, Any] = {}
    output: list[dict[str, Any]] = []


class _Version(NamedTuple):
    at: datetime
    task: _Task


_TASK = msgspec.json.Decoder(_Task)
_Versions = dict[str, list[_Version]]
_T = TypeVar("_T")


def stages(engine: Engine, tenant: Tenant) -> dict[Stage, int]:
    """How many referrals and reviews stand where, now."""
    found = select(referral.c.stage, func.count().label("number")).where(referral.c.tenant == tenant)
    with snapshot(engine) as connection:
        numbers = {row.stage: int(row.number) for row in connection.execute(found.group_by(referral.c.stage))}
    return {stage: numbers.get(stage, 0) for stage in STAGES}


def courses(engine: Engine, tenant: Tenant, first: datetime, end: datetime) -> list[Course]:
    """Every proposal that was drafted, or whose order was sent, from `first` to before `end`."""
    found = []
    with snapshot(engine) as connection:
        for some in _several(list(_within(connection, tenant, first, end))):
            versions = _versions(connection, tenant, [one for _, one in some])
            found += [_course(who, one, versions) for who, one in some]
    return found


def _several(all: Iterable[_T]) -> Iterator[list[_T]]:
    left = iter(all)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _within(
    connection: Connection, tenant: Tenant, first: datetime, end: datetime
) -> Iterator[tuple[PatientId, Referral]]:
    asked = select(referral.c.patient, referral.c.body).where(referral.c.tenant == tenant, IS_PROPOSAL)
    for row in connection.execute(asked.execution_options(yield_per=1000)):
        one = bodies.referral(row.body)
        if any(at and first <= at < end for at in (one.authored_at, one.sent_at)):
            yield PatientId(row.patient), one


def _versions(connection: Connection, tenant: Tenant, some: Sequence[Referral]) -> _Versions:
    """Every version of their Tasks, the oldest first."""
    ids = [id for one in some for id in (one.task, one.fulfillment) if id]
    rows: list[Any] = []
    for table in (resource_version, resource):
        asked = select(table.c.id, table.c.version, table.c.updated_at, table.c.body)
        rows += connection.execute(
            asked.where(
                table.c.tenant == tenant,
                table.c.type == "Task",
                table.c.id.in_(ids),
                table.c.is_deleted.is_(False),
            )
        ).all()
    found: _Versions = {id: [] for id in ids}
    for row in sorted(rows, key=lambda row: int(row.version)):
        found[row.id].append(_Version(row.updated_at, _TASK.decode(row.body)))
    return found


def _course(who: PatientId, one: Referral, versions: _Versions) -> Course:
    review, order = versions[one.task], versions.get(one.fulfillment or "", [])
    answered = [it for it in review if it.task.status == "completed"]
    is_declined = bool(answered) and one.status == "revoked" and one.order is None
    assert one.authored_at
    return Course(
        patient=who,
        target=one.target or "",
        drafted_at=one.authored_at,
        reviewed_at=answered[0].at if answered else None,
        declined_for=_reason(answered[-1].task) if is_declined else None,
        approved_at=order[0].at if order else None,
        sent_at=one.sent_at,
        accepted_at=_first(it for it in order if it.task.status in _ACCEPTED),
        visited_at=_visit(order),
        reported_at=_first(it for it in order if it.task.status == "completed"),
    )


def _first(versions: Iterable[_Version]) -> datetime | None:
    return next((one.at for one in versions), None)


def _visit(order: Sequence[_Version]) -> datetime | None:
    """The day of the appointment where it is known, else when the visit was told of; a report has no day."""
    told = _first(it for it in order if business_of(it.task.businessStatus) == "completed")
    seen = next((it for it in order if it.at == told or it.task.status == "completed"), None)
    try:
        day = date.fromisoformat(seen.task.executionPeriod["start"][:10]) if seen else None
    except (KeyError, TypeError, ValueError):
        day = None
    return datetime.combine(day, time(), UTC) if day else told


def _reason(task: _Task) -> str:
    codings = (one.get("valueCodeableConcept", {}).get("coding", ()) for one in task.output)
    return next((str(coding[0].get("code", "")) for coding in codings if coding), "")


def operations(engine: Engine, tenant: Tenant, patients: Sequence[PatientId]) -> dict[PatientId, list[date]]:
    """The days of completed spine surgery that the EHR has told of, of each of these patients."""
    found: dict[PatientId, list[date]] = {}
    with snapshot(engine) as connection:
        for some in _several(sorted(set(patients))):
            current = select(fact.c.patient, fact.c.body).where(
                fact.c.tenant == tenant, fact.c.patient.in_(some), fact.c.known_until.is_(None)
            )
            for row in connection.execute(current):
                one = bodies.fact(row.body)
                if isinstance(one, Procedure) and _is_operation(one) and one.start:
                    found.setdefault(PatientId(row.patient), []).append(one.start.earliest)
    return found


def _is_operation(one: Procedure) -> bool:
    return one.status == "completed" and any(it.role == "prior_surgery" for it in one.meanings)
