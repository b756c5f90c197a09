"""The resources of the memory store: every version of each, and what those that are current say."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from referral_service.core.problem import Category, problem
from referral_service.core.timeline import AnyFact
from referral_service.workflow.ports import PatientId, Stored, Tenant, Write

_MILLISECOND = timedelta(milliseconds=1)

Key = tuple[Tenant, str, str]


class Version(NamedTuple):
    """One version of a resource, whose it is, and what it says."""

    stored: Stored
    patient: PatientId | None
    facts: tuple[AnyFact, ...]


class Planned(NamedTuple):
    """What a write comes to: a new version after `before`, or the current one if it says nothing new."""

    version: Version
    before: Version | None
    is_new: bool

    @property
    def subject(self) -> str:
        """As the ledger names it."""
        return f"{self.version.stored.type}/{self.version.stored.id}"

    @property
    def answer(self) -> Stored:
        """As the port says it."""
        was_there = self.before is not None and not self.before.stored.is_deleted
        is_created = self.is_new and not was_there and not self.version.stored.is_deleted
        return replace(self.version.stored, is_new=self.is_new, is_created=is_created)

    @property
    def owners(self) -> set[PatientId]:
        """Of whom it says something new: both, if it was moved from one patient to another."""
        both = {self.version.patient, self.before.patient if self.before else None}
        return {one for one in both if one is not None} if self.is_new else set()


class Resources:
    """All versions by tenant, type and id, the current one last."""

    def __init__(self) -> None:
        """None."""
        self.versions: dict[Key, list[Version]] = {}

    def read(self, key: Key, number: int | None = None) -> Stored | None:
        """The current or the given version."""
        found = [it.stored for it in self.versions.get(key, ()) if number in (None, it.stored.version)]
        return found[-1] if found else None

    def facts(self, tenant: Tenant, patient: PatientId) -> Iterator[AnyFact]:
        """What is said of a patient."""
        for key, versions in sorted(self.versions.items()):
            if key[0] == tenant and versions[-1].patient == patient:
                yield from versions[-1].facts

    def plan(self, tenant: Tenant, writes: Iterable[Write], now: datetime) -> list[Planned]:
        """What each write comes to, changing nothing; Problem if one of them cannot be."""
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        newest: dict[Key, Version] = {}
        planned = []
        for write in writes:
            key = (tenant, write.type, write.id)
            before = newest.get(key) or self._current(key)
            _check(write, before.stored.version if before else 0)
            if before and _says_the_same(write, before.stored):
                planned.append(Planned(before, before, False))
            else:
                newest[key] = _next(write, before, now)
                planned.append(Planned(newest[key], before, True))
        return planned

    def keep(self, tenant: Tenant, planned: Iterable[Planned]) -> None:
        """The versions that are new."""
        for it in planned:
            if it.is_new:
                stored = it.version.stored
                self.versions.setdefault((tenant, stored.type, stored.id), []).append(it.version)

    def _current(self, key: Key) -> Version | None:
        return self.versions[key][-1] if key in self.versions else None


def _check(write: Write, current: int) -> None:
    if write.expected not in (None, current):
        raise problem(Category.CONFLICT, "The resource is no longer in the version that was expected.")
    if write.is_deleted and not current:
        raise problem(Category.NOT_FOUND, "There is no such resource to delete.")


def _body(write: Write) -> bytes:
    return b"" if write.is_deleted else write.body


def _says_the_same(write: Write, stored: Stored) -> bool:
    return (write.is_deleted, _body(write)) == (stored.is_deleted, stored.body)


def _next(write: Write, before: Version | None, now: datetime) -> Version:
    """Time moves on with each version, and a deleted resource stays whose it was."""
    number = before.stored.version + 1 if before else 1
    at = max(now, before.stored.updated_at + _MILLISECOND) if before else now
    facts = () if write.is_deleted or write.patient is None else write.facts or ()
    stored = Stored(
        type=write.type,
        id=write.id,
        version=number,
        updated_at=at,
        body=_body(write),
        is_deleted=write.is_deleted,
        is_posted=write.is_posted,
    )
    patient = before.patient if before and write.is_deleted else write.patient
    return Version(stored, patient, tuple(replace(it, version=str(number), known_at=at) for it in facts))
