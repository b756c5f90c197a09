"""Takes files of FHIR into the store, many resources a transaction; what is done is known to be done.

How far a file has come is a mark in the database, put in the transaction of what came from it. Whenever the
process ends, the next one goes on behind the mark, with the report as it was then.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from referral_service.cli.charts import Gone, Place, Refused, parts
from referral_service.cli.progress import File
from referral_service.core.problem import Category, Issue, Problem, problem
from referral_service.fhir.read import Reader
from referral_service.fhir.search.reference import is_id
from referral_service.fhir.space import Space
from referral_service.store import loading
from referral_service.store.loading import Loaded, Loader, Mark, Snapshot
from referral_service.store.search import Search
from referral_service.store.store import SqlStore
from referral_service.workflow.admit import KEPT, state_of
from referral_service.workflow.ingest import Change, Ingest, deletion
from referral_service.workflow.ports import Clock, Tenant, Write

Json = dict[str, Any]
SOURCE: Final = "import"  # of the marks
_AT_ONCE: Final = 500
_BYTES_AT_ONCE: Final = 8 * 1024 * 1024
_PARTS_AT_ONCE: Final = 10_000
_SHOWN: Final = 100
# Both kinds of request are ours, and can be sent in by an EHR too.
_SHARED_TYPE: Final = "ServiceRequest"
# What the database says of a resource, not of itself.
_OF_ONE: Final = (Category.INCORRECT, Category.FAULT)
_BAD: Final = ("fatal", "error", "unreadable")
_OURS = Issue("forbidden", "The service wrote this; only its operations change it.")


class Report(msgspec.Struct):
    """What became of each resource: counts by type and by what happened, and the refusals, some of them."""

    counts: dict[str, dict[str, int]] = {}
    refused: int = 0
    refusals: list[Refused] = []
    messages: dict[str, int] = {}  # of a source about its export, by severity

    @property
    def is_bad(self) -> bool:
        """Whether something did not come in that should have."""
        return self.refused > 0 or any(number for it, number in self.messages.items() if it in _BAD)

    def count(self, kind: str, what: str, number: int = 1) -> None:
        """`what`: stored, unchanged, deleted, not taken in; of a source also older, or own."""
        found = self.counts.setdefault(kind, {})
        found[what] = found.get(what, 0) + number

    def refuse(self, one: Refused) -> None:
        """Counts all, keeps the first."""
        self.refused += 1
        if self.refused <= _SHOWN:
            self.refusals.append(one)

    def add(self, other: "Report") -> None:
        """The report on another file."""
        for kind, found in other.counts.items():
            for what, number in found.items():
                self.count(kind, what, number)
        self.refused += other.refused
        self.refusals = (self.refusals + other.refusals)[:_SHOWN]

    def with_loaded(self, loaded: Loaded) -> "Report":
        """The same, and what became of these."""
        after = Report(
            {kind: dict(found) for kind, found in self.counts.items()}, self.refused, self.refusals
        )
        for one in loaded.stored:
            after.count(one.type, "deleted" if one.is_deleted else "stored" if one.is_new else "unchanged")
        for write in loaded.older:
            after.count(write.type, "older")
        return after


class Kept(msgspec.Struct):
    """How far a file has come: the value of its mark."""

    place: Place = Place()
    is_done: bool = False
    report: Report = msgspec.field(default_factory=Report)


class _Waiting:
    """What waits to be stored, from so many parts of a file."""

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.states: dict[str, str] = {}
        self.parts = 0
        self._size = 0

    def add(self, write: Write, state: str = "") -> None:
        self.writes.append(write)
        self.states[f"{write.type}/{write.id}"] = state
        self._size += len(write.body)

    @property
    def is_enough(self) -> bool:
        return len(self.writes) >= _AT_ONCE or self._size >= _BYTES_AT_ONCE or self.parts >= _PARTS_AT_ONCE

    @property
    def is_too_much(self) -> bool:
        """Within one part, a line that is a Bundle."""
        return len(self.writes) >= 2 * _AT_ONCE


class Into(NamedTuple):
    """Whose data it becomes, in which id space, and whom the ledger names.

    `snapshot` where it is what a source had.
    """

    tenant: Tenant
    actor: str
    snapshot: Snapshot | None = None
    space: Space = Space("")


class Intake:
    """Reads files and stores what is valid in them."""

    def __init__(self, store: SqlStore, clock: Clock, reader: Reader, into: Into) -> None:
        """For one thread."""
        self._loader = Loader(store.engine, clock)
        self._search = Search(store.engine)
        self._ingest = Ingest(store, reader)
        self._into = into

    def take(self, path: Path, shown: File, *, only_deletions: bool = False) -> Report:
        """Does what is left of a file, maybe taking nothing but deletions; the report is on all of it.

        Raises OSError, and Problem where the database cannot be used.
        """
        name = _name(path)
        kept = self._kept(name)
        if kept.is_done:
            return kept.report
        waiting = _Waiting()

        def refuse(one: Refused) -> None:
            kept.report.refuse(one)  # the report of the moment

        for part in parts(path, refuse, kept.place):
            for found in part.found:
                if isinstance(found, Gone) or not only_deletions:
                    self._add(found, waiting, kept.report)
                if waiting.is_too_much:
                    kept, waiting = self._store(waiting, kept), _Waiting()
            kept.place = part.after
            waiting.parts += 1
            if waiting.is_enough:
                kept = self._store(waiting, kept, name)
                shown.moved(part.share, waiting.parts)
                waiting = _Waiting()
        kept.is_done = True
        kept = self._store(waiting, kept, name)
        shown.moved(1.0, waiting.parts)
        return kept.report

    def forget(self, paths: Iterable[Path], last: Mark | None = None) -> None:
        """Ends an import: these files would be read anew. `last` is put at the same moment."""
        self._loader.finish(self._into.tenant, SOURCE, map(_name, paths), last)

    def _kept(self, name: str) -> Kept:
        value = self._loader.mark(self._into.tenant, SOURCE, name)
        return msgspec.json.decode(value, type=Kept) if value else Kept()

    def _add(self, found: Json | Gone, waiting: _Waiting, report: Report) -> None:
        if isinstance(found, Gone):
            kind, _, identity = self._into.space.entered(found.source).partition("/")
            if kind in KEPT:
                waiting.add(deletion(kind, identity))
            return
        kind = found["resourceType"]
        if kind not in KEPT:
            report.count(kind, "not taken in")
            return
        try:
            entered = self._into.space.enter(found)
            if not is_id(entered["id"]):
                raise problem(Category.REFUSED, "Too long to be told apart.", f"{kind}.id", "too-long")
            [write] = self._ingest.writes([Change(resource=entered, path=kind)])
            waiting.add(write, state_of(found))
        except Problem as refusal:
            report.refuse(Refused(f"{kind}/{found['id']}", refusal.issues))

    def _store(self, waiting: _Waiting, kept: Kept, name: str = "") -> Kept:
        """In one transaction, with the mark if it has a name."""
        into = self._into
        writes = list(self._allowed(waiting.writes, kept.report))
        batch = loading.Batch(into.tenant, into.actor, writes, into.snapshot, waiting.states)
        try:
            return self._load(batch, kept, name)
        except Problem as refusal:
            if refusal.category not in _OF_ONE:
                raise
        for write in writes:  # one that the database does not take stops no other
            try:
                kept = self._load(batch._replace(writes=[write]), kept, "")
            except Problem as refusal:
                if refusal.category not in _OF_ONE:
                    raise
                kept.report.refuse(Refused(f"{write.type}/{write.id}", refusal.issues))
        return self._load(batch._replace(writes=()), kept, name)

    def _load(self, batch: loading.Batch, kept: Kept, name: str) -> Kept:
        def after(loaded: Loaded) -> Kept:
            return Kept(kept.place, kept.is_done, kept.report.with_loaded(loaded))

        def mark(loaded: Loaded) -> Mark:
            return Mark(SOURCE, name, msgspec.json.encode(after(loaded)).decode())

        return after(self._loader.load(batch, mark if name else None))

    def _allowed(self, writes: list[Write], report: Report) -> Iterator[Write]:
        """Without what the service wrote itself, and without deletions of what is not there."""
        tenant = self._into.tenant
        requests = [write.id for write in writes if write.type == _SHARED_TYPE]
        ours = self._search.is_emitted(tenant, _SHARED_TYPE, requests) if requests else set()
        gone = [(write.type, write.id) for write in writes if write.is_deleted]
        there = {(one.type, one.id) for one in self._search.current(tenant, gone)} if gone else set()
        for write in writes:
            if write.type == _SHARED_TYPE and write.id in ours:
                self._pass_by(write, report)
            elif not write.is_deleted:
                there.add((write.type, write.id))
                yield write
            elif (write.type, write.id) in there:
                there.discard((write.type, write.id))
                yield write

    def _pass_by(self, write: Write, report: Report) -> None:
        """What is ours: a source that tells it back does no wrong."""
        if self._into.snapshot:
            report.count(write.type, "own")
        else:
            report.refuse(Refused(f"{write.type}/{write.id}", (_OURS,)))


def _name(path: Path) -> str:
    """Of a file as it is now: another size or time makes it another file."""
    found = path.stat()
    return sha256(f"{path.absolute()}\n{found.st_size}\n{found.st_mtime_ns}".encode()).hexdigest()
