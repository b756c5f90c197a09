"""The ledger, read as the trail of who did what: filtered, a page at a time, the newest or the oldest first.

Nothing indexes a ledger but its numbers, which keeps writing it cheap. So a page looks through a part of it,
and may hold less than was asked for, or nothing, and yet be followed by another.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    and_,
    false,
    func,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.engine import Row

from referral_service.fhir.audit import SUBTYPES, Line, line_number
from referral_service.fhir.search.dates import During
from referral_service.fhir.search.query import Test
from referral_service.fhir.search.table import KINDS
from referral_service.store.engine import reading
from referral_service.store.tables import ledger, microseconds, resource, token
from referral_service.workflow.ports import Tenant

# Lines that one page looks through: about a quarter of a second.
_WINDOW: Final = 200_000
_MOST_OF_ONE: Final = 5_000
_AT: Final = type_coerce(ledger.c.at, BigInteger)


class Walk(NamedTuple):
    """How a search goes on: after which line (None: from its end), which way, how many at most."""

    after: int | None
    is_newest_first: bool
    most: int


class Page(NamedTuple):
    """`after` is None where nothing more can come."""

    lines: list[Line]
    after: int | None


class Trail:
    """Read-only questions to the ledger of one database."""

    def __init__(self, engine: Engine) -> None:
        """Any engine with the schema of `store.tables`."""
        self._engine = engine

    def read(self, tenant: Tenant, seq: int) -> Line | None:
        """One line."""
        asked = select(ledger).where(ledger.c.tenant == tenant, ledger.c.seq == seq)
        with reading(self._engine) as connection:
            return next(iter(_lines(connection, tenant, connection.execute(asked).all())), None)

    def page(self, tenant: Tenant, tests: Sequence[Test], walk: Walk) -> Page:
        """The next lines that pass every test of `date`, `patient`, `agent`, `entity`, `subtype`, `_id`."""
        own = ledger.c.tenant == tenant
        with reading(self._engine) as connection:
            head = connection.scalar(select(func.max(ledger.c.seq)).where(own)) or 0
            low, high = _window(walk, head)
            of = {one: _subjects(connection, tenant, one) for test in tests for one in _patients(test)}
            asked = select(ledger).where(own, ledger.c.seq.between(low, high))
            asked = asked.where(*(_passes(test, of) for test in tests))
            order = ledger.c.seq.desc() if walk.is_newest_first else ledger.c.seq
            rows = connection.execute(asked.order_by(order).limit(walk.most + 1)).all()
            lines = _lines(connection, tenant, rows[: walk.most])
        found = [line for line in lines if all(_is_about(line, test) for test in tests)]
        if len(rows) > walk.most:
            return Page(found, rows[walk.most - 1].seq if walk.most else walk.after)
        end, is_last = (low, low <= 1) if walk.is_newest_first else (high, high >= head)
        return Page(found, None if is_last else end)


def _window(walk: Walk, head: int) -> tuple[int, int]:
    if walk.is_newest_first:
        high = head if walk.after is None else walk.after - 1
        return max(high - _WINDOW + 1, 1), high
    low = 1 if walk.after is None else walk.after + 1
    return low, low + _WINDOW - 1


def _patients(test: Test) -> list[str]:
    """The ids of the patients that a test names."""
    if test.name not in ("patient", "entity"):
        return []
    return [one.removeprefix("Patient/") for one in test.tokens if one.startswith("Patient/")]


def _subjects(connection: Connection, tenant: Tenant, patient: str) -> list[str]:
    """What is stored of a patient, as references: lines about these need not name the patient."""
    names = {kind.type: kind.patient for kind in KINDS.values() if kind.patient}
    asked = select(token.c.type, token.c.id).where(
        token.c.tenant == tenant,
        token.c.type.in_(names),
        token.c.name.in_(set(names.values())),
        token.c.code == f"Patient/{patient}",
    )
    found = connection.execute(asked.limit(_MOST_OF_ONE))
    return [f"Patient/{patient}", *(f"{row.type}/{row.id}" for row in found)]


def _passes(test: Test, of: dict[str, list[str]]) -> ColumnElement[bool]:
    if test.name == "_id":
        return ledger.c.seq.in_([number for one in test.tokens if (number := line_number(one))])
    if test.dates:
        return or_(*map(_during, test.dates))
    if test.name == "subtype":
        # As store/ledger.py writes a detail: sorted, without spaces, and a name is in no value.
        return or_(false(), *(ledger.c.detail.contains(f'"did":"{did}"') for did in _done(test)))
    if test.name == "agent":
        return ledger.c.actor.in_(test.tokens)
    either: list[ColumnElement[bool]] = [ledger.c.subject.in_(test.tokens)] if test.name == "entity" else []
    for patient in _patients(test):
        is_said = ledger.c.detail.contains(f" {patient} ", autoescape=True)
        either += [ledger.c.subject.in_(of[patient]), is_said]
    return or_(false(), *either)


def _done(test: Test) -> list[str]:
    """What the subtypes are that a test names, by system and code, or by one of them."""
    told = ((one.partition("|"), did) for one, did in SUBTYPES.items())
    return [
        did
        for (system, _, code), did in told
        if code in test.tokens or f"{system}|{code}" in test.tokens or system in test.systems
    ]


def _during(during: During) -> ColumnElement[bool]:
    """R4's comparisons, of an instant with the range that the value covers."""
    first, last = microseconds(during.span.start), microseconds(during.span.end)
    within = and_(first <= _AT, last > _AT)
    return {
        "eq": within,
        "ap": within,
        "ne": ~within,
        "gt": last <= _AT,
        "sa": last <= _AT,
        "ge": first <= _AT,
        "lt": first > _AT,
        "eb": first > _AT,
        "le": last > _AT,
    }[during.comparison]


def _is_about(line: Line, test: Test) -> bool:
    """A database may have found a patient's id in another case, or one who has the resource only by now."""
    if test.name not in ("patient", "entity"):
        return True
    is_named = test.name == "entity" and line.subject in test.tokens
    return is_named or not set(line.patients).isdisjoint(_patients(test))


def _lines(connection: Connection, tenant: Tenant, rows: Sequence[Row[tuple[object, ...]]]) -> list[Line]:
    told = [(row, orjson.loads(row.detail)) for row in rows]
    unsaid = {row.subject for row, detail in told if "patients" not in detail}
    owners = _owners(connection, tenant, unsaid)
    return [
        Line(
            seq=row.seq,
            at=row.at,
            kind=row.kind,
            subject=row.subject,
            actor=row.actor,
            detail=detail,
            patients=tuple(detail.get("patients", "").split()) or owners.get(row.subject, ()),
        )
        for row, detail in told
    ]


def _owners(connection: Connection, tenant: Tenant, subjects: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Whose each resource is now."""
    found: dict[str, tuple[str, ...]] = {}
    for kind, ids in _by_type(subjects):
        columns = (resource.c.id, resource.c.patient)
        same = (resource.c.tenant == tenant, resource.c.type == kind, resource.c.id.in_(ids))
        for row in connection.execute(select(*columns).where(*same, resource.c.patient.is_not(None))):
            found[f"{kind}/{row.id}"] = (str(row.patient),)
    return found


def _by_type(subjects: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    ids: dict[str, list[str]] = {}
    for subject in subjects:
        kind, _, id = subject.partition("/")
        if kind in KINDS and id:
            ids.setdefault(kind, []).append(id)
    yield from ids.items()
