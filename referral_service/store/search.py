"""Searching the stored resources by their terms, a page at a time; and the versions of one resource."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Label,
    Select,
    String,
    and_,
    any_,
    false,
    func,
    or_,
    select,
)
from sqlalchemy import type_coerce as as_type
from sqlalchemy.engine import Engine
from sqlalchemy.sql.selectable import ScalarSelect

from referral_service.fhir.search.dates import During
from referral_service.fhir.search.escapes import plain, split
from referral_service.fhir.search.query import Order, Query, Test
from referral_service.store.engine import reading as snapshot
from referral_service.store.index import short
from referral_service.store.persons import members
from referral_service.store.reading import enough, stored
from referral_service.store.tables import (
    FIRST,
    LAST,
    fact,
    microseconds,
    moment,
    resource,
    resource_version,
    token,
)
from referral_service.workflow.ports import PatientId, Stored, Tenant

# Counting is worth one page's work, not more: beyond this a search says no total.
_COUNTED = 10_000
_AT_ONCE = 5_000
_OURS = ("ServiceRequest", "Task", "GuidanceResponse", "DetectedIssue")
_BY_PATIENT = ("subject", "for", "patient")
_MICROSECONDS = as_type(resource.c.updated_at, BigInteger)


class After(NamedTuple):
    """Where a page ended: the sort keys (microseconds) and the id of its last match."""

    keys: tuple[int, ...]
    id: str


class Page(NamedTuple):
    """One page. `after` is None on the last one; `total` is None where counting would cost too much."""

    matches: list[Stored]
    after: After | None
    total: int | None


class History(NamedTuple):
    """Some versions, the newest first; the one before them, if there is one; how many there are, or None."""

    versions: list[Stored]
    older: Stored | None
    total: int | None


class Search:
    """Read-only questions to the resources of one database."""

    def __init__(self, engine: Engine) -> None:
        """Any engine with the schema of `store.tables`."""
        self._engine = engine

    def page(self, tenant: Tenant, query: Query, after: After | None = None) -> Page:
        """The next `query.count` matches in the query's order, and on the first page their total."""
        keys = [_sort_key(query, order).label(f"key_{n}") for n, order in enumerate(query.sort)]
        with snapshot(self._engine) as connection:
            found = self._matching(tenant, _of_persons(connection, tenant, query))
            if query.count == 0:
                return Page([], None, _total(connection, found))
            rows, more = enough(connection.execute(_ordered(found, query, keys, after)), query.count)
            total = None if after else _total(connection, found) if more else len(rows)
        end = After(tuple(rows[-1]._mapping[key.name] for key in keys), rows[-1].id) if more else None
        return Page([stored(row._mapping) for row in rows], end, total)

    def ids(self, tenant: Tenant, query: Query, limit: int = 2) -> list[str]:
        """The ids of up to `limit` matches."""
        found = self._matching(tenant, query).with_only_columns(resource.c.id).limit(limit)
        with snapshot(self._engine) as connection:
            return list(connection.scalars(found))

    def _matching(self, tenant: Tenant, query: Query) -> Select[tuple[object, ...]]:
        # Among few, nobody is looked at but these.
        few = [token.c.id.in_(test.tokens) for test in query.tests if test.name == "_id"]
        gathers = self._engine.dialect.name == "postgresql"
        tests = (_passes(tenant, query.type, test, few, gathers) for test in query.tests)
        return select(resource).where(_living(tenant), resource.c.type == query.type, *tests)

    def versions(self, tenant: Tenant, identities: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The current version numbers of these (type, id), those that were ever stored, deleted or not."""
        columns = (resource.c.type, resource.c.id, resource.c.version)
        wanted = select(*columns).where(resource.c.tenant == tenant)
        with snapshot(self._engine) as connection:
            return {
                (row.type, row.id): row.version
                for among in _among(identities)
                for row in connection.execute(wanted.where(among))
            }

    def current(self, tenant: Tenant, identities: Iterable[tuple[str, str]]) -> list[Stored]:
        """The current versions of these (type, id), those that exist and are not deleted."""
        wanted = select(resource).where(_living(tenant))
        with snapshot(self._engine) as connection:
            return [
                stored(row._mapping)
                for among in _among(identities)
                for row in connection.execute(wanted.where(among))
            ]

    def history(self, tenant: Tenant, kind: str, identity: str, before: int, count: int) -> History:
        """Up to `count` versions older than version `before`, the newest first; `total` counts all."""
        with snapshot(self._engine) as connection:
            rows = [
                row
                for table in (resource, resource_version)
                for row in connection.execute(
                    select(table)
                    .where(table.c.tenant == tenant, table.c.type == kind, table.c.id == identity)
                    .where(table.c.version < before)
                    .order_by(table.c.version.desc())
                    .limit(count + 1)
                )
            ]
            newest = connection.scalar(
                select(resource.c.version).where(
                    resource.c.tenant == tenant, resource.c.type == kind, resource.c.id == identity
                )
            )
        found = [stored(row._mapping) for row in rows[: count + 1]]
        return History(found[:count], found[count] if len(found) > count else None, newest)

    def is_emitted(self, tenant: Tenant, kind: str, identities: Sequence[str]) -> set[str]:
        """Those of these ids whose living resource the service wrote: no fact was ever read from it."""
        was_read = select(fact.c.source).where(
            fact.c.tenant == tenant,
            fact.c.patient == resource.c.patient,
            fact.c.source == resource.c.type + "/" + resource.c.id,
        )
        ours = select(resource.c.id).where(_living(tenant), ~was_read.exists())
        with snapshot(self._engine) as connection:
            return {
                identity
                for among in _among((kind, identity) for identity in identities)
                for identity in connection.scalars(ours.where(among))
            }


def _of_persons(connection: Connection, tenant: Tenant, query: Query) -> Query:
    """What we write about a person is found by each of their patients."""
    by_patient = [test for test in query.tests if query.type in _OURS and test.name in _BY_PATIENT]
    owners = [(tenant, PatientId(it.removeprefix("Patient/"))) for test in by_patient for it in test.tokens]
    same = {f"Patient/{one}": others for (_, one), others in members(connection, owners).items()}

    def widened(test: Test) -> Test:
        others = (f"Patient/{one}" for it in test.tokens for one in same.get(it, ()))
        return replace(test, tokens=(*test.tokens, *others)) if test in by_patient else test

    return replace(query, tests=tuple(map(widened, query.tests))) if same else query


def _among(identities: Iterable[tuple[str, str]]) -> Iterator[ColumnElement[bool]]:
    """Conditions that hold for these (type, id) together, none with more values than a statement takes."""
    ids: dict[str, set[str]] = {}
    for kind, identity in identities:
        ids.setdefault(kind, set()).add(identity)
    for kind, all_ids in ids.items():
        listed = sorted(all_ids)
        for start in range(0, len(listed), _AT_ONCE):
            some = listed[start : start + _AT_ONCE]
            yield and_(resource.c.type == kind, resource.c.id.in_(some))


def _living(tenant: Tenant) -> ColumnElement[bool]:
    return and_(resource.c.tenant == tenant, resource.c.is_deleted.is_(False))


def _passes(
    tenant: Tenant, kind: str, test: Test, few: Sequence[ColumnElement[bool]], gathers: bool
) -> ColumnElement[bool]:
    if test.name == "_id":
        return resource.c.id.in_(test.tokens)
    if test.name == "_lastUpdated":
        return or_(*(_compared(_MICROSECONDS, _MICROSECONDS + 1, during) for during in test.dates))
    if test.dates:
        compared = (_compared(moment.c.start, moment.c.end, during) for during in test.dates)
        return select(moment.c.id).where(_dates(test.name), or_(*compared)).exists()
    same = (token.c.tenant == tenant, token.c.type == kind, token.c.name == test.name)
    found = select(token.c.id).where(*same, *few, _is_one_of(test))
    if gathers and _is_narrow(test) and not test.systems:
        # Before a first ANALYZE, PostgreSQL may walk through a whole type for an IN; not for an array.
        return resource.c.id == any_(func.array(found.scalar_subquery(), type_=ARRAY(String)))
    return resource.c.id.in_(found)


def _is_one_of(test: Test) -> ColumnElement[bool]:
    """A token without a bar is a code of any system; one with a bar is cut at the first."""
    asked = set(test.tokens)
    codes: set[str] = set()
    of_systems: dict[str, set[str]] = {}
    for one in asked:
        system, *code = split(one, "|", limit=1)
        if not code or f"|{one}" in asked:
            codes.add(short(plain(one)))
        else:
            of_systems.setdefault(short(plain(system)), set()).add(short(plain(code[0])))
    either: list[ColumnElement[bool]] = [token.c.code.in_(codes)] if codes else []
    either += [
        and_(token.c.code.in_(few), token.c.system == system)
        for system, all_codes in of_systems.items()
        if (few := all_codes - codes)
    ]
    either += [token.c.system == short(system) for system in test.systems]
    return or_(false(), *either)


def _dates(name: str) -> ColumnElement[bool]:
    """What a resource's date, or each of them, covers."""
    return and_(
        moment.c.tenant == resource.c.tenant,
        moment.c.type == resource.c.type,
        moment.c.id == resource.c.id,
        moment.c.name == name,
    )


def _compared(start: ColumnElement[int], end: ColumnElement[int], during: During) -> ColumnElement[bool]:
    """R4's comparisons of the range that a resource's date covers with that of the value asked for."""
    first, last = microseconds(during.span.start), microseconds(during.span.end)
    equal = and_(start >= first, end <= last)
    comparisons = {
        "eq": equal,
        "ne": ~equal,
        "gt": end > last,
        "ge": or_(end > last, equal),
        "lt": start < first,
        "le": or_(start < first, equal),
        "sa": start >= last,
        "eb": end <= first,
        "ap": and_(start < last, end > first),
    }
    return comparisons[during.comparison]


def _sort_key(query: Query, order: Order) -> ColumnElement[int]:
    """What the matches are sorted by, in microseconds; those without such a date come last."""
    if order.name == "_lastUpdated":
        # As an expression it keeps SQLite from walking through every resource of the type in its order.
        return _MICROSECONDS + 0 if any(map(_is_narrow, query.tests)) else _MICROSECONDS
    which, missing = (func.max, FIRST) if order.is_descending else (func.min, LAST)
    dated: ScalarSelect[int] = select(which(moment.c.start)).where(_dates(order.name)).scalar_subquery()
    return func.coalesce(dated, missing)


def _is_narrow(test: Test) -> bool:
    """Whether few resources pass, as with a reference: looking these up costs less than any order saves."""
    return test.name in ("_id", "identifier") or bool(
        test.tokens and not any("|" in it for it in test.tokens)
    )


def _ordered(
    found: Select[tuple[object, ...]], query: Query, keys: Sequence[Label[int]], after: After | None
) -> Select[tuple[object, ...]]:
    """The matches after that place, each with its keys at its end; those that tie come by their ids."""
    if after:
        beyond: ColumnElement[bool] = resource.c.id > after.id
        for key, order, end in reversed(list(zip(keys, query.sort, after.keys, strict=True))):
            expression = key.element
            further = expression < end if order.is_descending else expression > end
            beyond = or_(further, and_(expression == end, beyond))
        found = found.where(beyond)
    orders = zip(keys, query.sort, strict=True)
    sorting = [key.element.desc() if order.is_descending else key.element for key, order in orders]
    return found.add_columns(*keys).order_by(*sorting, resource.c.id).limit(query.count + 1)


def _total(connection: Connection, found: Select[tuple[object, ...]]) -> int | None:
    some = found.with_only_columns(resource.c.id).limit(_COUNTED + 1).subquery()
    count = connection.scalar(select(func.count()).select_from(some)) or 0
    return count if count <= _COUNTED else None
