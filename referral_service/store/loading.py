"""What is loaded in bulk: the resources, and how far their file has come, in one transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, and_, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from referral_service.store import marks
from referral_service.store.dirt import Queue
from referral_service.store.engine import reading, writing
from referral_service.store.failures import is_collision, problem_of
from referral_service.store.origins import reach
from referral_service.store.outside import mark as mark_table
from referral_service.store.plan import Plan
from referral_service.store.tables import resource
from referral_service.workflow.admit import Feed, sortable
from referral_service.workflow.ingest import happenings
from referral_service.workflow.ports import Clock, Stored, Tenant, Write

_TRIES = 3


class Mark(NamedTuple):
    """Whose it is, its name and its value, as in `store.marks`."""

    source: str
    name: str
    value: str


class Snapshot(NamedTuple):
    """A source as it was at an instant of its own. What is known of it since then stands."""

    feed: Feed
    at: datetime


class Batch(NamedTuple):
    """What is stored together; `actor` is whom the ledger names. Of a snapshot, `states` by "Type/id"."""

    tenant: Tenant
    actor: str
    writes: Sequence[Write]
    snapshot: Snapshot | None = None
    states: Mapping[str, str] = {}


class Loaded(NamedTuple):
    """What was stored, or was there already; and what was passed by because something later is known."""

    stored: Sequence[Stored] = ()
    older: Sequence[Write] = ()


class Loader:
    """Stores with a mark, so that what was done is known to be done, whenever the process ends."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Any engine with the schema of `store.tables`. Not for several threads at once."""
        self._engine = engine
        self._clock = clock
        self._queue = Queue()

    def load(self, batch: Batch, mark: Callable[[Loaded], Mark] | None = None) -> Loaded:
        """Durable on return, all or nothing, and with it the mark that follows; raises Problem."""
        for left in reversed(range(_TRIES)):
            try:
                with self._engine.begin() as connection:
                    return self._load(connection, batch, mark)
            except (DBAPIError, PoolTimeout, UnicodeError) as error:
                if not left or not is_collision(error):
                    raise problem_of(error) from error
        raise AssertionError("the last try returns or raises")

    def mark(self, tenant: Tenant, source: str, name: str) -> str | None:
        """The value of a mark."""
        with reading(self._engine) as connection:
            return marks.get(connection, tenant, source, name)

    def finish(self, tenant: Tenant, source: str, names: Iterable[str], last: Mark | None = None) -> None:
        """Drops marks that have served, and puts the one that takes their place."""
        now = self._clock.now()
        with writing(self._engine) as connection:
            marks.drop(connection, tenant, source, names)
            if last:
                marks.put(connection, tenant, *last, now)

    def _load(self, connection: Connection, batch: Batch, mark: Callable[[Loaded], Mark] | None) -> Loaded:
        now = self._clock.now()
        plan = Plan(connection, now, self._queue)
        plan.look_up((batch.tenant, write.type, write.id) for write in batch.writes)
        overtaken = _overtaken(connection, batch, now) if batch.snapshot else frozenset()
        writes = [write for write in batch.writes if _name(write) not in overtaken]
        stored = plan.apply(batch.tenant, writes, happenings(writes, batch.actor))
        plan.flush()
        loaded = Loaded(stored, [write for write in batch.writes if _name(write) in overtaken])
        if mark:
            marks.put(connection, batch.tenant, *mark(loaded), now)
        return loaded


def _name(write: Write) -> str:
    return f"{write.type}/{write.id}"


def _overtaken(connection: Connection, batch: Batch, now: datetime) -> set[str]:
    """What a snapshot must not change: of which a later state is known, what was deleted since, and, where
    it says that something was deleted, what came from other sources alone."""
    assert batch.snapshot
    feed, at = batch.snapshot
    gone = [_name(write) for write in batch.writes if write.is_deleted]
    living = {_name(write): write for write in batch.writes if not write.is_deleted}
    states = {name: batch.states.get(name, "") for name in living}
    known = reach(connection, feed, states, now)
    older = {name for name, state in states.items() if state and known[name] > state}
    return older | _buried(connection, batch.tenant, living.values(), at) | _kept(connection, feed, gone, at)


def _buried(connection: Connection, tenant: Tenant, writes: Iterable[Write], since: datetime) -> set[str]:
    ids: dict[str, list[str]] = {}
    for write in writes:
        ids.setdefault(write.type, []).append(write.id)
    if not ids:
        return set()
    asked = or_(*(and_(resource.c.type == kind, resource.c.id.in_(ids[kind])) for kind in sorted(ids)))
    found = connection.execute(
        select(resource.c.type, resource.c.id)
        .where(resource.c.tenant == tenant, resource.c.is_deleted, resource.c.updated_at >= since)
        .where(asked)
    )
    return {f"{row.type}/{row.id}" for row in found}


def _kept(connection: Connection, feed: Feed, names: Sequence[str], since: datetime) -> set[str]:
    if not names:
        return set()
    of = mark_table.c
    rows = connection.execute(
        select(of.source, of.name, of.value).where(of.tenant == feed.tenant, of.name.in_(names))
    )
    states: dict[str, dict[str, str]] = {}
    for row in rows:
        states.setdefault(row.name, {})[row.source] = row.value
    instant = sortable(since)
    return {name for name, found in states.items() if found.get(feed.source, "~") > instant}
