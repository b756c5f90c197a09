"""Erasing a patient: every row that holds something of them goes, in one transaction; the ledger stays.

Its lines have ids and no values; one more, `erased`, says who did it, when and why. What is the patient's is
looked for in a snapshot, for that reads every resource. Then the rows are removed if nothing has arrived and
nobody has looked at the patient meanwhile, else it begins anew.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, func, select

from referral_service.core.problem import Category, problem
from referral_service.store import bodies, index, ledger, persons
from referral_service.store.bulk import deleting
from referral_service.store.dirt import Dirt, Queue
from referral_service.store.engine import reading, writing
from referral_service.store.outside import errand, mark, message, session
from referral_service.store.persons import person
from referral_service.store.tables import (
    alarm,
    brief,
    episode,
    fact,
    patient,
    referral,
    resource,
    resource_version,
    token,
)
from referral_service.workflow.ports import Clock, Happening, PatientId, Tenant

_AT_ONCE = 500
_TRIES = 5
_ALARM, _MESSAGE = deleting(alarm), deleting(message)
_RESOURCE, _VERSION = deleting(resource), deleting(resource_version)
Version = tuple[str, str, int]


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Who erases, and the code of the reason, never a sentence; `is_forced`: also while an order is out."""

    actor: str
    reason: str
    is_forced: bool = False


class Erased(msgspec.Struct, frozen=True):
    """How many resources and versions are gone, and which others, not the patient's, still refer to them."""

    resources: int
    versions: int
    mentioned_in: tuple[str, ...]


class Old(msgspec.Struct, frozen=True):
    """A patient of whom nothing has changed since."""

    patient: PatientId
    changed_at: datetime


class _Chart(msgspec.Struct):
    """A patient's resources as (type, id), and past versions of theirs, also in the histories of others'."""

    resources: set[tuple[str, str]] = msgspec.field(default_factory=set)
    versions: set[Version] = msgspec.field(default_factory=set)
    state: "_State | None" = None


class _State(NamedTuple):
    """Of a patient: another once anything has arrived, was answered, or is being decided."""

    changes: int
    token: int


class _Outdated(Exception):
    """Something came between."""


class _Body(msgspec.Struct):
    patient: str | None = None
    emergency: "_Body | None" = None

    def shows(self, identity: PatientId) -> bool:
        """Whether that patient's chart is open in the session."""
        return self.patient == identity or (self.emergency is not None and self.emergency.shows(identity))


_opened = msgspec.json.Decoder(_Body).decode


class Eraser:
    """Erases patients of one tenant."""

    def __init__(self, engine: Engine, clock: Clock, tenant: Tenant) -> None:
        """An engine for all tenants, with the schema of `store.tables`."""
        self._engine = engine
        self._clock = clock
        self._tenant = tenant
        self._queue = Queue()

    def old(self, before: datetime) -> list[Old]:
        """Those whose last change, ours or anybody's, is older; the oldest first."""
        last = func.max(resource.c.updated_at, type_=resource.c.updated_at.type)
        asked = (
            select(resource.c.patient, last.label("last"))
            .where(resource.c.tenant == self._tenant, resource.c.patient.is_not(None))
            .group_by(resource.c.patient)
            .having(last < before)
            .order_by("last", resource.c.patient)
        )
        with reading(self._engine) as connection:
            return [Old(PatientId(row.patient), row.last) for row in connection.execute(asked)]

    def number(self, identity: PatientId) -> int:
        """How many resources are stored of a patient."""
        own = and_(resource.c.tenant == self._tenant, resource.c.patient == identity)
        with reading(self._engine) as connection:
            return connection.scalar(select(func.count()).select_from(resource).where(own)) or 0

    def erase(self, identity: PatientId, why: Why) -> Erased:
        """Durable on return. NOT_FOUND without anything stored, REFUSED while an order is out.

        CONFLICT while the patient is being evaluated, or if something arrives about them again and again.
        """
        for _ in range(_TRIES):
            with reading(self._engine) as connection:
                chart = self._look(connection, identity)
            with suppress(_Outdated):
                with writing(self._engine) as connection:
                    erased = self._remove(connection, identity, chart, why)
                self._overwrite()
                return erased
        raise problem(Category.CONFLICT, "Something arrives about this patient again and again.")

    def _look(self, connection: Connection, identity: PatientId) -> _Chart:
        chart = _Chart()
        known = select(patient.c.changes, patient.c.token).where(*self._row(identity))
        for found in connection.execute(known):
            chart.state = _State(found.changes, found.token)
        for one in (resource, resource_version):
            own = and_(one.c.tenant == self._tenant, one.c.patient == identity)
            for row in connection.execute(select(one.c.type, one.c.id, one.c.version).where(own)):
                if one is resource:
                    chart.resources.add((row.type, row.id))
                else:
                    chart.versions.add((row.type, row.id, row.version))
        for some in _several(sorted(chart.resources)):
            for kind in sorted({kind for kind, _ in some}):
                past = resource_version.c
                named = past.id.in_([id for type, id in some if type == kind])
                asked = select(past.id, past.version).where(
                    past.tenant == self._tenant, past.type == kind, named
                )
                chart.versions |= {(kind, row.id, row.version) for row in connection.execute(asked)}
        return chart

    def _row(self, identity: PatientId) -> tuple[ColumnElement[bool], ...]:
        return (patient.c.tenant == self._tenant, patient.c.id == identity)

    def _remove(self, connection: Connection, identity: PatientId, chart: _Chart, why: Why) -> Erased:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what is freed is overwritten
        found_by = self._lock(connection, identity, chart)
        orders, tasks = self._orders(connection, identity, is_forced=why.is_forced)
        names = [f"{kind}/{id}" for kind, id in sorted(chart.resources)]
        index.change(connection, found_by, {key: index.FoundBy() for key in found_by})
        _VERSION.run(connection, [(self._tenant, *one) for one in sorted(chart.versions)])
        _RESOURCE.run(connection, [(self._tenant, *one) for one in sorted(chart.resources)])
        self._delete(connection, fact, "source", names)
        for one in (fact, episode, brief, referral):
            self._delete(connection, one, "patient", [identity])
        self._delete(connection, patient, "id", [identity])
        _ALARM.run(connection, [(self._tenant, one) for one in tasks])
        _MESSAGE.run(connection, [(self._tenant, one) for one in orders])
        known = list(dict.fromkeys([*names, f"Patient/{identity}"]))
        self._delete(connection, errand, "what", known)
        self._delete(connection, mark, "name", known)
        self._sign_out(connection, identity)
        self._separate(connection, identity)
        line = Happening("erased", f"Patient/{identity}", why.actor, {"reason": why.reason})
        ledger.append(connection, self._tenant, self._clock.now(), [line])
        return Erased(len(chart.resources), len(chart.versions), self._mentions(connection, identity))

    def _lock(
        self, connection: Connection, identity: PatientId, chart: _Chart
    ) -> dict[index.Key, index.FoundBy]:
        """Resources, then the patient, as every transaction does; what each is found by."""
        found_by: dict[index.Key, index.FoundBy] = {}
        for kind in sorted({kind for kind, _ in chart.resources}):
            for some in _several(sorted(id for type, id in chart.resources if type == kind)):
                asked = select(resource.c.id, resource.c.found_by).where(
                    resource.c.tenant == self._tenant, resource.c.type == kind, resource.c.id.in_(some)
                )
                for row in connection.execute(asked.order_by(resource.c.id).with_for_update()):
                    found_by[self._tenant, kind, row.id] = index.decode(row.found_by)
        known = connection.execute(
            select(patient).where(*self._row(identity)).with_for_update()
        ).one_or_none()
        if known is None and not found_by and not chart.versions:
            raise problem(Category.NOT_FOUND, "Nothing is stored about such a patient.")
        if (_State(known.changes, known.token) if known else None) != chart.state:
            raise _Outdated
        if known and known.leased_by is not None and known.leased_until > self._clock.now():
            raise problem(Category.CONFLICT, "This patient is being evaluated; try again in a moment.")
        return found_by

    def _orders(
        self, connection: Connection, identity: PatientId, *, is_forced: bool
    ) -> tuple[list[str], list[str]]:
        """The ids of the patient's orders, and of our Tasks about them."""
        own = select(referral.c.body).where(referral.c.tenant == self._tenant, referral.c.patient == identity)
        kept = [bodies.referral(body) for body in connection.scalars(own)]
        if not is_forced and any(one.is_unfulfilled for one in kept):
            sentence = "An approved order of this patient is neither fulfilled nor given up."
            raise problem(Category.REFUSED, sentence)
        return [one.order for one in kept if one.order], [one.task for one in kept]

    def _sign_out(self, connection: Connection, identity: PatientId) -> None:
        """Ends the sessions that this patient's chart is open in."""
        asked = select(session.c.id, session.c.body).where(session.c.tenant == self._tenant)
        ids = [row.id for row in connection.execute(asked) if _opened(row.body).shows(identity)]
        self._delete(connection, session, "id", ids)

    def _separate(self, connection: Connection, identity: PatientId) -> None:
        """Whoever was one person with this patient is decided on again, without them."""
        now = self._clock.now()
        # a link that another has to this patient stays
        others = {*persons.whole(connection, self._tenant, identity)}
        others |= persons.follow(connection, self._tenant, {identity: None}, now)
        for column in ("patient", "person"):
            self._delete(connection, person, column, [identity])
        # and holds those together who have it
        others |= persons.settle(connection, self._tenant, {identity, *others}, now)
        self._queue.mark(connection, now, {(self._tenant, one): Dirt(1) for one in others - {identity}})

    def _mentions(self, connection: Connection, identity: PatientId) -> tuple[str, ...]:
        """What else is found by a reference to the patient."""
        asked = select(token.c.type, token.c.id).where(
            token.c.tenant == self._tenant, token.c.code == f"Patient/{identity}"
        )
        return tuple(sorted({f"{row.type}/{row.id}" for row in connection.execute(asked)}))

    def _delete(self, connection: Connection, table: Table, column: str, values: Sequence[str]) -> None:
        for some in _several(values):
            own = and_(table.c.tenant == self._tenant, table.c[column].in_(some))
            connection.execute(table.delete().where(own))

    def _overwrite(self) -> None:
        """On SQLite, takes what was written before out of the log beside the file too, unless others read."""
        if self._engine.dialect.name == "sqlite":
            driver = self._engine.raw_connection()
            try:
                driver.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                driver.close()


def _several(values: Iterable[Any]) -> Iterator[list[Any]]:
    left = list(values)
    for start in range(0, len(left), _AT_ONCE):
        yield left[start : start + _AT_ONCE]
