"""Reading without writing: one resource, one patient's facts, and what claims need."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, or_, select

from referral_service.core.timeline import AnyFact
from referral_service.store import bodies
from referral_service.store.bulk import Statement
from referral_service.store.tables import (
    episode,
    fact,
    instant,
    referral,
)
from referral_service.workflow.ports import Chart, Claim, PatientId, Stored, Tenant

Owner = tuple[Tenant, PatientId]
_ONE = (
    "SELECT version, updated_at, is_deleted, is_posted, body FROM {} WHERE tenant = ? AND type = ? AND id = ?"
)
_CURRENT = Statement(_ONE.format("resource"))
_PAST = Statement(_ONE.format("resource_version") + " AND version = ?")


def read(
    connection: Connection, tenant: Tenant, kind: str, identity: str, version: int | None
) -> Stored | None:
    """The current version, or the given one, wherever it is kept."""
    found = _CURRENT.read(connection, (tenant, kind, identity))
    if version is not None and found and found[0][0] != version:
        found = _PAST.read(connection, (tenant, kind, identity, version))
    if not found or version not in (None, found[0][0]):
        return None
    number, updated_at, is_deleted, is_posted, body = found[0]
    return Stored(
        type=kind,
        id=identity,
        version=number,
        updated_at=instant(updated_at),
        body=body,
        is_deleted=bool(is_deleted),
        is_posted=bool(is_posted),
    )


def stored(row: RowMapping) -> Stored:
    """A row of `resource` or `resource_version` as the port says it."""
    return Stored(
        type=row["type"],
        id=row["id"],
        version=row["version"],
        updated_at=row["updated_at"],
        body=row["body"],
        is_deleted=row["is_deleted"],
        is_posted=row["is_posted"],
    )


def facts_of(
    connection: Connection, tenant: Tenant, identity: PatientId, known_at: datetime | None
) -> tuple[AnyFact, ...]:
    """What was known about a patient at an instant (None: what is known)."""
    asked = select(fact.c.body).where(fact.c.tenant == tenant, fact.c.patient == identity)
    if known_at is None:
        asked = asked.where(fact.c.known_until.is_(None))
    else:
        is_later = or_(fact.c.known_until.is_(None), fact.c.known_until > known_at)
        asked = asked.where(fact.c.known_at <= known_at, is_later)
    return tuple(bodies.fact(body) for body in connection.scalars(asked))


def load(connection: Connection, claims: Sequence[Claim]) -> list[Chart]:
    """The charts of these claims, in their order."""
    facts = _of_patients(connection, fact, claims, fact.c.known_until.is_(None))
    episodes = _of_patients(connection, episode, claims)
    referrals = _of_patients(connection, referral, claims)
    return [
        Chart(
            claim=one,
            facts=tuple(map(bodies.fact, facts[one.tenant, one.patient])),
            episodes=tuple(map(bodies.episode, episodes[one.tenant, one.patient])),
            referrals=tuple(map(bodies.referral, referrals[one.tenant, one.patient])),
        )
        for one in claims
    ]


def _of_patients(
    connection: Connection, table: Table, claims: Iterable[Claim], *conditions: Any
) -> dict[Owner, list[bytes]]:
    """The bodies of each patient's rows, in the order of the table's key."""
    ids: dict[Tenant, list[PatientId]] = defaultdict(list)
    for one in claims:
        ids[one.tenant].append(one.patient)
    bodies: dict[Owner, list[bytes]] = defaultdict(list)
    for tenant, identities in ids.items():
        rows = connection.execute(
            select(table.c.patient, table.c.body)
            .where(table.c.tenant == tenant, table.c.patient.in_(identities), *conditions)
            .order_by(*table.primary_key)
        )
        for owner, body in rows:
            bodies[tenant, owner].append(body)
    return bodies
