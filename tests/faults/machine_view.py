"""All that a store holds at one moment, in the same shape for the one in memory and the one in a database."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import orjson
from sqlalchemy import Engine, Row, select

from referral_service.core.timeline import AnyFact
from referral_service.store import bodies
from referral_service.store.engine import reading
from referral_service.store.tables import episode, fact, ledger, patient, referral, resource
from referral_service.workflow.ports import Episode, Happening, Referral
from tests.faults.memory_store import MemoryStore

Name = tuple[str, str]
Decoded = TypeVar("Decoded")


class Kept(NamedTuple):
    """A resource in its current version."""

    version: int
    is_deleted: bool
    patient: str | None
    body: bytes


class Standing(NamedTuple):
    """A patient in the queue, and what is remembered of it, each kind in one order."""

    is_dirty: bool
    changes: int
    token: int
    attempts: int
    wake_at: datetime | None
    asked_at: datetime | None
    leased_until: datetime | None
    is_parked: bool
    facts: tuple[AnyFact, ...]
    episodes: tuple[Episode, ...]
    referrals: tuple[Referral, ...]


class View(NamedTuple):
    """Resources by type and id, patients by id, the ledger as it was written; of one tenant."""

    resources: Mapping[Name, Kept]
    patients: Mapping[str, Standing]
    ledger: Sequence[Happening]

    @property
    def referrals(self) -> list[tuple[str, Referral]]:
        """Each with its patient."""
        return [(id, one) for id, it in sorted(self.patients.items()) for one in it.referrals]


def of_memory(store: MemoryStore) -> View:
    """What it holds."""
    current = {key[1:]: versions[-1] for key, versions in store.resources.versions.items()}
    facts: dict[str | None, list[AnyFact]] = defaultdict(list)
    for version in current.values():
        facts[version.patient].extend(version.facts)
    return View(
        {
            name: Kept(it.stored.version, it.stored.is_deleted, it.patient, it.stored.body)
            for name, it in current.items()
        },
        {
            id: Standing(
                it.place is not None,
                it.changes,
                it.token,
                it.attempts,
                it.wake_at,
                it.asked_at,
                it.leased_until,
                it.parked_at is not None,
                _facts(facts[id]),
                tuple(it.episodes[key] for key in sorted(it.episodes)),
                tuple(it.referrals[task] for task in sorted(it.referrals)),
            )
            for (_, id), it in store.queue.patients.items()
        },
        [line for lines in store.ledger.values() for line in lines],
    )


def of_database(engine: Engine) -> View:
    """What it holds, in one snapshot."""
    with reading(engine) as connection:
        patients = connection.execute(select(patient)).all()
        kept = connection.execute(select(resource)).all()
        facts = connection.execute(select(fact).where(fact.c.known_until.is_(None))).all()
        episodes = connection.execute(select(episode).order_by(episode.c.key)).all()
        referrals = connection.execute(select(referral).order_by(referral.c.task)).all()
        lines = connection.execute(select(ledger).order_by(ledger.c.seq)).all()
    said = _decoded(facts, bodies.fact)
    had, proposed = _decoded(episodes, bodies.episode), _decoded(referrals, bodies.referral)
    return View(
        {(it.type, it.id): Kept(it.version, bool(it.is_deleted), it.patient, it.body) for it in kept},
        {
            it.id: Standing(
                it.place is not None,
                it.changes,
                it.token,
                it.attempts,
                it.wake_at,
                it.asked_at,
                it.leased_until,
                it.parked_at is not None,
                _facts(said[it.id]),
                tuple(had[it.id]),
                tuple(proposed[it.id]),
            )
            for it in patients
        },
        [Happening(it.kind, it.subject, it.actor, orjson.loads(it.detail)) for it in lines],
    )


def _facts(found: Iterable[AnyFact]) -> tuple[AnyFact, ...]:
    return tuple(sorted(found, key=lambda it: (it.source, it.part)))


def _decoded(rows: Iterable[Row[Any]], decode: Callable[[bytes], Decoded]) -> defaultdict[str, list[Decoded]]:
    found: defaultdict[str, list[Decoded]] = defaultdict(list)
    for row in rows:
        found[row.patient].append(decode(row.body))
    return found
