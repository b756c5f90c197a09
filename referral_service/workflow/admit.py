"""Admit: resources that another system tells of, or that were fetched from it, under the rules of a PUT.

They come late, twice, and in any order. What is known to be older than what came before is passed by, what
the service wrote itself stays, and what a check refuses is named and keeps nobody else out.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir.check import check
from referral_service.fhir.notification import Placed
from referral_service.fhir.search.dates import span
from referral_service.fhir.search.reference import is_id
from referral_service.fhir.search.table import TAKEN_IN
from referral_service.workflow.ingest import Change, Ingest, deletion
from referral_service.workflow.ports import Stored, Tenant, Write

Json = dict[str, Any]
# Hears of a Task of ours as another system has it: tenant, Task, actor. Raises Problem for a wrong one.
OnTask = Callable[[Tenant, Json, str], object]
Key = tuple[str, str]

TASK: Final = "Task"
# Neither a Task nor a Subscription is part of a patient's record: others deal with them.
KEPT: Final = TAKEN_IN - {TASK, "Subscription"}
_SHARED_TYPE: Final = "ServiceRequest"
_AT_ONCE: Final = 500
_TRIES: Final = 3
_LONGEST_VERSION: Final = 19


class Feed(NamedTuple):
    """What comes from one source: whose data it becomes, and the source's name in the file of sources."""

    tenant: Tenant
    source: str

    @property
    def actor(self) -> str:
        """As the ledger names it."""
        return f"Source/{self.source}"


class Refusal(NamedTuple):
    """A resource that was not taken: "Type/id" ("" without a usable id), and why."""

    name: str
    category: Category
    issues: tuple[Issue, ...]


class Admitted(msgspec.Struct, kw_only=True):
    """What became of them. `counts`: stored, unchanged, older, own, not-kept, refused, deleted, task.

    `taken` are the "Type/id" that stand now as they were sent; `buried` those that were deleted before and
    that only fetching may bring back; `patients` the ids of whom something was stored.
    """

    counts: Counter[str] = msgspec.field(default_factory=Counter)
    taken: list[str] = []
    refused: list[Refusal] = []
    buried: list[str] = []
    patients: set[str] = set()


class Shelf(Protocol):
    """What is stored: the part of store.search.Search that is asked here."""

    def versions(self, tenant: Tenant, identities: Iterable[Key]) -> dict[Key, int]:
        """The version numbers of these (type, id), deleted or not."""

    def current(self, tenant: Tenant, identities: Iterable[Key]) -> list[Stored]:
        """Those that exist and are not deleted."""

    def is_emitted(self, tenant: Tenant, kind: str, identities: Sequence[str]) -> set[str]:
        """Those that the service wrote."""


class Origins(Protocol):
    """Which source each resource came from, and its state there, which only grows."""

    def reached(self, feed: Feed, states: Mapping[str, str]) -> set[str]:
        """Keeps the states by "Type/id"; says for which a later one was known. "" is no state."""

    def of_others(self, feed: Feed, names: Sequence[str]) -> set[str]:
        """Those that came from other sources alone."""


class Admit:
    """The verb. `fulfillments` is the system of the identifiers of our Tasks to fulfil an order."""

    def __init__(
        self,
        ingest: Ingest,
        shelf: Shelf,
        origins: Origins,
        fulfillments: str,
        on_task: OnTask | None = None,
    ) -> None:
        """Shared by every thread; without `on_task` no Task is taken."""
        self._ingest = ingest
        self._shelf = shelf
        self._origins = origins
        self._fulfillments = fulfillments
        self._on_task = on_task

    @property
    def takes_tasks(self) -> bool:
        """Whether anybody hears of Tasks."""
        return self._on_task is not None

    def is_kept(self, kind: str) -> bool:
        """Whether a resource of this type is looked at."""
        return kind in KEPT or (kind == TASK and self.takes_tasks)

    def strangers(self, tenant: Tenant, patients: Iterable[str]) -> set[str]:
        """Those of whom there is no Patient here."""
        asked = set(patients)
        known = self._shelf.current(tenant, [("Patient", one) for one in asked])
        return asked - {one.id for one in known}

    def run(self, feed: Feed, found: Iterable[Placed], *, may_revive: bool = True) -> Admitted:
        """Durable on return. Without `may_revive` what was deleted here stays so, and is named.

        Raises Problem where the store cannot be reached, or others change the same again and again.
        """
        done = Admitted()
        writes: dict[str, Write] = {}
        states: dict[str, str] = {}
        for one in found:
            write = self._read(feed, one, done)
            if write is None:
                continue
            name, state = f"{write.type}/{write.id}", state_of(one.resource)
            if name not in writes or state >= states[name]:
                writes[name], states[name] = write, state
        names = list(writes)
        for start in range(0, len(names), _AT_ONCE):
            some = {name: writes[name] for name in names[start : start + _AT_ONCE]}
            self._store(feed, some, states, done, may_revive=may_revive)
        return done

    def delete(self, feed: Feed, names: Sequence[str]) -> Admitted:
        """Deletes what is gone at the source: what is here, not the service's own, and no other source's."""
        done = Admitted()
        keys = [_key(name) for name in names]
        own = self._own(feed.tenant, keys)
        others = self._origins.of_others(feed, names)
        versions = self._shelf.versions(feed.tenant, keys)
        deletions = [
            deletion(one.type, one.id, versions[one.type, one.id])
            for one in self._shelf.current(feed.tenant, keys)
            if one.type in KEPT and (one.type, one.id) not in own and f"{one.type}/{one.id}" not in others
        ]
        if deletions:
            self._ingest.submit(feed.tenant, deletions, feed.actor).result()
        done.counts["deleted"] = len(deletions)
        return done

    def _read(self, feed: Feed, one: Placed, done: Admitted) -> Write | None:
        """The write of one resource; None, and counted, if there is none."""
        kind = one.resource["resourceType"]
        if not self.is_kept(kind) or (kind == TASK and not self._is_ours(one.resource)):
            done.counts["not-kept"] += 1
            return None
        try:
            if issues := list(_faults(one)):
                raise Problem(Category.INCORRECT, *issues)
            if kind != TASK:
                return self._ingest.writes([Change(resource=one.resource, path=one.path)])[0]
            assert self._on_task is not None
            self._on_task(feed.tenant, one.resource, feed.actor)
        except Problem as error:
            _refuse(done, one, error)
        else:
            done.counts["task"] += 1
        return None

    def _is_ours(self, task: Json) -> bool:
        identifiers = task.get("identifier")
        return isinstance(identifiers, list) and any(
            isinstance(it, dict) and it.get("system") == self._fulfillments for it in identifiers
        )

    def _own(self, tenant: Tenant, keys: Iterable[Key]) -> set[Key]:
        requests = [identity for kind, identity in keys if kind == _SHARED_TYPE]
        own = self._shelf.is_emitted(tenant, _SHARED_TYPE, requests) if requests else set()
        return {(_SHARED_TYPE, identity) for identity in own}

    def _store(
        self,
        feed: Feed,
        writes: Mapping[str, Write],
        states: Mapping[str, str],
        done: Admitted,
        *,
        may_revive: bool,
    ) -> None:
        own = {f"{kind}/{identity}" for kind, identity in self._own(feed.tenant, map(_key, writes))}
        rest = {name: write for name, write in writes.items() if name not in own}
        for left in reversed(range(_TRIES)):
            try:
                self._try(feed, rest, states, done, may_revive=may_revive)
            except Problem as error:
                if error.category is not Category.CONFLICT or not left:
                    raise
            else:
                break
        done.counts.update({"own": len(own)} if own else {})

    def _try(
        self,
        feed: Feed,
        writes: Mapping[str, Write],
        states: Mapping[str, str],
        done: Admitted,
        *,
        may_revive: bool,
    ) -> None:
        # In this order, each against what comes between: the versions, the states, the writes that expect
        # those versions. Whoever is overtaken by a later state has a conflict here, or sees that state.
        keys = {name: _key(name) for name in writes}
        versions = self._shelf.versions(feed.tenant, keys.values())
        living = {(it.type, it.id) for it in self._shelf.current(feed.tenant, versions)}
        buried = set() if may_revive else {n for n, key in keys.items() if key in versions.keys() - living}
        older = self._origins.reached(feed, {name: states[name] for name in writes if name not in buried})
        asked = {name: write for name, write in writes.items() if name not in older | buried}
        stored = self._ingest.submit(
            feed.tenant,
            [_expecting(write, versions.get(keys[name], 0)) for name, write in asked.items()],
            feed.actor,
        ).result()
        done.counts.update({"older": len(older)} if older else {})
        done.buried += sorted(buried)
        done.taken += asked
        for one, write in zip(stored, asked.values(), strict=True):
            done.counts["stored" if one.is_new else "unchanged"] += 1
            if write.patient:
                done.patients.add(write.patient)


def _faults(one: Placed) -> Iterator[Issue]:
    yield from check(one.resource, one.path)
    if "id" not in one.resource:
        yield Issue("required", "What comes from another system has its id there.", f"{one.path}.id")


def _refuse(done: Admitted, one: Placed, error: Problem) -> None:
    if error.category is Category.CONFLICT:
        done.counts["older"] += 1  # a Task that has gone on here since
        return
    if error.category not in (Category.INCORRECT, Category.REFUSED):
        raise error
    identity = one.resource.get("id")
    is_named = isinstance(identity, str) and is_id(identity)
    name = f"{one.resource['resourceType']}/{identity}" if is_named else ""
    done.refused.append(Refusal(name, error.category, error.issues))
    done.counts["refused"] += 1


def state_of(resource: Json) -> str:
    """What tells the later of two versions: when it was written there, and its number, as text that sorts."""
    meta = resource.get("meta", {})
    updated = span(meta.get("lastUpdated"))
    if updated is None:
        return ""
    version = str(meta.get("versionId", ""))
    is_number = version.isascii() and version.isdigit() and len(version) <= _LONGEST_VERSION
    return f"{sortable(updated.start)} {int(version) if is_number else 0:0{_LONGEST_VERSION}d}"


def sortable(at: datetime) -> str:
    """An instant as text of one length, UTC, that sorts as instants do; ISO 8601."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _key(name: str) -> Key:
    kind, _, identity = name.partition("/")
    return kind, identity


def _expecting(write: Write, version: int) -> Write:
    return msgspec.structs.replace(write, expected=version)
