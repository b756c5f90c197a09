"""What must agree inside the database and does not; read-only, a batch at a time, for any number of rows.

Each batch is one snapshot, and whatever changes things that belong together changes them in one transaction:
so it may run while the service works. Left out are the rows of the search index.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Engine, Row, Select, func, or_, select, tuple_

from referral_service.core.decision import Decision
from referral_service.core.moves import moves
from referral_service.core.referral import OPEN
from referral_service.core.stage import OPEN_TASK, stage
from referral_service.fhir.search.table import KINDS
from referral_service.store import bodies
from referral_service.store.engine import reading as snapshot
from referral_service.store.population import each_once
from referral_service.store.reports import Remembered, remembered, together
from referral_service.store.tables import IS_PROPOSAL, fact, patient, referral, resource
from referral_service.workflow.ports import PatientId, Referral, Tenant

_AT_ONCE = 500
# An answer that time alone must change some day; the others wait for a person, or for news.
_TIME_GOES_ON = ("in-trial", "responding")
# What a referral's columns say as well as its body.
_TOLD_TWICE = (
    *("id", "identifier", "region", "target", "urgency"),
    *("status", "task", "task_status", "fulfillment_status"),
)
# A day begins within this of its beginning in UTC, wherever the service is.
_A_DAY_SOMEWHERE = timedelta(days=1)
# What the service remembers; what else it writes (Provenance, ...) nothing has to agree with.
_OURS = ("ServiceRequest", "Task", "GuidanceResponse")
_TRACED = sorted({kind.type for kind in KINDS.values() if kind.is_taken_in} | {*_OURS})


class Difference(msgspec.Struct, frozen=True):
    """What kind of difference, in what ("Type/id"), and what is wrong with it."""

    kind: str
    subject: str
    said: str


Found = Iterator[Difference]
_Rows = Sequence[Row[Any]]


class _Status(msgspec.Struct):
    """All that is read of a resource."""

    status: str = ""


_STATUS = msgspec.json.Decoder(_Status)


class _Pass(NamedTuple):
    """One way through a table, in the order of `keys`; `check` looks at a batch of its rows."""

    asked: Select[Any]
    keys: tuple[Column[Any], ...]
    check: Callable[[Connection, _Rows], Found]

    @property
    def number(self) -> Select[int]:
        """How many rows it sees."""
        whole = self.asked.whereclause
        counted = select(func.count()).select_from(self.keys[0].table)
        return counted if whole is None else counted.where(whole)


def number_of_rows(engine: Engine, as_of: datetime) -> int:
    """How many rows will be compared."""
    with snapshot(engine) as connection:
        return sum(connection.scalar(one.number) or 0 for one in _passes(as_of))


def compare(engine: Engine, as_of: datetime) -> Iterator[tuple[int, list[Difference]]]:
    """For each batch how many rows were compared, and what differs in them."""
    with snapshot(engine) as connection:
        yield 0, [*_twice(connection)]
    for one in _passes(as_of):
        yield from _batches(engine, one)


def _batches(engine: Engine, one: _Pass) -> Iterator[tuple[int, list[Difference]]]:
    after: ColumnElement[bool] | None = None
    while True:
        asked = one.asked.order_by(*one.keys).limit(_AT_ONCE)
        with snapshot(engine) as connection:
            rows = connection.execute(asked if after is None else asked.where(after)).all()
            found = [*one.check(connection, rows)]
        yield len(rows), found
        if len(rows) < _AT_ONCE:
            return
        after = tuple_(*one.keys) > tuple_(*(getattr(rows[-1], key.name) for key in one.keys))


def _passes(as_of: datetime) -> tuple[_Pass, ...]:
    current = select(fact.c.tenant, fact.c.patient, fact.c.source, fact.c.version).where(
        fact.c.known_until.is_(None), fact.c.part == 0
    )
    is_read = (
        select(fact.c.source)
        .where(
            fact.c.tenant == resource.c.tenant,
            fact.c.patient == resource.c.patient,
            fact.c.source == resource.c.type + "/" + resource.c.id,
            fact.c.version == resource.c.version,
            fact.c.known_until.is_(None),
        )
        .exists()
    )
    of_resource = (resource.c.tenant, resource.c.type, resource.c.id, resource.c.version, resource.c.patient)
    living = select(*of_resource, is_read.label("is_read")).where(
        resource.c.is_deleted.is_(False), resource.c.patient.is_not(None), resource.c.type.in_(_TRACED)
    )
    # whoever is due, parked or looked at is seen to by others
    at_rest = select(patient.c.tenant, patient.c.id, patient.c.wake_at).where(
        patient.c.place.is_(None),
        patient.c.parked_at.is_(None),
        patient.c.leased_until.is_(None),
        or_(patient.c.wake_at.is_(None), patient.c.wake_at > as_of),
    )
    return (
        _Pass(select(referral), (referral.c.tenant, referral.c.task), _referrals),
        _Pass(current, (fact.c.tenant, fact.c.patient, fact.c.source, fact.c.version), _facts),
        _Pass(living, (resource.c.tenant, resource.c.type, resource.c.id), _resources),
        _Pass(at_rest, (patient.c.tenant, patient.c.id), _patients),
    )


def _twice(connection: Connection) -> Found:
    """What the unique indices forbid."""
    number = func.count().label("number")
    whose = func.min(referral.c.patient).label("whose")
    identifiers = select(whose, referral.c.identifier, number).where(IS_PROPOSAL)
    for row in connection.execute(
        identifiers.group_by(referral.c.tenant, referral.c.identifier).having(func.count() > 1)
    ):
        said = f"{row.number} proposals have the identifier {row.identifier}"
        yield Difference("identifier-twice", f"Patient/{row.whose}", said)
    open_ones = select(whose, referral.c.urgency, number).where(IS_PROPOSAL, referral.c.status.in_(OPEN))
    one_patient = (referral.c.tenant, referral.c.patient, referral.c.urgency)
    for urgency, kinds in (("elective", (referral.c.region, referral.c.target)), ("urgent", ())):
        several = open_ones.where(referral.c.urgency == urgency).group_by(*one_patient, *kinds)
        for row in connection.execute(several.having(func.count() > 1)):
            said = f"{row.number} {urgency} proposals are open at once"
            yield Difference("proposal-twice", f"Patient/{row.whose}", said)


def _referrals(connection: Connection, rows: _Rows) -> Found:
    """Each referral against itself and against the resources that it remembers."""
    kept: list[tuple[Tenant, Referral]] = []
    for row in rows:
        one = bodies.referral(row.body)
        kept.append((row.tenant, one))
        is_same = all(getattr(row, name) == getattr(one, name) for name in _TOLD_TWICE)
        if not is_same or row.stage != stage(one):
            yield Difference("referral-differs", f"Task/{row.task}", "its row says otherwise than its body")
    wanted = ((tenant, *key) for tenant, one in kept for key in _resources_of(one))
    stored = _stored(connection, wanted, resource.c.body)
    for tenant, one in kept:
        for (type, id), status in _resources_of(one).items():
            found = stored.get((tenant, type, id))
            if found is None or found.is_deleted:
                yield Difference(
                    "resource-missing", f"{type}/{id}", "a referral remembers it; it is not there"
                )
            elif (now := _STATUS.decode(found.body).status) != status:
                said_so = f"it is stored as {now or 'without a status'}, and remembered as {status}"
                yield Difference("status-differs", f"{type}/{id}", said_so)


def _resources_of(one: Referral) -> dict[tuple[str, str], str | None]:
    """What belongs to a referral, each with the status that it should have."""
    found: dict[tuple[str, str], str | None] = {("Task", one.task): one.task_status}
    if one.target is not None:
        found["ServiceRequest", one.id] = one.status
    if one.order:
        found["ServiceRequest", one.order] = one.order_status
    if one.fulfillment:
        found["Task", one.fulfillment] = one.fulfillment_status
    return found


def _facts(connection: Connection, rows: _Rows) -> Found:
    """Each resource that a current fact was read from must be there, in that version, of that patient."""
    keys = [(row.tenant, *row.source.split("/", 1)) for row in rows]
    stored = _stored(connection, keys, resource.c.version, resource.c.patient)
    for key, row in zip(keys, rows, strict=True):
        found = stored.get(key)
        if found is None or found.is_deleted:
            yield Difference("fact-outdated", row.source, "it is not there, and facts of it are current")
        elif found.version != row.version:
            said = f"version {found.version} is stored, and facts of version {row.version} are current"
            yield Difference("fact-outdated", row.source, said)
        elif found.patient != row.patient:
            yield Difference("fact-outdated", row.source, "its facts are another patient's")


def _resources(connection: Connection, rows: _Rows) -> Found:
    """Each living resource about a patient: either facts of it are current, or the service remembers it."""
    unread = [row for row in rows if not row.is_read]
    ours = [row for row in unread if row.type in _OURS]
    known: dict[tuple[str, str, str], int | None] = {}
    for (tenant, _), kept in _remembered(connection, [(row.tenant, row.patient) for row in ours]).items():
        for one in kept.referrals:
            known |= {(tenant, *key): None for key in _resources_of(one)}
        known |= {(tenant, "GuidanceResponse", it.guidance): it.guidance_version for it in kept.episodes}
    for row in unread:
        subject = f"{row.type}/{row.id}"
        if row.type not in _OURS:
            yield Difference("resource-unread", subject, "no fact of it is current: nothing rests on it")
        elif (row.tenant, row.type, row.id) not in known:
            yield Difference("resource-unknown", subject, "neither a fact nor what is remembered knows it")
        elif (version := known[row.tenant, row.type, row.id]) not in (None, row.version):
            said = f"version {row.version} is stored, and version {version} remembered"
            yield Difference("resource-unknown", subject, said)


def _patients(connection: Connection, rows: _Rows) -> Found:
    """Whoever rests: what the decisions call for is done, and somebody will look again. A person is one."""
    found = each_once(connection, [(row.tenant, row.id) for row in rows])
    at_rest = {owner: whole.patients for owner, whole in found.items() if not whole.is_due}
    kept = _remembered(connection, ((tenant, one) for (tenant, _), same in at_rest.items() for one in same))
    for row in rows:
        if same := at_rest.get((row.tenant, row.id)):
            whole = together({one: kept[row.tenant, one] for one in same}, same)
            for kind, said in _neglected(whole, row.wake_at):
                yield Difference(kind, f"Patient/{same[0]}", said)


def _neglected(kept: Remembered, wake_at: datetime | None) -> Iterator[tuple[str, str]]:
    decisions = {it.key: it.decision for it in kept.episodes if it.decision.reasons}  # gone ones have none
    for move in moves(decisions, kept.referrals):
        yield "not-followed", f"{move.key}: {move.step} follows from the decision, and was not done"
    has_task = any(one.task_status in OPEN_TASK for one in kept.referrals)
    for key, decision in decisions.items():
        if decision.is_open and _is_forgotten(decision, wake_at, has_task):
            yield "never-woken", f"{key}: {decision.outcome}, and nobody looks when time has changed that"


def _is_forgotten(decision: Decision, wake_at: datetime | None, has_task: bool) -> bool:
    if decision.wake_on is None:
        return decision.outcome in _TIME_GOES_ON and wake_at is None and not has_task
    latest = datetime.combine(decision.wake_on, time(), UTC) + _A_DAY_SOMEWHERE
    return wake_at is None or wake_at > latest


def _remembered(
    connection: Connection, owners: Iterable[tuple[Tenant, PatientId]]
) -> dict[tuple[Tenant, PatientId], Remembered]:
    """What is remembered of each of these."""
    patients: dict[Tenant, set[PatientId]] = defaultdict(set)
    for tenant, one in owners:
        patients[tenant].add(one)
    return {
        (tenant, owner): kept
        for tenant, some in patients.items()
        for owner, kept in remembered(connection, tenant, some).items()
    }


def _stored(
    connection: Connection, keys: Iterable[tuple[str, str, str]], *columns: Column[Any]
) -> dict[tuple[str, str, str], Row[Any]]:
    """The current versions of these (tenant, type, id), deleted ones too."""
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for tenant, type, id in keys:
        ids[tenant, type].add(id)
    return {
        (tenant, type, row.id): row
        for (tenant, type), some in ids.items()
        for row in connection.execute(
            select(resource.c.id, resource.c.is_deleted, *columns).where(
                resource.c.tenant == tenant, resource.c.type == type, resource.c.id.in_(sorted(some))
            )
        )
    }
