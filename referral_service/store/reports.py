"""What operators ask of the database, read-only: who is on duty, who is parked, how one patient stands."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Engine, and_, func, select

from referral_service.store import bodies, persons, reading
from referral_service.store.duty import drained_since
from referral_service.store.engine import SCHEMA
from referral_service.store.engine import reading as snapshot
from referral_service.store.tables import (
    IS_AHEAD,
    IS_DIRTY,
    IS_PARKED,
    SLEEPS,
    episode,
    fact,
    ledger_head,
    patient,
    referral,
    resource,
    resource_version,
    worker,
)
from referral_service.workflow.ports import Episode, PatientId, Referral, Stored, Tenant

_LATEST = 10  # versions of a decision: enough to see a change


class Worker(msgspec.Struct, frozen=True):
    """A worker process: since when it runs, and when it last looked whether somebody is due."""

    name: str
    started_at: datetime
    looked_at: datetime


class Held(msgspec.Struct, frozen=True):
    """How many patients a worker is looking at, and when the last of these leases ends unless renewed."""

    worker: str
    patients: int
    until: datetime


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """Who is at work, newest look first; since when operators let nobody be claimed; what the ledger has."""

    schema: str
    drained_since: datetime | None
    workers: tuple[Worker, ...]
    held: tuple[Held, ...]
    ledger_lines: int


class Parked(msgspec.Struct, frozen=True):
    """A patient set aside: since when, after which kind of failure and how many attempts."""

    tenant: Tenant
    patient: PatientId
    since: datetime
    category: str
    attempts: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One patient as the queue has it, and what is remembered.

    `place` counts from 1 among the `places` of the queue; a patient whose time has come is due without one.
    `leased_until` without `leased_by` is a pause after a failure. `facts` are the resources that facts were
    read from. `history` has the latest versions of each episode's GuidanceResponse, by its id.
    """

    due_since: datetime | None
    place: int | None
    places: int
    attempts: int
    leased_by: str | None
    leased_until: datetime | None
    parked_at: datetime | None
    parked_category: str | None
    wake_at: datetime | None
    drained_since: datetime | None
    facts: int
    episodes: tuple[Episode, ...]
    referrals: tuple[Referral, ...]
    history: dict[str, tuple[Stored, ...]]


class Remembered(msgspec.Struct, frozen=True):
    """What is kept of a patient, or of a person, between evaluations."""

    episodes: tuple[Episode, ...]
    referrals: tuple[Referral, ...]


def duty(engine: Engine, now: datetime, as_of: datetime) -> Duty:
    """What stands at `now`, the instant of leases, and `as_of`, the instant that questions are asked for."""
    with snapshot(engine) as connection:
        workers = connection.execute(select(worker).order_by(worker.c.looked_at.desc(), worker.c.name)).all()
        lines = connection.scalar(select(func.sum(ledger_head.c.seq)))
        return Duty(
            schema=SCHEMA,
            drained_since=drained_since(connection),
            workers=tuple(Worker(row.name, row.started_at, row.looked_at) for row in workers),
            held=tuple(_held(connection, now, as_of)),
            ledger_lines=int(lines or 0),
        )


def held(engine: Engine, now: datetime, as_of: datetime) -> list[Held]:
    """Which worker is looking at how many patients."""
    with snapshot(engine) as connection:
        return _held(connection, now, as_of)


def _held(connection: Connection, now: datetime, as_of: datetime) -> list[Held]:
    """Costs what is due: only who is due is ever claimed."""
    due = (
        IS_DIRTY,
        and_(SLEEPS, patient.c.wake_at <= as_of),
        and_(IS_AHEAD, patient.c.asked_at > as_of),
    )
    found: dict[tuple[str, str], tuple[str, datetime]] = {}
    for condition in due:
        asked = select(patient.c.tenant, patient.c.id, patient.c.leased_by, patient.c.leased_until)
        is_held = and_(patient.c.leased_by.is_not(None), patient.c.leased_until > now)
        for row in connection.execute(asked.where(condition, is_held)):
            found[row.tenant, row.id] = (row.leased_by, row.leased_until)
    ends: dict[str, list[datetime]] = defaultdict(list)
    for name, until in found.values():
        ends[name].append(until)
    return [Held(name, len(until), max(until)) for name, until in sorted(ends.items())]


def parked(engine: Engine) -> list[Parked]:
    """Every patient of every tenant that is set aside, the longest first."""
    asked = select(patient).where(IS_PARKED).order_by(patient.c.parked_at, patient.c.tenant, patient.c.id)
    with snapshot(engine) as connection:
        rows = connection.execute(asked).all()
    return [
        Parked(row.tenant, row.id, row.parked_at, row.parked_category or "", row.attempts) for row in rows
    ]


def standing(
    engine: Engine, tenant: Tenant, identity: PatientId, now: datetime, as_of: datetime
) -> Standing | None:
    """How a patient stands; None if nothing about one of that id was ever received."""
    with snapshot(engine) as connection:
        same = persons.whole(connection, tenant, identity)
        one = and_(patient.c.tenant == tenant, patient.c.id == same[0])
        row = connection.execute(select(patient).where(one)).one_or_none()
        if row is None:
            return None
        before = select(func.count()).select_from(patient).where(IS_DIRTY)
        sources = select(func.count(fact.c.source.distinct())).where(
            fact.c.tenant == tenant, fact.c.patient.in_(same), fact.c.known_until.is_(None)
        )
        kept = together(remembered(connection, tenant, same), same)
        is_leased = row.leased_until is not None and row.leased_until > now
        is_awake = row.parked_at is None and row.wake_at is not None and row.wake_at <= as_of
        place = None
        if row.place is not None:
            place = 1 + (connection.scalar(before.where(patient.c.place < row.place)) or 0)
        return Standing(
            due_since=row.dirty_since if place else row.wake_at if is_awake else None,
            place=place,
            places=connection.scalar(before) or 0,
            attempts=row.attempts,
            leased_by=row.leased_by if is_leased else None,
            leased_until=row.leased_until if is_leased else None,
            parked_at=row.parked_at,
            parked_category=row.parked_category,
            wake_at=row.wake_at,
            drained_since=drained_since(connection),
            facts=connection.scalar(sources) or 0,
            episodes=kept.episodes,
            referrals=kept.referrals,
            history={it.guidance: _versions(connection, tenant, it.guidance) for it in kept.episodes},
        )


def _versions(connection: Connection, tenant: Tenant, guidance: str) -> tuple[Stored, ...]:
    """The newest first, without deletions."""
    found = []
    for table in (resource, resource_version):
        asked = select(table).where(
            table.c.tenant == tenant, table.c.type == "GuidanceResponse", table.c.id == guidance
        )
        living = asked.where(table.c.is_deleted.is_(False))
        rows = connection.execute(living.order_by(table.c.version.desc()).limit(_LATEST))
        found += [reading.stored(row) for row in rows.mappings()]
    return tuple(found[:_LATEST])


def remembered(
    connection: Connection, tenant: Tenant, patients: Collection[PatientId]
) -> dict[PatientId, Remembered]:
    """The episodes and referrals of each of these patients, in the order of their keys."""
    owners = [(tenant, one) for one in patients]
    episodes = reading.bodies_of(connection, episode, owners)
    referrals = reading.bodies_of(connection, referral, owners)
    return {
        one: Remembered(
            tuple(map(bodies.episode, episodes[tenant, one])),
            tuple(map(bodies.referral, referrals[tenant, one])),
        )
        for one in patients
    }


def together(found: Mapping[PatientId, Remembered], patients: Sequence[PatientId]) -> Remembered:
    """What is remembered of a person, as the first of its patients sees it: as a chart of all has it."""
    reader = patients[0]
    kept = [(one, found[one]) for one in patients]
    return Remembered(
        tuple(it for one, its in kept for it in reading.framed(its.episodes, "key", one, reader)),
        tuple(it for one, its in kept for it in reading.framed(its.referrals, "episode", one, reader)),
    )
