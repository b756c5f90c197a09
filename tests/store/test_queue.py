"""The order of the queue: red flags first, senders by turns, and time goes on for the others."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from referral_service.store.store import SqlStore
from referral_service.workflow.ports import Happening
from tests.kit.clocks import HandClock
from tests.kit.writes import TENANT, condition, result


def send(store: SqlStore, sender: str, *patients: str, said: str = "pain", presses: bool = False) -> None:
    writes = [condition(f"of-{name}", name, said=said, is_pressing=presses) for name in patients]
    store.commit(TENANT, writes, [Happening("received", f"Condition/{it.id}", sender) for it in writes])


def drain_queue(store: SqlStore, clock: HandClock, batch: int) -> list[str]:
    """Everybody in the order in which workers take them."""
    order: list[str] = []
    while claims := store.claim(batch, clock.as_of()):
        order += [claim.patient for claim in claims]
        assert all(store.save([result(claim) for claim in claims]))
    return order


def test_a_red_flag_goes_ahead_of_any_backlog(store: SqlStore, clock: HandClock) -> None:
    send(store, "clinic", *(f"patient-{number:03}" for number in range(300)))
    clock.pass_by(hours=1)
    send(store, "clinic", "cauda-equina", presses=True)
    send(store, "clinic", "later")
    clock.pass_by(seconds=1)
    send(store, "clinic", "fracture", presses=True)

    assert [claim.patient for claim in store.claim(3, clock.as_of())] == [
        "cauda-equina",
        "fracture",
        "patient-000",
    ]
    assert store.counts().patients_due_urgent == 2


def test_whoever_waits_already_moves_up_when_a_red_flag_arrives(store: SqlStore, clock: HandClock) -> None:
    send(store, "clinic", "ann", "bob", "mia")
    send(store, "clinic", "mia", said="no feeling in the saddle", presses=True)
    send(store, "clinic", "mia", said="a visit")

    assert drain_queue(store, clock, 10) == ["mia", "ann", "bob"]


def test_one_noisy_sender_starves_no_other(store: SqlStore, clock: HandClock) -> None:
    send(store, "noisy", *(f"noisy-{number:03}" for number in range(200)))
    clock.pass_by(milliseconds=1)
    first = [claim.patient for claim in store.claim(10, clock.as_of())]
    send(store, "small", "small-1", "small-2")
    send(store, "noisy", *(f"noisy-{number:03}" for number in range(200, 300)))
    send(store, "other", "other-1")

    following = [claim.patient for claim in store.claim(10, clock.as_of())]

    assert first == [f"noisy-{number:03}" for number in range(10)]
    assert {"small-1", "small-2", "other-1"} < set(following)


def test_senders_take_turns_over_several_processes(
    open_store: Callable[[], SqlStore], clock: HandClock
) -> None:
    one, other = open_store(), open_store()
    send(one, "noisy", *(f"noisy-{number:03}" for number in range(200)))
    send(other, "small", "small-1")
    send(other, "noisy", *(f"noisy-{number:03}" for number in range(200, 300)))
    send(one, "small", "small-2")

    assert {"small-1", "small-2"} < set(drain_queue(one, clock, 5)[:10])


def test_what_a_sender_once_sent_counts_for_nothing_later(store: SqlStore, clock: HandClock) -> None:
    send(store, "noisy", *(f"noisy-{number:03}" for number in range(200)))
    drain_queue(store, clock, 50)
    clock.pass_by(seconds=1)
    send(store, "other", *(f"other-{number:03}" for number in range(100)))
    clock.pass_by(seconds=1)
    send(store, "noisy", "noisy-at-last")

    assert "noisy-at-last" in drain_queue(store, clock, 5)[:10]


def test_whoever_fails_again_and_again_lets_nobody_else_pass_the_queue(
    store: SqlStore, clock: HandClock
) -> None:
    send(store, "clinic", "failing")
    (claim,) = store.claim(1, clock.as_of())
    store.fail(claim, "fault")
    clock.pass_by(milliseconds=10)
    send(store, "clinic", "ann", "bob")
    clock.pass_by(milliseconds=10)
    send(store, "late", *(f"late-{number}" for number in range(5)))

    order = [claim.patient for claim in store.claim(7, clock.as_of())]

    assert order.index("ann") < order.index("late-2")


def test_time_goes_on_for_others_however_long_the_queue(store: SqlStore, clock: HandClock) -> None:
    send(store, "clinic", "asleep")
    (claim,) = store.claim(1, clock.as_of())
    store.save([result(claim, wake_at=clock.as_of() + timedelta(days=1))])
    clock.pass_by(days=1)
    send(store, "clinic", *(f"patient-{number:03}" for number in range(100)))

    assert "asleep" in {claim.patient for claim in store.claim(8, clock.as_of())}


@pytest.mark.parametrize("limit", [1, 2, 7, 200])
def test_a_batch_is_never_larger_than_asked_and_nobody_is_in_it_twice(
    store: SqlStore, clock: HandClock, limit: int
) -> None:
    send(store, "clinic", *(f"asleep-{number}" for number in range(20)))
    for claim in store.claim(50, clock.as_of()):
        store.save([result(claim, wake_at=clock.as_of() + timedelta(days=1))])
    clock.pass_by(days=1)
    send(store, "clinic", *(f"patient-{number:03}" for number in range(30)))

    claims = store.claim(limit, clock.as_of())

    assert len(claims) == min(limit, 50)
    assert len({claim.patient for claim in claims}) == len(claims)
