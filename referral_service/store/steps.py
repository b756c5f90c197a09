"""When each step of a proposal was taken, for measures: kept with its row, so that they are counted in SQL.

A step's instant is that of the Task version which says it first.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from referral_service.core.stage import OPEN_TASK
from referral_service.fhir.business import business_of
from referral_service.store.tables import resource, resource_version
from referral_service.workflow.ports import Referral, Tenant

_AT_ONCE: Final = 400
_ACCEPTED: Final = ("accepted", "on-hold", "in-progress", "completed")


class Steps(NamedTuple):
    """In the order of the columns; None for what has not happened. `declined_for` is the reviewer's code."""

    drafted_at: datetime | None = None
    reviewed_at: datetime | None = None
    approved_at: datetime | None = None
    sent_at: datetime | None = None
    accepted_at: datetime | None = None
    visited_at: datetime | None = None
    reported_at: datetime | None = None
    declined_for: str | None = None


class _Task(msgspec.Struct):
    """All that is read of a Task."""

    status: str = ""
    businessStatus: dict[str, Any] = {}
    executionPeriod: dict[str, Any] = {}
    output: list[dict[str, Any]] = []


class _Version(NamedTuple):
    at: datetime
    task: _Task


_TASK: Final = msgspec.json.Decoder(_Task)
_Versions = dict[tuple[Tenant, str], list[_Version]]


def steps_of(connection: Connection, found: Sequence[tuple[Tenant, Referral]]) -> dict[str, Steps]:
    """The steps of each of these, by Task; a review that is no proposal's has none."""
    proposals = [(tenant, one) for tenant, one in found if one.target is not None]
    versions: _Versions = {}
    for tenant in {tenant for tenant, _ in proposals}:
        # one that waits for its reviewer has but been drafted
        ids = [
            id
            for of, one in proposals
            if of == tenant and (one.order or one.task_status not in OPEN_TASK)
            for id in (one.task, one.fulfillment)
            if id
        ]
        for first in range(0, len(ids), _AT_ONCE):
            versions |= _versions(connection, tenant, ids[first : first + _AT_ONCE])
    return {one.task: _steps(tenant, one, versions) for tenant, one in proposals}


def _versions(connection: Connection, tenant: Tenant, ids: Sequence[str]) -> _Versions:
    """Every version of these Tasks, the oldest first."""
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
    found: _Versions = {}
    for row in sorted(rows, key=lambda row: int(row.version)):
        found.setdefault((tenant, row.id), []).append(_Version(row.updated_at, _TASK.decode(row.body)))
    return found


def _steps(tenant: Tenant, one: Referral, versions: _Versions) -> Steps:
    review, order = (versions.get((tenant, id or ""), []) for id in (one.task, one.fulfillment))
    answered = [it for it in review if it.task.status == "completed"]
    is_declined = bool(answered) and one.status == "revoked" and one.order is None
    return Steps(
        drafted_at=one.authored_at,
        reviewed_at=_first(answered),
        approved_at=_first(order),
        sent_at=one.sent_at,
        accepted_at=_first(it for it in order if it.task.status in _ACCEPTED),
        visited_at=_visit(order),
        reported_at=_first(it for it in order if it.task.status == "completed"),
        declined_for=_reason(answered[-1].task) if is_declined else None,
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
