"""What one transaction changes: worked out in memory from the current versions, written in few statements.

A request that cannot be applied raises before it changes the plan, so that others in the same transaction
go on. Rows are locked in one order everywhere (resources, patients, ledger), so that no two transactions wait
for each other.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, bindparam, delete, select, update

from referral_service.core.problem import Category, problem
from referral_service.store import bodies, ledger
from referral_service.store.bulk import Insert, Row
from referral_service.store.dirt import mark_dirty
from referral_service.store.tables import FIRST, LAST, fact, microseconds, resource, resource_version, term
from referral_service.workflow.ports import Happening, PatientId, Stored, Tenant, Term, Write

Key = tuple[Tenant, str, str]
_LONGEST_TOKEN = 2000  # bytes: PostgreSQL indexes no key above 2,704; what is longer is not found by search
_MILLISECOND = timedelta(milliseconds=1)
_CURRENT = (
    select(resource)
    .where(
        resource.c.tenant == bindparam("its_tenant"),
        resource.c.type == bindparam("its_type"),
        resource.c.id.in_(bindparam("ids", expanding=True)),
    )
    .order_by(resource.c.id)
    .with_for_update()
)
_ADD = Insert(resource)
_REPLACE = update(resource).where(
    resource.c.tenant == bindparam("its_tenant"),
    resource.c.type == bindparam("its_type"),
    resource.c.id == bindparam("its_id"),
)
_KEEP_PAST = Insert(resource_version)
_ADD_TERM = Insert(term)
_DROP_TERMS = delete(term).where(
    term.c.tenant == bindparam("its_tenant"),
    term.c.type == bindparam("its_type"),
    term.c.id == bindparam("its_id"),
)
_ADD_FACT = Insert(fact)
_OUTDATE_FACTS = (
    update(fact)
    .where(
        fact.c.tenant == bindparam("its_tenant"),
        fact.c.patient == bindparam("its_patient"),
        fact.c.source == bindparam("its_source"),
        fact.c.known_until.is_(None),
    )
    .values(known_until=bindparam("until"))
)


class _Version(msgspec.Struct, frozen=True):
    """One version of a resource, in the order of the table's columns."""

    tenant: Tenant
    type: str
    id: str
    version: int
    updated_at: datetime
    is_deleted: bool
    patient: PatientId | None
    body: bytes

    def row(self) -> Row:
        """As the database's driver takes it."""
        return (
            self.tenant,
            self.type,
            self.id,
            self.version,
            microseconds(self.updated_at),
            self.is_deleted,
            self.patient,
            self.body,
        )

    def answer(self, is_new: bool) -> Stored:
        """As the port says it."""
        return Stored(
            type=self.type,
            id=self.id,
            version=self.version,
            updated_at=self.updated_at,
            body=self.body,
            is_deleted=self.is_deleted,
            is_new=is_new,
        )


class Plan:
    """The changes of one transaction. `at` is its instant; `dirties`: whether writes make patients dirty."""

    def __init__(self, connection: Connection, at: datetime, *, dirties: bool) -> None:
        """Millisecond precision: FHIR's `lastUpdated` has no more here."""
        self._connection = connection
        self._at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        self._dirties = dirties
        self._before: dict[Key, _Version] = {}
        self._after: dict[Key, _Version] = {}
        self._past: list[Row] = []
        self._until: dict[Key, datetime] = {}
        self._terms: dict[Key, list[Row]] = {}
        self._facts: dict[Key, list[Row]] = {}
        self._past_facts: list[Row] = []
        self._dirt: dict[tuple[Tenant, PatientId], int] = {}
        self._happenings: dict[Tenant, list[Happening]] = {}

    def look_up(self, keys: Iterable[Key]) -> None:
        """Reads and locks the current versions; called once, with all resources that will be written."""
        ids: dict[tuple[Tenant, str], set[str]] = {}
        for tenant, kind, identity in keys:
            ids.setdefault((tenant, kind), set()).add(identity)
        for tenant, kind in sorted(ids):
            asked = {"its_tenant": tenant, "its_type": kind, "ids": sorted(ids[tenant, kind])}
            for row in self._connection.execute(_CURRENT, asked):
                self._before[tenant, kind, row.id] = _Version(*row)

    def apply(self, tenant: Tenant, writes: Sequence[Write], happenings: Sequence[Happening]) -> list[Stored]:
        """Adds one request to the plan, or raises Problem and adds nothing.

        A happening whose subject is a resource that did not change is left out.
        """
        answers: list[Stored] = []
        changes: dict[int, tuple[Write, _Version | None, _Version]] = {}
        newest: dict[Key, _Version] = {}
        unchanged: set[str] = set()
        for number, write in enumerate(writes):
            key = (tenant, write.type, write.id)
            before = newest.get(key) or self._after.get(key) or self._before.get(key)
            _check(write, before)
            if before and before.is_deleted == write.is_deleted and before.body == _body(write):
                unchanged.add(f"{write.type}/{write.id}")
                answers.append(before.answer(is_new=False))
                continue
            newest[key] = after = self._next(tenant, write, before)
            changes[number] = (write, before, after)
            answers.append(after.answer(is_new=True))
        for change in changes.values():
            self._change(*change)
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
            patient=before.patient if before and write.is_deleted else write.patient,
            body=_body(write),
        )

    def _change(self, write: Write, before: _Version | None, after: _Version) -> None:
        key = (after.tenant, after.type, after.id)
        if before:
            self._past.append(before.row())
            self._until.setdefault(key, after.updated_at)
        self._after[key] = after
        self._terms[key] = [_term(key, one) for one in set(write.terms) if _can_be_indexed(one)]
        for earlier in self._facts.pop(key, ()):
            self._past_facts.append((*earlier[:6], microseconds(after.updated_at), earlier[7]))
        self._facts[key] = _facts(write, after)
        if self._dirties and (write.is_deleted or write.facts is not None):
            for patient in {after.patient, before.patient if before else None} - {None}:
                assert patient is not None
                self._dirt[after.tenant, patient] = self._dirt.get((after.tenant, patient), 0) + 1

    def flush(self) -> None:
        """Writes everything; the transaction is the caller's to end."""
        self._supersede([key for key in self._after if key in self._before])
        _ADD.run(self._connection, [row.row() for key, row in self._after.items() if key not in self._before])
        _ADD_TERM.run(self._connection, [row for rows in self._terms.values() for row in rows])
        facts = [row for rows in self._facts.values() for row in rows]
        _ADD_FACT.run(self._connection, facts + self._past_facts)
        mark_dirty(self._connection, self._at, self._dirt)
        for tenant in sorted(self._happenings):
            if lines := self._happenings[tenant]:
                ledger.append(self._connection, tenant, self._at, lines)

    def _supersede(self, replaced: Sequence[Key]) -> None:
        """Puts new versions in the place of those in the database, whose terms go and whose facts end."""
        _KEEP_PAST.run(self._connection, self._past)
        if not replaced:
            return
        keys = [dict(zip(("its_tenant", "its_type", "its_id"), key, strict=True)) for key in replaced]
        versions = [msgspec.structs.asdict(self._after[key]) for key in replaced]
        self._connection.execute(_REPLACE, [key | row for key, row in zip(keys, versions, strict=True)])
        self._connection.execute(_DROP_TERMS, keys)
        ended = [
            {
                "its_tenant": key[0],
                "its_patient": owner,
                "its_source": f"{key[1]}/{key[2]}",
                "until": self._until[key],
            }
            for key in replaced
            if (owner := self._before[key].patient)
        ]
        if ended:
            self._connection.execute(_OUTDATE_FACTS, ended)


def _check(write: Write, before: _Version | None) -> None:
    current = before.version if before else 0
    if write.expected is not None and write.expected != current:
        raise problem(Category.CONFLICT, "The resource is no longer in the version that was expected.")
    if write.is_deleted and before is None:
        raise problem(Category.NOT_FOUND, "There is no such resource to delete.")


def _body(write: Write) -> bytes:
    return b"" if write.is_deleted else write.body


def _can_be_indexed(one: Term) -> bool:
    return len(one.token) <= _LONGEST_TOKEN // 4 or len(one.token.encode(errors="replace")) <= _LONGEST_TOKEN


def _term(key: Key, one: Term) -> Row:
    tenant, kind, identity = key
    if one.start is None and one.end is None:
        return (tenant, kind, one.name, one.token, 0, 0, identity)
    start = FIRST if one.start is None else microseconds(one.start)
    end = LAST if one.end is None else microseconds(one.end)
    return (tenant, kind, one.name, one.token, start, end, identity)


def _facts(write: Write, after: _Version) -> list[Row]:
    if write.patient is None or not write.facts or write.is_deleted:
        return []
    tenant, number, at = after.tenant, after.version, after.updated_at
    version, known_at = str(number), microseconds(at)
    return [
        (
            tenant,
            write.patient,
            one.source,
            number,
            one.part,
            known_at,
            None,
            bodies.encode(msgspec.structs.replace(one, version=version, known_at=at)),
        )
        for one in write.facts
    ]
