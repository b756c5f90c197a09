"""What operators see and mend: who is at work, parked, held; how a patient stands; what does not agree."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select

from referral_service.store import reports
from referral_service.store.claims import MOST_ATTEMPTS
from referral_service.store.store import SqlStore
from referral_service.store.tables import ledger
from referral_service.workflow.ports import PatientId
from tests.kit.clocks import HandClock
from tests.kit.writes import TENANT, condition, received, result
from tests.store.conftest import LEASE_SECONDS

ANN = PatientId("ann")
OPERATOR = "Operator/tests"


def arrive(store: SqlStore, *patients: str) -> None:
    for name in patients:
        write = condition(f"of-{name}", name)
        store.commit(TENANT, [write], [received(write)])


def park(store: SqlStore, clock: HandClock, *patients: str) -> None:
    for name in patients:
        arrive(store, name)
        for _ in range(MOST_ATTEMPTS):
            clock.pass_by(minutes=1)
            (claim,) = store.claim(1, clock.as_of())
            store.fail(claim, "fault: ValueError")


def standing(store: SqlStore, clock: HandClock, name: str) -> reports.Standing:
    found = reports.standing(store.engine, TENANT, PatientId(name), clock.now(), clock.as_of())
    assert found is not None
    return found


def told(store: SqlStore, *kinds: str) -> list[tuple[str, str, str]]:
    """These lines of the ledger, which holds."""
    assert store.verify_ledger(TENANT).broken_at is None
    with store.engine.connect() as connection:
        lines = connection.execute(select(ledger).where(ledger.c.kind.in_(kinds)).order_by(ledger.c.seq))
        return [(line.kind, line.subject, line.actor) for line in lines]


# Who is at work


def test_workers_leases_and_lines_are_told(open_store: Callable[[], SqlStore], clock: HandClock) -> None:
    first, second = open_store(), open_store()
    first._worker, second._worker = "worker-1", "worker-2"
    first.looked()
    clock.pass_by(seconds=20)
    second.looked()
    arrive(first, "ann", "bob", "mia")
    first.claim(2, clock.as_of())
    clock.pass_by(seconds=5)
    second.claim(2, clock.as_of())

    duty = reports.duty(first.engine, clock.now(), clock.as_of())

    assert [(it.name, clock.now() - it.looked_at) for it in duty.workers] == [
        ("worker-2", timedelta(seconds=5)),
        ("worker-1", timedelta(seconds=25)),
    ]
    assert [(it.worker, it.patients, it.until - clock.now()) for it in duty.held] == [
        ("worker-1", 2, timedelta(seconds=LEASE_SECONDS - 5)),
        ("worker-2", 1, timedelta(seconds=LEASE_SECONDS)),
    ]
    assert (duty.drained_since, duty.ledger_lines) == (None, 3)
    clock.pass_by(seconds=LEASE_SECONDS)
    assert reports.held(first.engine, clock.now(), clock.as_of()) == []


def test_whose_time_has_come_is_held_too(store: SqlStore, clock: HandClock) -> None:
    store._worker = "worker-1"
    arrive(store, "ann")
    (claim,) = store.claim(1, clock.as_of())
    store.save([result(claim, wake_at=clock.as_of() + timedelta(days=1))])
    clock.pass_by(days=1)
    store.claim(1, clock.as_of())

    assert [it.patients for it in reports.held(store.engine, clock.now(), clock.as_of())] == [1]


def test_draining_and_its_end_are_in_the_ledger_once(store: SqlStore, clock: HandClock) -> None:
    assert [store.drain(OPERATOR), store.drain(OPERATOR)] == [True, False]
    assert reports.duty(store.engine, clock.now(), clock.as_of()).drained_since == clock.now()
    assert [store.resume(OPERATOR), store.resume(OPERATOR)] == [True, False]

    about = ("Device/referral-service", OPERATOR)
    assert told(store, "drained", "resumed") == [("drained", *about), ("resumed", *about)]


# Parked patients


def test_parked_patients_are_listed_the_longest_first(store: SqlStore, clock: HandClock) -> None:
    park(store, clock, "mia", "ann")

    found = reports.parked(store.engine)

    assert [(it.patient, clock.now() - it.since, it.category, it.attempts) for it in found] == [
        ("mia", timedelta(minutes=MOST_ATTEMPTS), "fault: ValueError", MOST_ATTEMPTS),
        ("ann", timedelta(), "fault: ValueError", MOST_ATTEMPTS),
    ]


def test_who_is_tried_again_waits_in_turn_with_every_attempt_before_it(
    store: SqlStore, clock: HandClock
) -> None:
    park(store, clock, "ann", "bob", "mia")
    arrive(store, "zoe")
    everybody = [PatientId(name) for name in ("ann", "bob", "nobody", "zoe")]

    assert store.retry(TENANT, everybody, OPERATOR) == ["ann", "bob"]
    assert store.retry(TENANT, everybody, OPERATOR) == []

    assert told(store, "retried") == [("retried", f"Patient/{name}", OPERATOR) for name in ("ann", "bob")]
    assert [it.patient for it in reports.parked(store.engine)] == ["mia"]
    assert standing(store, clock, "bob").attempts == 0
    claims = store.claim(10, clock.as_of())
    assert sorted(claim.patient for claim in claims) == ["ann", "bob", "zoe"]
    assert all(store.save([result(claim) for claim in claims]))


# One patient


def test_how_a_patient_stands_in_the_queue(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "zoe", "ann", "mia")
    since = clock.now().replace(microsecond=123_000)
    ann = standing(store, clock, "ann")
    assert (ann.due_since, ann.place, ann.places, ann.attempts) == (since, 2, 3, 0)
    assert (ann.leased_by, ann.leased_until, ann.facts) == (None, None, 1)

    store._worker = "worker-1"
    claims = {claim.patient: claim for claim in store.claim(3, clock.as_of())}
    ann = standing(store, clock, "ann")
    assert (ann.leased_by, ann.leased_until) == (
        "worker-1",
        clock.now() + timedelta(seconds=LEASE_SECONDS),
    )
    store.fail(claims[ANN], "fault")
    ann = standing(store, clock, "ann")
    assert (ann.place, ann.attempts, ann.leased_by) == (2, 1, None)
    assert ann.leased_until is not None

    wake_at = clock.as_of() + timedelta(days=3)
    store.save([result(claims[PatientId("zoe")], wake_at=wake_at)])
    zoe = standing(store, clock, "zoe")
    assert (zoe.due_since, zoe.place, zoe.places, zoe.wake_at) == (None, None, 2, wake_at)
    clock.at = wake_at
    assert (standing(store, clock, "zoe").due_since, standing(store, clock, "zoe").place) == (wake_at, None)


def test_of_whom_nothing_was_received_nothing_is_said(store: SqlStore, clock: HandClock) -> None:
    assert reports.standing(store.engine, TENANT, ANN, clock.now(), clock.as_of()) is None
