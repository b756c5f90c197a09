"""What one transaction changes: worked out in memory from the current versions, written in few statements.

A request that cannot be applied raises before it changes the plan, so that others in the same transaction
go on. Rows are locked in one order everywhere (resources, patients, ledger), so that no two transactions wait
for each other.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple

from sqlalchemy import Connection

from referral_service.core.person import Identity
from referral_service.core.problem import Category, problem
from referral_service.fhir.parse import are_alike
from referral_service.store import facts, index, ledger, persons
from referral_service.store.bulk import Row, Statement, inserting, replacing, together
from referral_service.store.dirt import Dirt, Queue
from referral_service.store.index import FoundBy, Key
from referral_service.store.tables import instant, microseconds, resource, resource_version
from referral_service.workflow.ports import Happening, PatientId, Stored, Tenant, Write

_MILLISECOND = 1000
_MOST_AT_ONCE = 8192  # databases bind only so many values
_COLUMNS = ", ".join(column.name for column in resource.c)
_ADD = inserting(resource)
_REPLACE = replacing(resource)
_KEEP_PAST = inserting(resource_version)


class _Version(NamedTuple):
    """One version of a resource: a row of `resource_version`, as the drivers take and give it."""

    tenant: Tenant
    type: str
    id: str
    version: int
    updated_at: int
    is_deleted: bool
    is_posted: bool
    patient: PatientId | None
    body: bytes

    def answer(self, is_new: bool = False, is_created: bool = False) -> Stored:
        """As the port says it."""
        return Stored(
            type=self.type,
            id=self.id,
            version=self.version,
            updated_at=instant(self.updated_at),
            body=self.body,
            is_deleted=bool(self.is_deleted),
            is_posted=bool(self.is_posted),
            is_new=is_new,
            is_created=is_created,
        )


@cache
def _current(size: int) -> Statement:
    """Reads so many resources of a type. Few sizes: a driver prepares each text anew."""
    marks = ", ".join("?" * size)
    text = f"SELECT {_COLUMNS} FROM resource WHERE tenant = ? AND type = ? AND id IN ({marks}) ORDER BY id"  # noqa: S608
    return Statement(text, locks=True)


class Plan:
    """The changes of one transaction. `at` is its instant; without a queue no write makes a patient dirty."""

    def __init__(self, connection: Connection, at: datetime, queue: Queue | None = None) -> None:
        """Millisecond precision: FHIR's `lastUpdated` has no more here."""
        self._connection = connection
        self._at = microseconds(at) // _MILLISECOND * _MILLISECOND
        self._instant = instant(self._at)
        self._queue = queue
        self._before: dict[Key, _Version] = {}
        self._after: dict[Key, _Version] = {}
        self._past: list[Row] = []
        self._until: dict[Key, int] = {}
        self._was_found_by: dict[Key, FoundBy] = {}
        self._found_by: dict[Key, FoundBy] = {}
        self._facts: dict[Key, list[Row]] = {}
        self._past_facts: list[Row] = []
        self._dirt: dict[tuple[Tenant, PatientId], Dirt] = {}
        self._happenings: dict[Tenant, list[Happening]] = {}
        self._identities: dict[Tenant, dict[PatientId, Identity | None]] = {}

    def look_up(self, keys: Iterable[Key]) -> None:
        """Reads and locks the current versions; called once, with all resources that will be written."""
        ids: dict[tuple[Tenant, str], set[str]] = {}
        for tenant, kind, identity in keys:
            ids.setdefault((tenant, kind), set()).add(identity)
        for tenant, kind in sorted(ids):
            self._look_up(tenant, kind, sorted(ids[tenant, kind]))

    def _look_up(self, tenant: Tenant, kind: str, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), _MOST_AT_ONCE):
            asked = [*ids[start : start + _MOST_AT_ONCE]]
            size = 1 << (len(asked) - 1).bit_length()
            asked += [asked[-1]] * (size - len(asked))
            for *columns, found_by in _current(size).read(self._connection, (tenant, kind, *asked)):
                version = _Version(*columns)
                self._before[tenant, kind, version.id] = version
                self._was_found_by[tenant, kind, version.id] = index.decode(found_by)

    def apply(
        self,
        tenant: Tenant,
        writes: Sequence[Write],
        happenings: Sequence[Happening],
        trace: str | None = None,
    ) -> list[Stored]:
        """Adds one request to the plan, or raises Problem and adds nothing.

        A happening whose subject is a resource that did not change is left out. `trace` is the request's.
        """
        answers: list[Stored] = []
        changes: dict[int, tuple[Write, _Version | None, _Version]] = {}
        newest: dict[Key, _Version] = {}
        unchanged: set[str] = set()
        for number, write in enumerate(writes):
            key = (tenant, write.type, write.id)
            before = newest.get(key) or self._after.get(key) or self._before.get(key)
            _check(write, before)
            if before and before.is_deleted == write.is_deleted and are_alike(before.body, _body(write)):
                unchanged.add(f"{write.type}/{write.id}")
                answers.append(before.answer())
                continue
            newest[key] = after = self._next(tenant, write, before)
            changes[number] = (write, before, after)
            is_created = not write.is_deleted and (before is None or before.is_deleted)
            answers.append(after.answer(is_new=True, is_created=is_created))
        sender = happenings[0].actor if happenings else ""
        for change in changes.values():
            self._change(*change)
            self._soil(*change, Dirt(1, sender, change[0].is_pressing, trace))
        lines = [happening for happening in happenings if happening.subject not in unchanged]
        self._happenings.setdefault(tenant, []).extend(lines)
        return answers

    def _next(self, tenant: Tenant, write: Write, before: _Version | None) -> _Version:
        return _Version(
            tenant=tenant,
            type=write.type,
            id=write.id,
            version=before.version + 1 if before else 1,
            updated_at=max(self._at, before.updated_at + _MILLISECOND) if before else self._at,
            is_deleted=write.is_deleted,
            is_posted=write.is_posted,
            patient=before.patient if before and write.is_deleted else write.patient,
            body=_body(write),
        )

    def _change(self, write: Write, before: _Version | None, after: _Version) -> None:
        key = (after.tenant, after.type, after.id)
        if before:
            self._past.append(before)
            self._until.setdefault(key, after.updated_at)
        self._after[key] = after
        self._found_by[key] = index.found_by(write.terms)
        for earlier in self._facts.pop(key, ()):
            self._past_facts.append((*earlier[:6], after.updated_at, earlier[7]))
        self._facts[key] = _facts(write, after)
        if write.type == "Patient":
            identity = None if write.is_deleted else write.identity
            self._identities.setdefault(after.tenant, {})[PatientId(after.id)] = identity

    def _soil(self, write: Write, before: _Version | None, after: _Version, dirt: Dirt) -> None:
        """A resource that moved from one patient to another makes both dirty."""
        if write.facts is None and not write.is_deleted:
            return
        for patient in {after.patient, before.patient if before else None} - {None}:
            assert patient is not None
            known = self._dirt.get((after.tenant, patient))
            self._dirt[after.tenant, patient] = known.add(dirt) if known else dirt

    def flush(self) -> None:
        """Writes everything; the transaction is the caller's to end."""
        if not self._identities:
            with together(self._connection):
                self._write()
                self._tell()
            return
        with together(self._connection):
            self._write()
        for tenant, said in sorted(self._identities.items()):
            for patient in persons.follow(self._connection, tenant, said, self._instant):
                self._dirt.setdefault((tenant, patient), Dirt(1))
        with together(self._connection):
            self._tell()

    def _write(self) -> None:
        self._supersede([key for key in self._after if key in self._before])
        _ADD.run(self._connection, [self._row(key) for key in self._after if key not in self._before])
        index.change(self._connection, self._was_found_by, self._found_by)
        current = [row for rows in self._facts.values() for row in rows]
        facts.ADD.run(self._connection, current + self._past_facts)

    def _tell(self) -> None:
        """The workers, by the queue, and the ledger."""
        if self._queue:
            self._queue.mark(self._connection, self._instant, self._dirt)
        for tenant in sorted(self._happenings):
            if lines := self._happenings[tenant]:
                ledger.append(self._connection, tenant, self._instant, lines)

    def _row(self, key: Key) -> Row:
        return (*self._after[key], index.encode(self._found_by[key]))

    def _supersede(self, replaced: Sequence[Key]) -> None:
        """Puts new versions in the place of those in the database, whose facts end."""
        _KEEP_PAST.run(self._connection, self._past)
        _REPLACE.run(self._connection, [self._row(key) for key in replaced])
        ended = [
            (self._until[key], key[0], owner, f"{key[1]}/{key[2]}")
            for key in replaced
            if (owner := self._before[key].patient)
        ]
        facts.OUTDATE.run(self._connection, ended)


def _check(write: Write, before: _Version | None) -> None:
    current = before.version if before else 0
    if write.expected is not None and write.expected != current:
        raise problem(Category.CONFLICT, "The resource is no longer in the version that was expected.")
    if write.is_deleted and before is None:
        raise problem(Category.NOT_FOUND, "There is no such resource to delete.")


def _body(write: Write) -> bytes:
    return b"" if write.is_deleted else write.body


def _facts(write: Write, after: _Version) -> list[Row]:
    if write.patient is None or not write.facts or write.is_deleted:
        return []
    known = facts.dated(write.facts, after.version, instant(after.updated_at))
    return [facts.row(after.tenant, write.patient, one, after.updated_at) for one in known]
