"""Who is evaluated, by whom, and what becomes of it: leases, fencing, retries, parking, waking."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from referral_service.store.claims import MOST_ATTEMPTS
from referral_service.store.erase import Eraser, Why
from referral_service.store.store import SqlStore
from referral_service.workflow.ports import Claim, Happening, Write
from tests.kit.clocks import HandClock
from tests.kit.writes import TENANT, condition, received, result
from tests.store.conftest import LEASE_SECONDS


def arrive(store: SqlStore, *patients: str, said: str = "pain") -> None:
    for name in patients:
        write: Write = condition(f"of-{name}", name, said=said)
        store.commit(TENANT, [write], [received(write)])


def names(claims: list[Claim]) -> list[str]:
    return [claim.patient for claim in claims]


def test_whoever_has_waited_longest_comes_first(store: SqlStore, clock: HandClock) -> None:
    for name in ("zoe", "ann", "mia"):
        arrive(store, name)
        clock.pass_by(seconds=1)
    arrive(store, "zoe", said="again")

    assert names(store.claim(2, clock.as_of())) == ["zoe", "ann"]
    assert names(store.claim(2, clock.as_of())) == ["mia"]
    assert store.claim(2, clock.as_of()) == []


def test_a_patient_is_nobody_elses_until_the_lease_ends(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "ann")
    (first,) = store.claim(10, clock.as_of())
    clock.pass_by(seconds=LEASE_SECONDS - 1)
    assert store.claim(10, clock.as_of()) == []
    assert not store.is_anybody_due(clock.as_of())
    clock.pass_by(seconds=1)

    assert store.is_anybody_due(clock.as_of())
    (second,) = store.claim(10, clock.as_of())

    assert second.token > first.token
    assert store.save([result(first)]) == [False]
    assert store.save([result(second)]) == [True]


def test_what_arrives_meanwhile_makes_the_result_worthless(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "ann", "bob")
    claims = store.claim(10, clock.as_of())
    arrive(store, "ann", said="much worse")
    lines = [Happening("decided", f"Patient/{claim.patient}", "service") for claim in claims]

    verdicts = store.save([result(it, happenings=(line,)) for it, line in zip(claims, lines, strict=True)])

    assert dict(zip(names(claims), verdicts, strict=True)) == {"ann": False, "bob": True}
    assert store.verify_ledger(TENANT).lines == 3 + 1
    assert names(store.claim(10, clock.as_of())) == ["ann"]


def test_what_was_claimed_before_an_erasure_counts_for_nobody_who_comes_back(
    store: SqlStore, clock: HandClock
) -> None:
    arrive(store, "ann")
    (before,) = store.claim(10, clock.as_of())
    clock.pass_by(seconds=LEASE_SECONDS)
    why = Why(actor="Operator/tests", reason="patient-request")
    Eraser(store.engine, clock, TENANT).erase(before.patient, why)
    arrive(store, "ann")
    (after,) = store.claim(10, clock.as_of())

    assert store.save([result(before)]) == [False]
    assert store.save([result(after)]) == [True]


def test_time_alone_wakes_whom_it_must(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "ann", "bob")
    wake_at = clock.as_of() + timedelta(days=3)
    claims = store.claim(10, clock.as_of())
    store.save([result(claims[0], wake_at=wake_at), result(claims[1])])

    assert store.claim(10, wake_at - timedelta(microseconds=1)) == []
    assert store.counts().patients_due == 0
    clock.at = wake_at
    assert store.counts().patients_due == 1
    (claim,) = store.claim(10, wake_at)

    assert claim.patient == "ann"
    assert store.save([result(claim)]) == [True]
    assert store.claim(10, wake_at + timedelta(days=400)) == []


def test_after_a_failure_the_next_attempt_comes_later(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "ann")
    (claim,) = store.claim(10, clock.as_of())

    assert store.fail(claim, "unavailable") is False

    assert store.claim(10, clock.as_of()) == []
    clock.pass_by(seconds=3)
    assert names(store.claim(10, clock.as_of())) == ["ann"]


def test_five_failures_park_a_patient_until_something_new_arrives(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "ann")
    parked = []
    for _ in range(MOST_ATTEMPTS):
        clock.pass_by(minutes=2)
        (claim,) = store.claim(10, clock.as_of())
        parked.append(store.fail(claim, "fault"))
    clock.pass_by(days=1)

    assert parked == [False] * 4 + [True]
    assert store.claim(10, clock.as_of()) == []
    assert (store.counts().patients_due, store.counts().patients_parked) == (0, 1)
    assert store.verify_ledger(TENANT).lines == 2

    arrive(store, "ann", said="again")

    (claim,) = store.claim(10, clock.as_of())
    assert store.fail(claim, "fault") is False
    assert store.counts().patients_parked == 0


def test_a_patient_whose_evaluation_ends_the_process_is_parked_too(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "ann")
    for _ in range(MOST_ATTEMPTS):
        assert names(store.claim(10, clock.as_of())) == ["ann"]
        clock.pass_by(seconds=LEASE_SECONDS)

    assert store.claim(10, clock.as_of()) == []
    assert store.counts().patients_parked == 1


def test_whoever_may_have_ended_a_process_is_claimed_alone(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "ann", "bob")
    store.claim(10, clock.as_of())
    clock.pass_by(seconds=LEASE_SECONDS)
    arrive(store, "mia", "zoe")

    batches = [names(store.claim(10, clock.as_of())) for _ in range(4)]

    assert batches == [["ann"], ["bob"], ["mia", "zoe"], []]


def test_a_late_failure_of_a_lost_lease_changes_nothing(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "ann")
    (lost,) = store.claim(10, clock.as_of())
    clock.pass_by(seconds=LEASE_SECONDS)
    (held,) = store.claim(10, clock.as_of())

    assert store.fail(lost, "fault") is False

    assert store.save([result(held)]) == [True]


@pytest.mark.parametrize("workers", [4])
def test_workers_never_share_a_patient(
    open_store: Callable[[], SqlStore], clock: HandClock, workers: int
) -> None:
    stores = [open_store() for _ in range(workers)]
    patients = [f"patient-{number}" for number in range(60)]
    arrive(stores[0], *patients)

    def claim_all(store: SqlStore) -> list[str]:
        found: list[str] = []
        for _ in range(30):
            claims = store.claim(5, clock.as_of())
            found += names(claims)
            assert all(store.save([result(claim) for claim in claims]))
        return found

    with ThreadPoolExecutor(workers) as pool:
        found = [name for names_ in pool.map(claim_all, stores) for name in names_]

    assert sorted(found) == sorted(patients)
    assert stores[0].counts().patients_due == 0


def test_how_long_the_first_has_waited_is_counted(store: SqlStore, clock: HandClock) -> None:
    assert store.counts().oldest_due_seconds == 0
    arrive(store, "ann")
    clock.pass_by(seconds=7)
    arrive(store, "ann", "bob", said="more")
    clock.pass_by(seconds=2)

    counts = store.counts()

    assert counts.patients_due == 2
    assert counts.oldest_due_seconds == pytest.approx(9, abs=0.01)


def test_whom_a_dead_worker_held_is_due_at_once(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "ann", "bob")
    dead = store.claim(10, clock.as_of())
    store.release()

    assert store.is_anybody_due(clock.as_of())
    (alone,) = store.claim(10, clock.as_of())  # whoever may have ended a process is claimed alone
    assert store.save([result(claim) for claim in dead]) == [claim.patient != alone.patient for claim in dead]
    assert store.save([result(alone)]) == [True]
