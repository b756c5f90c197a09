"""What operators see of the workers, and how they stop them: leases renewed, sweeps, draining, counts."""

from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from referral_service.store.store import SqlStore
from referral_service.telemetry import exposition
from tests.kit.clocks import HandClock
from tests.kit.writes import TENANT, condition, received, result
from tests.store.conftest import LEASE_SECONDS


def arrive(store: SqlStore, *patients: str) -> None:
    for name in patients:
        write = condition(f"of-{name}", name)
        store.commit(TENANT, [write], [received(write)])


def metric(store: SqlStore, name: str) -> float:
    page = exposition(store.counts()).decode()
    samples = [it for family in text_string_to_metric_families(page) for it in family.samples]
    return sum(it.value for it in samples if it.name == name)


def test_a_renewed_lease_lasts_as_long_again(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "ann")
    claims = store.claim(10, clock.as_of())
    clock.pass_by(seconds=LEASE_SECONDS - 1)
    store.renew(claims)
    clock.pass_by(seconds=LEASE_SECONDS - 1)

    assert store.claim(10, clock.as_of()) == []
    assert store.save([result(claims[0])]) == [True]


def test_a_lease_that_another_took_is_not_renewed(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "ann")
    lost = store.claim(10, clock.as_of())
    clock.pass_by(seconds=LEASE_SECONDS)
    (held,) = store.claim(10, clock.as_of())
    clock.pass_by(seconds=LEASE_SECONDS - 1)
    store.renew(lost)
    clock.pass_by(seconds=1)

    assert [claim.token for claim in store.claim(10, clock.as_of())] == [held.token + 1]


def test_attempts_failures_and_expired_leases_are_counted(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "ann", "bob")
    claims = store.claim(10, clock.as_of())
    assert metric(store, "leases_held") == 2
    store.fail(claims[0], "fault")
    clock.pass_by(seconds=LEASE_SECONDS)
    assert metric(store, "leases_held") == 0
    for _ in claims:
        (claim,) = store.claim(10, clock.as_of())
        store.save([result(claim)])

    assert metric(store, "attempts_total") == 4
    assert metric(store, "attempts_failed_total") == 1
    assert metric(store, "leases_expired_total") == 1


def test_how_long_decisions_took_is_counted(store: SqlStore, clock: HandClock) -> None:
    arrive(store, "ann", "bob")
    clock.pass_by(seconds=4)
    arrive(store, "mia")
    for claim in store.claim(10, clock.as_of()):
        store.save([result(claim)])

    assert metric(store, "decision_seconds_count") == 3
    assert round(metric(store, "decision_seconds_sum"), 1) == 8
    buckets = {
        it.labels["le"]: it.value
        for family in text_string_to_metric_families(exposition(store.counts()).decode())
        for it in family.samples
        if it.name == "decision_seconds_bucket"
    }
    assert (buckets["0.05"], buckets["2.5"], buckets["5.0"], buckets["+Inf"]) == (1, 1, 3, 3)


def test_whoever_looks_is_seen(open_store: Callable[[], SqlStore], clock: HandClock) -> None:
    stores = [open_store(), open_store()]
    for store, name in zip(stores, ("worker-1", "worker-2"), strict=True):
        store._worker = name
    assert stores[0].counts().sweep_age_seconds is None
    stores[0].looked()
    clock.pass_by(seconds=20)
    stores[1].looked()
    clock.pass_by(seconds=3)
    assert stores[0].counts().sweep_age_seconds == 3
    assert stores[0].counts().workers_active == 2

    stores[1].left()
    clock.pass_by(minutes=1)

    assert stores[0].counts().workers_active == 0
    assert stores[0].counts().sweep_age_seconds == 83

    clock.pass_by(hours=-1)  # a clock that was wrong is set right: nobody has looked in an hour's time
    assert stores[0].counts().sweep_age_seconds is None
    assert stores[0].counts().workers_active == 0


def test_while_operators_drain_nobody_is_claimed_and_nothing_is_lost(
    store: SqlStore, clock: HandClock
) -> None:
    arrive(store, "ann")
    (held,) = store.claim(10, clock.as_of())
    store.drain()
    store.drain()
    arrive(store, "bob")
    assert store.claim(10, clock.as_of()) == []
    assert not store.is_anybody_due(clock.as_of())
    assert store.save([result(held)]) == [True]

    store.resume()

    assert [claim.patient for claim in store.claim(10, clock.as_of())] == ["bob"]
