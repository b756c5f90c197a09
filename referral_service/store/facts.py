"""What the pathway reads of a resource, as rows of `fact`: written when a version is stored, or read anew."""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from referral_service.core.timeline import AnyFact
from referral_service.store import bodies
from referral_service.store.bulk import Row, Statement, inserting
from referral_service.store.tables import fact
from referral_service.workflow.ports import PatientId, Tenant

ADD = inserting(fact)
# Takes the instant from which on they are outdated, then whose they are, and their source.
OUTDATE = Statement(
    "UPDATE fact SET known_until = ? WHERE tenant = ? AND patient = ? AND source = ? AND known_until IS NULL"
)


def dated(found: Iterable[AnyFact], version: int, updated_at: datetime) -> tuple[AnyFact, ...]:
    """The facts of a version that is stored, known since it was, whatever the sender says of that."""
    return tuple(replace(one, version=str(version), known_at=updated_at) for one in found)


def row(tenant: Tenant, patient: PatientId, one: AnyFact, read_at: int) -> Row:
    """A current fact; `read_at` in microseconds."""
    return (tenant, patient, one.source, int(one.version), one.part, read_at, None, bodies.encode(one))
