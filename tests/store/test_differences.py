"""What must agree inside the database: nothing differs by itself, and whatever is tampered with is found."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.sql.dml import Delete, Update

from referral_service.clinic.chart import build
from referral_service.fhir.parse import dump
from referral_service.fhir.read import patient_of
from referral_service.store import differences
from referral_service.store.answers import Answers
from referral_service.store.store import SqlStore
from referral_service.store.tables import episode, fact, patient, referral, resource
from referral_service.workflow.assess import Assessor
from referral_service.workflow.ports import Happening, PatientId, Write
from referral_service.workflow.review import Asked, Review
from tests.kit.clocks import HandClock
from tests.kit.judged import PATHWAY, READER, TODAY
from tests.kit.writes import TENANT
from tests.workflow.answers import CAUDA, IN_TRIAL, NAMES, NURSE
from tests.workflow.clinic import CANONICAL, EXHAUSTED

TRIAL = [IN_TRIAL, {"procedure": "97110", "every": {"from": -28, "to": -1, "step": 7}}]
CHARTS: dict[str, list[dict[str, Any]]] = {
    "ann": EXHAUSTED,
    "bob": EXHAUSTED,
    "cem": TRIAL,
    "dee": [IN_TRIAL, CAUDA],
    "eve": [IN_TRIAL],
}


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "_AT_ONCE", 2)


def post(store: SqlStore, name: str, given: list[dict[str, Any]]) -> None:
    """A chart arrives."""
    receive(store, *build({"id": name, "given": given}, TODAY))


def receive(store: SqlStore, *resources: dict[str, Any]) -> None:
    """They arrive in one transaction."""
    writes = []
    for one in resources:
        owner = PatientId(patient_of(one) or "")
        facts = READER.facts(one)
        writes.append(
            Write(
                type=one["resourceType"],
                id=one["id"],
                body=dump(one),
                patient=owner,
                facts=facts,
                identity=READER.identity(one),
            )
        )
    lines = [Happening("received", f"{write.type}/{write.id}", NURSE) for write in writes]
    store.commit(TENANT, writes, lines)


def evaluate(store: SqlStore, clock: HandClock) -> None:
    while Assessor(store, clock, PATHWAY, CANONICAL, "UTC").run_due():
        pass


@pytest.fixture
def settled(store: SqlStore, clock: HandClock) -> SqlStore:
    """Ann has a draft, Bob an order, Cem's trial goes on, Dee has a red flag, Eve has begun nothing."""
    for name, given in CHARTS.items():
        post(store, name, given)
    evaluate(store, clock)
    review = Review(Answers(store.engine, clock), clock, NAMES)
    review.run(TENANT, Asked("approve", "ServiceRequest", proposal_of(store, "bob"), NURSE))
    evaluate(store, clock)
    return store


def proposal_of(store: SqlStore, name: str) -> str:
    with store.engine.connect() as connection:
        found = connection.scalar(select(referral.c.id).where(referral.c.patient == name))
    assert found
    return str(found)


def differing(store: SqlStore, clock: HandClock) -> set[tuple[str, str]]:
    """The kind of each difference, and whose or of what type it is."""
    batches = list(differences.compare(store.engine, clock.as_of()))
    assert sum(rows for rows, _ in batches) == differences.number_of_rows(store.engine, clock.as_of())
    found = [one for _, batch in batches for one in batch]
    return {
        (it.kind, it.subject if "Patient/" in it.subject else it.subject.partition("/")[0]) for it in found
    }


def test_nothing_differs_by_itself(settled: SqlStore, clock: HandClock) -> None:
    assert differing(settled, clock) == set()
    for days in (1, 20, 100):
        clock.pass_by(days=days)
        evaluate(settled, clock)
        assert differing(settled, clock) == set()
    post(settled, "eve", [{**IN_TRIAL, "onset": -40}])
    settled.commit(TENANT, [deletion("Condition", "eve-disc")], [Happening("deleted", "Condition/x", NURSE)])
    assert differing(settled, clock) == set()
    evaluate(settled, clock)
    assert differing(settled, clock) == set()


def deletion(kind: str, id: str) -> Write:
    return Write(type=kind, id=id, body=b"", facts=(), is_deleted=True)


def of(table: Table, name: str, *kinds: str) -> Any:
    """The condition on a patient's rows, of these types."""
    mine = table.c.patient == name
    return mine & table.c.type.in_(kinds) if kinds else mine


def turned(name: str, kind: str, was: bytes, now: bytes) -> Callable[[Connection], None]:
    """A resource's body says otherwise."""

    def tamper(connection: Connection) -> None:
        for row in connection.execute(select(resource).where(of(resource, name, kind))).all():
            key = (resource.c.type == kind) & (resource.c.id == row.id)
            connection.execute(update(resource).where(key).values(body=row.body.replace(was, now, 1)))

    return tamper


def done(*statements: Update | Delete) -> Callable[[Connection], None]:
    def tamper(connection: Connection) -> None:
        for statement in statements:
            assert connection.execute(statement).rowcount

    return tamper


def at_rest(name: str, **values: object) -> Update:
    return update(patient).where(patient.c.id == name).values(**values)


TAMPERED: dict[str, tuple[Callable[[Connection], None], set[tuple[str, str]]]] = {
    "the draft's status": (
        turned("ann", "ServiceRequest", b'"status":"draft"', b'"status":"active"'),
        {("status-differs", "ServiceRequest")},
    ),
    "the status of the Task to fulfil": (
        turned("bob", "Task", b'"status":"draft"', b'"status":"requested"'),
        {("status-differs", "Task")},
    ),
    "no more status": (
        turned("dee", "Task", b'"status":', b'"state":'),
        {("status-differs", "Task")},
    ),
    "a proposal is gone": (
        done(delete(resource).where(of(resource, "dee", "ServiceRequest"))),
        {("resource-missing", "ServiceRequest")},
    ),
    "order and proposal are marked deleted": (
        done(update(resource).where(of(resource, "bob", "ServiceRequest")).values(is_deleted=True)),
        {("resource-missing", "ServiceRequest")},
    ),
    "a column of the referral": (
        done(update(referral).where(referral.c.patient == "ann").values(task_status="completed")),
        {("referral-differs", "Task")},
    ),
    "the worklist's column": (
        done(update(referral).where(referral.c.patient == "ann").values(stage="closed")),
        {("referral-differs", "Task")},
    ),
    "the referral is gone": (
        done(delete(referral).where(referral.c.patient == "ann")),
        {
            ("resource-unknown", "ServiceRequest"),
            ("resource-unknown", "Task"),
            ("not-followed", "Patient/ann"),
        },
    ),
    "the referral and all of it is gone": (
        done(
            delete(referral).where(referral.c.patient == "dee"),
            delete(resource).where(of(resource, "dee", "ServiceRequest", "Task")),
        ),
        {("not-followed", "Patient/dee")},
    ),
    "a later decision than is remembered": (
        done(update(resource).where(of(resource, "eve", "GuidanceResponse")).values(version=7)),
        {("resource-unknown", "GuidanceResponse")},
    ),
    "the episode is gone": (
        done(delete(episode).where(episode.c.patient == "eve")),
        {("resource-unknown", "GuidanceResponse")},
    ),
    "what was received is gone": (
        done(delete(resource).where(of(resource, "eve", "Condition"))),
        {("fact-outdated", "Condition")},
    ),
    "what was received is deleted": (
        done(update(resource).where(of(resource, "eve", "Condition")).values(is_deleted=True)),
        {("fact-outdated", "Condition")},
    ),
    "a later version than the facts": (
        done(update(resource).where(of(resource, "eve", "Condition")).values(version=2)),
        {("fact-outdated", "Condition"), ("resource-unread", "Condition")},
    ),
    "the facts are another patient's": (
        done(update(resource).where(of(resource, "eve", "Condition")).values(patient="cem")),
        {("fact-outdated", "Condition"), ("resource-unread", "Condition")},
    ),
    "the facts are gone": (
        done(delete(fact).where(fact.c.patient == "eve", fact.c.source.startswith("Condition/"))),
        {("resource-unread", "Condition")},
    ),
    "nobody wakes the trial": (
        done(at_rest("cem", wake_at=None)),
        {("never-woken", "Patient/cem")},
    ),
    "somebody wakes the trial too late": (
        done(at_rest("cem", wake_at=HandClock().at + timedelta(days=400))),
        {("never-woken", "Patient/cem")},
    ),
    "whoever is due is looked at anyway": (
        done(at_rest("cem", wake_at=None, place=1)),
        set(),
    ),
    "whoever is parked is an operator's": (
        done(at_rest("cem", wake_at=None, parked_at=HandClock().at)),
        set(),
    ),
    "who waits for news is not woken": (
        done(at_rest("eve", wake_at=None)),
        set(),
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_whatever_is_tampered_with_is_found(settled: SqlStore, clock: HandClock, what: str) -> None:
    tamper, found = TAMPERED[what]
    with settled.engine.begin() as connection:
        tamper(connection)

    assert differing(settled, clock) == found


@contextmanager
def without_index(store: SqlStore, name: str) -> Iterator[None]:
    """What the database itself would refuse; undone at the end, for others use the same database."""
    (index,) = (it for it in referral.indexes if it.name == name)
    index.drop(store.engine)
    try:
        yield
    finally:
        with store.engine.begin() as connection:
            connection.execute(delete(referral))
        index.create(store.engine)


@pytest.mark.parametrize(
    ("index", "kept", "kind"),
    [
        ("referral_identifier", {"region": "cervical"}, "identifier-twice"),
        ("referral_one_elective", {"identifier": "another"}, "proposal-twice"),
    ],
)
def test_what_the_indices_forbid_is_found_where_one_is_missing(
    settled: SqlStore, clock: HandClock, index: str, kept: dict[str, str], kind: str
) -> None:
    with without_index(settled, index):
        with settled.engine.begin() as connection:
            row = connection.execute(select(referral).where(referral.c.patient == "ann")).one()
            connection.execute(insert(referral).values({**row._mapping, "task": "second", **kept}))

        found = {(it, whose) for it, whose in differing(settled, clock) if it.endswith("-twice")}

    assert found == {(kind, "Patient/ann")}
