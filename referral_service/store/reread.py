"""Every stored resource read anew for its facts: a batch at a time, each a transaction of its own.

The resources stay as they are. Facts of the reading before end where those of the new one begin, so that what
was known on an earlier day is still answered as it was then.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Engine, Row, select, tuple_

from referral_service.core.flags import may_be_flag
from referral_service.core.timeline import AnyFact
from referral_service.store import bodies, facts, ledger
from referral_service.store.bulk import Statement
from referral_service.store.dirt import Dirt, Queue
from referral_service.store.engine import reading, writing
from referral_service.store.reading import enough
from referral_service.store.tables import fact, microseconds, resource
from referral_service.workflow.ports import Clock, Happening, PatientId, Tenant

_AT_ONCE, _FETCHED = 200, 20  # resources, fewer where they are large
_KEYS = (resource.c.tenant, resource.c.type, resource.c.id)
_COLUMNS: tuple[Column[Any], ...] = (
    *_KEYS,
    resource.c.version,
    resource.c.patient,
    resource.c.updated_at,
    resource.c.body,
)
_VERSION = "tenant = ? AND patient = ? AND source = ? AND version = ?"
# Below every part that the version's facts have or had.
_SET_ASIDE = Statement(f"""UPDATE fact SET known_until = ?,
    part = part - (SELECT max(part) - min(part) + 1 FROM fact WHERE {_VERSION})
    WHERE {_VERSION} AND known_until IS NULL""")  # noqa: S608 - our own words
Read = Callable[[bytes], tuple[AnyFact, ...]]


class Reread(NamedTuple):
    """Of so many resources, how many say something else now; their patients are due."""

    resources: int
    changed: int


class _Reading(NamedTuple):
    """What one version of a resource says by today's codes."""

    tenant: Tenant
    patient: PatientId
    type: str
    id: str
    version: int
    facts: tuple[AnyFact, ...]

    @property
    def source(self) -> str:
        return f"{self.type}/{self.id}"


def reread(engine: Engine, clock: Clock, read: Read, actor: str) -> Iterator[Reread]:
    """A batch on each step, durable; `actor` is whom the ledger names.

    Started again after any end it changes nothing that was done. What a sender changes meanwhile is the
    sender's: it was read as it came in.
    """
    living = (resource.c.is_deleted.is_(False), resource.c.patient.is_not(None))
    asked = select(*_COLUMNS).where(*living).order_by(*_KEYS).limit(_AT_ONCE)
    last = ("", "", "")
    while True:
        with reading(engine) as connection:
            streamed = connection.execution_options(yield_per=_FETCHED)
            with streamed.execute(asked.where(tuple_(*_KEYS) > tuple_(*last))) as found:
                rows, _ = enough(found, _AT_ONCE)
            known = _known(connection, rows)
        if not rows:
            return
        last = (rows[-1].tenant, rows[-1].type, rows[-1].id)
        yield Reread(len(known), _put(engine, clock, [*_otherwise(rows, known, read)], actor))


def _known(connection: Connection, rows: Sequence[Row[Any]]) -> dict[tuple[str, str], tuple[AnyFact, ...]]:
    """The current facts by tenant and source. What we wrote ourselves has none."""
    of: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        of[row.tenant].append((row.patient, f"{row.type}/{row.id}"))
    found = [
        (tenant, row.source, bodies.fact(row.body))
        for tenant, some in of.items()
        for row in connection.execute(
            select(fact.c.source, fact.c.body)
            .where(fact.c.tenant == tenant, tuple_(fact.c.patient, fact.c.source).in_(some))
            .where(fact.c.known_until.is_(None))
            .order_by(fact.c.source, fact.c.part)
        )
    ]
    grouped = groupby(found, key=lambda it: it[:2])
    return {name: tuple(one for *_, one in some) for name, some in grouped}


def _otherwise(
    rows: Sequence[Row[Any]], known: dict[tuple[str, str], tuple[AnyFact, ...]], read: Read
) -> Iterator[_Reading]:
    for row in rows:
        was = known.get((row.tenant, f"{row.type}/{row.id}"))
        if was is None:
            continue
        now = facts.dated(read(row.body), row.version, row.updated_at)
        if now != was:
            yield _Reading(Tenant(row.tenant), PatientId(row.patient), row.type, row.id, row.version, now)


def _put(engine: Engine, clock: Clock, readings: Sequence[_Reading], actor: str) -> int:
    if not readings:
        return 0
    with writing(engine) as connection:
        same = [one for one in readings if _is_current(connection, one)]
        now = clock.now()
        at = microseconds(now)
        _SET_ASIDE.run(connection, [(at, *_version(one), *_version(one)) for one in same])
        rows = [facts.row(one.tenant, one.patient, it, at) for one in same for it in one.facts]
        facts.ADD.run(connection, rows)
        Queue().mark(connection, now, _dirt(same, actor))
        for tenant, some in groupby(same, key=lambda one: one.tenant):
            ledger.append(connection, tenant, now, [Happening("reread", one.source, actor) for one in some])
    return len(same)


def _is_current(connection: Connection, one: _Reading) -> bool:
    """Whether nobody has changed the resource since; nobody can until this transaction ends."""
    asked = select(resource.c.version).where(tuple_(*_KEYS) == (one.tenant, one.type, one.id))
    found: int | None = connection.scalar(asked.with_for_update())
    return found == one.version


def _version(one: _Reading) -> tuple[Tenant, PatientId, str, int]:
    return (one.tenant, one.patient, one.source, one.version)


def _dirt(readings: Sequence[_Reading], actor: str) -> dict[tuple[Tenant, PatientId], Dirt]:
    found: dict[tuple[Tenant, PatientId], Dirt] = {}
    for one in readings:
        whose, more = (one.tenant, one.patient), Dirt(1, actor, any(map(may_be_flag, one.facts)))
        found[whose] = found[whose].add(more) if whose in found else more
    return found
