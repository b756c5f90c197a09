"""Reading without writing: one resource, one patient's facts, and what claims need."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from msgspec.structs import replace
from sqlalchemy import Connection, Row, RowMapping, Table, or_, select

from referral_service.core.person import united
from referral_service.core.timeline import AnyFact
from referral_service.store import bodies, persons
from referral_service.store.bonds import in_batches
from referral_service.store.bulk import Statement
from referral_service.store.tables import (
    episode,
    fact,
    instant,
    referral,
)
from referral_service.workflow.ports import Chart, Claim, Episode, PatientId, Referral, Stored, Tenant

Owner = tuple[Tenant, PatientId]
Kept = TypeVar("Kept", Episode, Referral)
_MOST_BYTES = 16 * 1024 * 1024  # of a page
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


def enough(found: Iterable[Row[Any]], count: int) -> tuple[list[Row[Any]], bool]:
    """At most `count` rows, and no more once they are large; whether there are others.

    R4 lets a page hold fewer than its _count.
    """
    rows: list[Row[Any]] = []
    size = 0
    for row in found:
        if len(rows) == count or size > _MOST_BYTES:
            return rows, True
        rows.append(row)
        size += len(row.body)
    return rows, False


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
    """What was known about a person at an instant (None: what is known)."""
    same = persons.members(connection, [(tenant, identity)], known_at)
    patients = same.get((tenant, identity), (identity,))
    asked = select(fact.c.body).where(fact.c.tenant == tenant, fact.c.patient.in_(patients))
    if known_at is None:
        asked = asked.where(fact.c.known_until.is_(None))
    else:
        is_later = or_(fact.c.known_until.is_(None), fact.c.known_until > known_at)
        asked = asked.where(fact.c.known_at <= known_at, is_later)
    facts = tuple(bodies.fact(body) for body in connection.scalars(asked))
    return facts if len(patients) == 1 else united(facts)


def load(connection: Connection, claims: Sequence[Claim]) -> list[Chart]:
    """The charts of these claims, in their order."""
    owners = [(one.tenant, one.patient) for one in claims]
    same = persons.members(connection, owners)
    everybody = {*owners, *((tenant, one) for (tenant, _), others in same.items() for one in others)}
    facts = bodies_of(connection, fact, everybody, fact.c.known_until.is_(None))
    episodes = bodies_of(connection, episode, everybody)
    referrals = bodies_of(connection, referral, everybody)

    def chart(one: Claim, patient: PatientId) -> Chart:
        owner = (one.tenant, patient)
        return Chart(
            claim=one,
            facts=tuple(map(bodies.fact, facts[owner])),
            episodes=tuple(map(bodies.episode, episodes[owner])),
            referrals=tuple(map(bodies.referral, referrals[owner])),
        )

    return [
        _together(chart(one, one.patient), [(it, chart(one, it)) for it in others if it != one.patient])
        if (others := same.get((one.tenant, one.patient)))
        else chart(one, one.patient)
        for one in claims
    ]


def _together(own: Chart, others: Sequence[tuple[PatientId, Chart]]) -> Chart:
    """One chart of several patients who are one person, as the claim's patient sees it."""
    charts = [(own.claim.patient, own), *others]
    whose: dict[str, PatientId] = {}
    for patient, chart in others:
        whose |= dict.fromkeys((it.source for it in chart.facts), patient)
        whose |= dict.fromkeys((it.guidance for it in chart.episodes), patient)
        whose |= dict.fromkeys((it.task for it in chart.referrals), patient)

    reader = own.claim.patient
    return replace(
        own,
        facts=united([fact for _, chart in charts for fact in chart.facts]),
        episodes=tuple(it for one, chart in charts for it in framed(chart.episodes, "key", one, reader)),
        referrals=tuple(
            it for one, chart in charts for it in framed(chart.referrals, "episode", one, reader)
        ),
        others=whose,
        patients=tuple(patient for patient, _ in charts),
    )


def framed(found: Iterable[Kept], name: str, owner: PatientId, reader: PatientId) -> Iterator[Kept]:
    """A patient's own, with the episode's key, the field `name`, as another of the person writes it."""
    for one in found:
        yield replace(one, **{name: persons.framed(getattr(one, name), owner, reader)})


def bodies_of(
    connection: Connection, table: Table, owners: Iterable[Owner], *conditions: Any
) -> dict[Owner, list[bytes]]:
    """The bodies of each patient's rows, in the order of the table's key."""
    ids: dict[Tenant, list[PatientId]] = defaultdict(list)
    for tenant, patient in owners:
        ids[tenant].append(patient)
    found: dict[Owner, list[bytes]] = defaultdict(list)
    for tenant, identities in ids.items():
        for some in in_batches(identities):
            rows = connection.execute(
                select(table.c.patient, table.c.body)
                .where(table.c.tenant == tenant, table.c.patient.in_(some), *conditions)
                .order_by(*table.primary_key)
            )
            for owner, body in rows:
                found[tenant, owner].append(body)
    return found
