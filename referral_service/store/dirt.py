"""Who is to be evaluated: marking patients dirty."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from referral_service.store.bulk import inserting
from referral_service.store.tables import microseconds, patient
from referral_service.workflow.ports import PatientId, Tenant

_MARK = inserting(
    patient,
    """ON CONFLICT (tenant, id) DO UPDATE SET
    is_dirty = excluded.is_dirty,
    dirty_since = CASE WHEN patient.is_dirty THEN patient.dirty_since ELSE excluded.dirty_since END,
    changes = patient.changes + excluded.changes,
    attempts = 0,
    parked_at = NULL,
    parked_category = NULL""",
)


def mark_dirty(connection: Connection, at: datetime, changes: Mapping[tuple[Tenant, PatientId], int]) -> None:
    """Adds to each patient's count of changes, and makes it due, parked or not."""
    since = microseconds(at)
    _MARK.run(
        connection,
        [
            (tenant, identity, True, since, count, None, None, 0, 0, None, None, None)
            for (tenant, identity), count in sorted(changes.items())
        ],
    )
