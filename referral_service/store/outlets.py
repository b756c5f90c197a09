"""Which subscriber has been told how much, in the database: the port `Outlets`.

The lines of the ledger say whose resources have changed, in the order of their transactions; the resources
of that patient which are no older than the line are those that may have. So nothing that is stored is
looked at but what has changed. A row is idle (no attempt), held (an attempt, no category), waits after a
failure (a category), or is parked.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    delete,
    false,
    func,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.exc import DBAPIError

from referral_service.fhir.audit import AUDIT
from referral_service.fhir.search.query import Query, Test
from referral_service.fhir.search.table import KINDS
from referral_service.store.bulk import inserting
from referral_service.store.duty import drained_since
from referral_service.store.engine import reading as snapshot
from referral_service.store.engine import writing
from referral_service.store.failures import is_collision, problem_of
from referral_service.store.fencing import first_token
from referral_service.store.outside import outlet
from referral_service.store.plan import Plan
from referral_service.store.reading import read
from referral_service.store.search import Search
from referral_service.store.tables import ledger, ledger_head, microseconds, resource, token
from referral_service.workflow.announce import Changed, News, Outing, Turned
from referral_service.workflow.ports import Clock, Stored, Tenant

_TYPE: Final = "Subscription"
# Subjects of lines with which requests and Tasks of ours change; those of others speak of themselves.
_SPEAKING: Final = ("ServiceRequest", "Task", "GuidanceResponse")
_LINES: Final = 100
_READ: Final = 20_000
_AT = type_coerce(ledger.c.at, BigInteger)
_UPDATED_AT = type_coerce(resource.c.updated_at, BigInteger)
_IS_PARKED = outlet.c.parked_at.is_not(None)
_BEGIN = inserting(
    outlet,
    """ON CONFLICT (tenant, id) DO UPDATE SET
    due_at = excluded.due_at, attempts = 0, category = NULL, parked_at = NULL
    WHERE outlet.attempts = 0 OR outlet.category IS NOT NULL""",
)


class SqlOutlets:
    """Claims Subscriptions for one worker, and keeps how far they have come. For several threads."""

    def __init__(self, engine: Engine, clock: Clock, lease_seconds: float) -> None:
        """Any engine with the schema of `store.tables`; a lease lasts so long after each `hold`."""
        self._engine = engine
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)
        self._search = Search(engine)

    def claim(self) -> Outing | None:
        """One that has something to be told, or to be looked at; makes rows for those that are requested."""
        now = self._clock.now()
        with snapshot(self._engine) as connection:
            asked = connection.execute(_requested(now)).all()
            ended = connection.execute(_ended()).all()
            if not asked and not ended and connection.execute(_due(now)).first() is None:
                return None
        with writing(self._engine) as connection:
            if drained_since(connection):
                return None
            _BEGIN.run(connection, [_row(one.tenant, one.id, one.seq, now) for one in asked])
            for one in ended:
                connection.execute(delete(outlet).where(_is(one.tenant, one.id), _IS_PARKED))
            due = _due(now).with_for_update(of=outlet, skip_locked=True)
            row = connection.execute(due).first()
            if row is None:
                return None
            taken = {"token": row.token + 1, "attempts": row.attempts + 1, "category": None}
            own = _is(row.tenant, row.id)
            connection.execute(update(outlet).where(own).values(**taken, due_at=now + self._lease))
        return Outing(
            tenant=Tenant(row.tenant),
            id=row.id,
            seq=row.seq,
            sent=row.sent,
            token=row.token + 1,
            attempts=row.attempts + 1,
            due_at=row.due_at,
        )

    def subscription(self, outing: Outing) -> Stored | None:
        """It as it stands."""
        with snapshot(self._engine) as connection:
            return read(connection, outing.tenant, _TYPE, outing.id, None)

    def news(self, outing: Outing, query: Query) -> News:
        """What the query finds of what has changed since, in the order of the ledger."""
        with snapshot(self._engine) as connection:
            lines, seq, is_all = _lines(connection, outing)
            changes = _changes(connection, outing.tenant, query.type, lines)
        ids = tuple(one.focus.partition("/")[2] for one in changes)
        if not ids:
            return News((), seq, is_all)
        found = self._search.ids(
            outing.tenant, replace(query, tests=(*query.tests, Test(name="_id", tokens=ids))), len(ids)
        )
        passing = {f"{query.type}/{id}" for id in found}
        return News([one for one in changes if one.focus in passing], seq, is_all)

    def hold(self, outing: Outing) -> bool:
        """Keeps how far it has come, and the lease for as long again."""
        return self._keep(outing, due_at=self._clock.now() + self._lease, attempts=outing.attempts)

    def let_go(self, outing: Outing, until: datetime, category: str | None = None) -> bool:
        """The same, and nobody looks before `until`; without a category sooner, if there is something new."""
        attempts = outing.attempts if category else 0
        return self._keep(outing, due_at=until, attempts=attempts, category=category)

    def turn(self, outing: Outing, turned: Turned, until: datetime | None) -> bool:
        """Keeps its new status: with `until` as above, else nobody looks any more; CONFLICT if it changed."""
        now = self._clock.now()
        values = (
            {"due_at": until, "attempts": 0, "category": None}
            if until
            else {"attempts": outing.attempts, "category": "error", "parked_at": now}
        )
        return self._keep(outing, turned, **values)

    def forget(self, outing: Outing, turned: Turned | None = None) -> bool:
        """It is over; CONFLICT if it changed."""

        def change(connection: Connection) -> bool:
            self._write(connection, outing, turned)
            return connection.execute(delete(outlet).where(_is_held(outing))).rowcount > 0

        return self._in_one(change)

    def _keep(self, outing: Outing, turned: Turned | None = None, **values: Any) -> bool:
        def change(connection: Connection) -> bool:
            kept = update(outlet).where(_is_held(outing)).values(seq=outing.seq, sent=outing.sent, **values)
            if not connection.execute(kept).rowcount:
                return False
            self._write(connection, outing, turned)
            return True

        return self._in_one(change)

    def _write(self, connection: Connection, outing: Outing, turned: Turned | None) -> None:
        if turned:
            plan = Plan(connection, self._clock.now())
            plan.look_up([(outing.tenant, _TYPE, outing.id)])
            plan.apply(outing.tenant, [turned.write], [turned.happening])
            plan.flush()

    def _in_one(self, change: Callable[[Connection], bool]) -> bool:
        try:
            with self._engine.begin() as connection:
                return change(connection)
        except DBAPIError as error:
            if is_collision(error):
                return False  # its lease ends, and another look sees what it has become
            raise problem_of(error) from error


def given_up(connection: Connection) -> int:
    """How many subscribers are not told any more."""
    return connection.scalar(select(func.count()).select_from(outlet).where(_IS_PARKED)) or 0


def _is(tenant: str, id: str) -> ColumnElement[bool]:
    return and_(outlet.c.tenant == tenant, outlet.c.id == id)


def _is_held(outing: Outing) -> ColumnElement[bool]:
    return and_(_is(outing.tenant, outing.id), outlet.c.token == outing.token)


def _row(tenant: str, id: str, seq: int, now: datetime) -> tuple[object, ...]:
    new = {"tenant": tenant, "id": id, "seq": seq, "sent": 0, "due_at": microseconds(now)}
    new |= {"attempts": 0, "token": first_token()}
    return tuple(new.get(column.name) for column in outlet.columns)


def _due(now: datetime) -> Select[Any]:
    """One at random, so that those which always have something new leave the others their turn."""
    has_news = and_(outlet.c.attempts == 0, outlet.c.seq < ledger_head.c.seq)
    own_ledger = ledger_head.c.tenant == outlet.c.tenant
    wanted = select(outlet).join(ledger_head, own_ledger).where(~_IS_PARKED)
    return wanted.where(or_(outlet.c.due_at <= now, has_news)).order_by(func.random()).limit(1)


def _says(*statuses: str) -> ColumnElement[bool]:
    """Of a row of the index: a Subscription has one of these statuses."""
    return and_(token.c.type == _TYPE, token.c.name == "status", token.c.code.in_(statuses))


def _requested(now: datetime) -> Select[Any]:
    """Those that ask to be served, and are not about to be."""
    own = and_(outlet.c.tenant == token.c.tenant, outlet.c.id == token.c.id)
    head = select(ledger_head.c.seq).where(ledger_head.c.tenant == token.c.tenant).scalar_subquery()
    is_idle = and_(outlet.c.attempts == 0, outlet.c.due_at > now)
    return (
        select(token.c.tenant, token.c.id, head.label("seq"))
        .outerjoin(outlet, own)
        .where(token.c.tenant.in_(select(ledger_head.c.tenant)), _says("requested"))
        .where(or_(outlet.c.id.is_(None), outlet.c.category.is_not(None), is_idle))
        .order_by(token.c.tenant, token.c.id)
    )


def _ended() -> Select[Any]:
    """Those set aside whose owner has given them up meanwhile."""
    own = and_(token.c.tenant == outlet.c.tenant, token.c.id == outlet.c.id)
    stands = select(token.c.id).where(own, _says("error", "requested")).exists()
    set_aside = select(outlet.c.tenant, outlet.c.id).where(_IS_PARKED, ~stands)
    return set_aside.order_by(outlet.c.tenant, outlet.c.id)


def _lines(connection: Connection, outing: Outing) -> tuple[Sequence[Row[Any]], int, bool]:
    """The next lines that may speak of a change, up to which line those are, and whether that is the last."""
    of_tenant = ledger_head.c.tenant == outing.tenant
    head = connection.scalar(select(ledger_head.c.seq).where(of_tenant)) or 0
    end = min(head, outing.seq + _READ)
    speaking = or_(*(ledger.c.subject.startswith(f"{kind}/") for kind in _SPEAKING))
    asked = select(ledger.c.seq, _AT.label("at"), ledger.c.subject).where(
        ledger.c.tenant == outing.tenant, ledger.c.seq > outing.seq, ledger.c.seq <= end, speaking
    )
    asked = asked.where(ledger.c.kind != AUDIT)  # nothing changes when somebody looks
    lines = connection.execute(asked.order_by(ledger.c.seq).limit(_LINES)).all()
    if len(lines) == _LINES:
        end = lines[-1].seq
    return lines, end, end == head


def _changes(connection: Connection, tenant: Tenant, kind: str, lines: Sequence[Row[Any]]) -> list[Changed]:
    """The resources of a type that these lines may have changed, each at the last that may speak of it."""
    if not lines:
        return []
    subjects = {tuple(line.subject.split("/")[:2]) for line in lines}
    patients = _patients(connection, tenant, subjects)
    spoken: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for line in lines:
        if patient := patients.get(line.subject):
            spoken[patient].append((line.seq, line.at))
    if not spoken:
        return []
    earliest = min(at for said in spoken.values() for _, at in said)
    by_patient = select(token.c.id).where(
        token.c.tenant == tenant,
        token.c.type == kind,
        token.c.name == KINDS[kind].patient,
        token.c.code.in_([f"Patient/{patient}" for patient in spoken]),
    )
    own = [id for type, id in subjects if type == kind]
    asked = select(resource.c.id, resource.c.patient, _UPDATED_AT.label("at"), resource.c.updated_at).where(
        resource.c.tenant == tenant,
        resource.c.type == kind,
        or_(resource.c.id.in_(by_patient), resource.c.id.in_(own)),
        earliest <= _UPDATED_AT,
    )
    found = []
    for row in connection.execute(asked):
        # a resource is never older than the line of its transaction
        since = [seq for seq, at in spoken[row.patient] if at <= row.at]
        if since:
            found.append(Changed(since[-1], f"{kind}/{row.id}", row.updated_at))
    return sorted(found)


def _patients(connection: Connection, tenant: Tenant, subjects: set[Any]) -> dict[str, str]:
    """Whose each of these resources is, by "Type/id"."""
    ids: dict[str, list[str]] = defaultdict(list)
    for kind, id in subjects:
        ids[kind].append(id)
    columns = (resource.c.type, resource.c.id, resource.c.patient)
    among = or_(
        false(), *(and_(resource.c.type == kind, resource.c.id.in_(some)) for kind, some in ids.items())
    )
    rows = connection.execute(select(*columns).where(resource.c.tenant == tenant, among))
    return {f"{row.type}/{row.id}": row.patient for row in rows if row.patient}
