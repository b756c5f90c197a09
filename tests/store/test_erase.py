"""Erasing a patient: no table keeps anything of them but the ledger its ids; everybody else's rows stay."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import make_url, select

from referral_service.auth.principal import Principal
from referral_service.auth.sessions import Sessions
from referral_service.core.problem import Category, Problem
from referral_service.fhir.parse import dump as dump_json
from referral_service.store import differences, errands, marks
from referral_service.store.answers import Answers
from referral_service.store.engine import reading, writing
from referral_service.store.erase import Eraser, Why
from referral_service.store.messages import SqlOutbox
from referral_service.store.persons import whole
from referral_service.store.store import SqlStore
from referral_service.store.tables import ledger, metadata, referral
from referral_service.workflow.admit import Feed
from referral_service.workflow.ports import PatientId, Term, Write
from referral_service.workflow.review import Asked, Review
from tests.kit.clocks import HandClock
from tests.kit.judged import READER
from tests.kit.writes import TENANT, condition, deletion, received
from tests.store.test_differences import evaluate, post
from tests.workflow.answers import CAUDA, IN_TRIAL, NAMES, NURSE
from tests.workflow.clinic import EXHAUSTED

ZOE, ELSEWHERE = PatientId("zoe"), PatientId("zoe-elsewhere")
WHY = Why(actor="Operator/tests", reason="patient-request")
FORCED = Why(actor="Operator/tests", reason="patient-request", is_forced=True)
FEED = Feed(TENANT, "ehr")
# Rows of nobody: digests, processes, counts, cards without a name, partners.
NOBODYS = {"once", "worker", "switch", "tally", "feedback", "outlet"}
LEDGER = {"ledger", "ledger_head"}


def dump(store: SqlStore) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with reading(store.engine) as connection:
        return {it.name: list(map(tuple, connection.execute(select(it)))) for it in metadata.sorted_tables}


def filled(store: SqlStore) -> set[str]:
    return {name for name, rows in dump(store).items() if rows}


def eraser(store: SqlStore, clock: HandClock) -> Eraser:
    return Eraser(store.engine, clock, TENANT)


def keep(store: SqlStore, *writes: Any) -> None:
    store.commit(TENANT, writes, [received(write) for write in writes])


def link(store: SqlStore, one: PatientId, *others: str, kind: str = "seealso") -> None:
    """The Patient says that others are the same person."""
    patient = {
        "resourceType": "Patient",
        "id": one,
        "birthDate": "1970-01-02",
        "link": [{"other": {"reference": f"Patient/{other}"}, "type": kind} for other in others],
    }
    write = Write(type="Patient", id=one, body=dump_json(patient), patient=one, facts=READER.facts(patient))
    keep(store, structs.replace(write, identity=READER.identity(patient)))


@pytest.fixture
def known(store: SqlStore, clock: HandClock) -> SqlStore:
    """Of Zoe, and of nobody else, there is something in every table that can have something of a patient."""
    post(store, ZOE, [*EXHAUSTED])
    link(store, ZOE, ELSEWHERE)
    evaluate(store, clock)
    with reading(store.engine) as connection:
        draft = connection.scalar(select(referral.c.id).where(referral.c.patient == ZOE))
    asked = Asked("approve", "ServiceRequest", str(draft), NURSE)
    Review(Answers(store.engine, clock), clock, NAMES).run(TENANT, asked)
    evaluate(store, clock)
    assert len(SqlOutbox(store.engine, clock, 60, "fhir").claim(9)) == 1
    post(store, ZOE, [*EXHAUSTED, IN_TRIAL, CAUDA])
    gone = condition("gone", ZOE, facts=())
    keep(store, condition("dated", ZOE, terms=(Term("date", start=clock.now()),)), gone)
    keep(store, deletion(gone))
    evaluate(store, clock)
    hour = timedelta(hours=1)
    visitor = Principal(actor="Practitioner/p", roles=frozenset({"clinician"}), patient=ZOE)
    Sessions(store.engine, clock, hour, hour).begin(visitor)
    with writing(store.engine) as connection:
        errands.ask(connection, FEED, [f"Patient/{ZOE}"], clock.now())
        marks.put(connection, *FEED, f"Patient/{ZOE}", "1", clock.now())
    assert filled(store) >= set(metadata.tables) - NOBODYS
    return store


def test_nothing_is_left_but_the_ids_in_the_ledger(known: SqlStore, clock: HandClock) -> None:
    erased = eraser(known, clock).erase(ZOE, FORCED)

    assert erased.resources > 10
    assert erased.versions > 0
    assert erased.mentioned_in == ()
    eraser(known, clock).erase(ELSEWHERE, FORCED)  # the same person's, of whom nothing ever came
    assert filled(known) <= NOBODYS | LEDGER
    rest = dump(known)
    with reading(known.engine) as connection:
        subjects = connection.scalars(select(ledger.c.subject)).all()
    for table, rows in rest.items():
        told = repr([tuple(it for it in row if it not in subjects) for row in rows])
        assert ZOE not in told, table
    assert subjects[-2:] == ["Patient/zoe", "Patient/zoe-elsewhere"]
    assert known.verify_ledger(TENANT).broken_at is None
    with pytest.raises(Problem) as nothing:
        eraser(known, clock).erase(ZOE, FORCED)
    assert nothing.value.category is Category.NOT_FOUND


def test_an_order_that_is_out_is_a_reason_not_to(known: SqlStore, clock: HandClock) -> None:
    before = dump(known)

    with pytest.raises(Problem) as refusal:
        eraser(known, clock).erase(ZOE, WHY)

    assert refusal.value.category is Category.REFUSED
    assert dump(known) == before


def test_everybody_else_keeps_every_row(known: SqlStore, clock: HandClock) -> None:
    eraser(known, clock).erase(ZOE, FORCED)
    post(known, "ann", [*EXHAUSTED])
    evaluate(known, clock)
    before = dump(known)

    post(known, ZOE, [*EXHAUSTED, CAUDA])
    evaluate(known, clock)
    eraser(known, clock).erase(ZOE, WHY)

    counted = {"tally", *LEDGER}
    after = dump(known)
    assert {name: sorted(map(repr, after[name])) for name in set(after) - counted} == {
        name: sorted(map(repr, before[name])) for name in set(before) - counted
    }
    assert not any(found for _, found in differences.compare(known.engine, clock.as_of()))


def test_another_tenants_patient_of_that_id_stays(store: SqlStore, clock: HandClock) -> None:
    keep(store, condition("back", ZOE))

    with pytest.raises(Problem) as nothing:
        Eraser(store.engine, clock, "south").erase(ZOE, WHY)  # type: ignore[arg-type]

    assert nothing.value.category is Category.NOT_FOUND
    assert store.read(TENANT, "Condition", "back")


def test_the_same_id_may_arrive_anew(known: SqlStore, clock: HandClock) -> None:
    eraser(known, clock).erase(ZOE, FORCED)

    post(known, ZOE, [*EXHAUSTED])
    evaluate(known, clock)

    kept = known.read(TENANT, "Patient", ZOE)
    assert kept and kept.version == 1
    with reading(known.engine) as connection:
        assert connection.scalars(select(referral.c.status)).all() == ["draft"]
    assert not any(found for _, found in differences.compare(known.engine, clock.as_of()))
    assert known.verify_ledger(TENANT).broken_at is None


def test_what_moved_to_another_patient_is_theirs_and_its_past_is_not(
    store: SqlStore, clock: HandClock
) -> None:
    keep(store, condition("moved", ZOE), condition("lent", "ann"))
    keep(store, condition("moved", "ann", said="hers"), condition("lent", ZOE, said="zoe's"))
    evaluate(store, clock)

    eraser(store, clock).erase(ZOE, WHY)

    assert store.read(TENANT, "Condition", "moved", 1) is None
    kept = store.read(TENANT, "Condition", "moved")
    assert kept and kept.version == 2
    assert store.read(TENANT, "Condition", "lent") is None
    assert store.read(TENANT, "Condition", "lent", 1) is None
    assert ZOE not in repr({**dump(store), "ledger": []})
    assert not any(found for _, found in differences.compare(store.engine, clock.as_of()))


def test_what_is_not_the_patients_and_names_them_is_told(store: SqlStore, clock: HandClock) -> None:
    keep(store, condition("back", ZOE))
    naming = condition("other", "ann", terms=(Term("asserter", f"Patient/{ZOE}"),))
    keep(store, naming)

    assert eraser(store, clock).erase(ZOE, WHY).mentioned_in == ("Condition/other",)


def test_who_is_being_evaluated_is_left_alone(store: SqlStore, clock: HandClock) -> None:
    keep(store, condition("back", ZOE))
    assert store.claim(1, clock.as_of())

    with pytest.raises(Problem) as refusal:
        eraser(store, clock).erase(ZOE, WHY)
    assert refusal.value.category is Category.CONFLICT

    clock.pass_by(seconds=61)
    assert eraser(store, clock).erase(ZOE, WHY).resources == 1


class Interrupted(Eraser):
    """Something arrives between the look and the removal, so many times."""

    store: SqlStore
    times: int

    def _look(self, connection: Any, identity: PatientId) -> Any:
        chart = super()._look(connection, identity)
        if self.times:
            self.times -= 1
            late = condition(f"late-{self.times}", identity)
            keep(self.store, late)
        return chart


@pytest.mark.parametrize(("times", "is_erased"), [(2, True), (99, False)])
def test_what_arrives_meanwhile_is_erased_too(
    store: SqlStore, clock: HandClock, times: int, is_erased: bool
) -> None:
    keep(store, condition("back", ZOE))
    one = Interrupted(store.engine, clock, TENANT)
    one.store, one.times = store, times

    if is_erased:
        assert one.erase(ZOE, WHY).resources == 1 + times
        assert filled(store) <= NOBODYS | LEDGER
        return
    with pytest.raises(Problem) as refusal:
        one.erase(ZOE, WHY)
    assert refusal.value.category is Category.CONFLICT
    assert store.read(TENANT, "Condition", "back")


def test_a_process_that_ends_before_the_last_line_has_erased_nothing(
    known: SqlStore, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(known)

    def end(*of: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("referral_service.store.erase.ledger.append", end)
        eraser(known, clock).erase(ZOE, FORCED)

    assert dump(known) == before
    assert eraser(known, clock).erase(ZOE, FORCED).resources > 10


def test_sqlite_overwrites_what_was_there(known: SqlStore, clock: HandClock) -> None:
    if known.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL frees what is gone by itself, later")
    keep(known, condition("canary", ZOE, said="Canary-of-zoe"))
    files = [f"{make_url(known.engine.url).database}{end}" for end in ("", "-wal")]

    eraser(known, clock).erase(ZOE, FORCED)

    for file in files:
        with open(file, "rb") as raw:
            assert b"Canary-of-zoe" not in raw.read(), file


def test_who_is_old_is_found_oldest_first(store: SqlStore, clock: HandClock) -> None:
    start = clock.now()
    for name in ("zoe", "ann", "bob"):
        keep(store, condition(f"of-{name}", name))
        clock.pass_by(days=1)
    keep(store, condition("of-ann", "ann", said="news"))

    found = eraser(store, clock).old(start + timedelta(days=2, seconds=1))

    assert [(one.patient, round((one.changed_at - start) / timedelta(days=1))) for one in found] == [
        ("zoe", 0),
        ("bob", 2),
    ]


def test_whoever_links_to_the_erased_stays_one_person_by_that(store: SqlStore, clock: HandClock) -> None:
    ann, bob = PatientId("ann"), PatientId("bob")
    link(store, ann)
    link(store, bob, ann, kind="replaced-by")
    link(store, ZOE, ann, kind="replaced-by")
    clock.pass_by(minutes=1)

    eraser(store, clock).erase(ann, WHY)

    with reading(store.engine) as connection:
        assert {bob, ZOE} <= set(whole(connection, TENANT, bob))
