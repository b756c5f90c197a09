"""Senders that are killed, and several at a time: what was sent may come twice, and never gets lost."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.api.people import CAUDA, code
from tests.kit.processes import until
from tests.subscriptions.conftest import LEASE_SECONDS, Wire
from tests.subscriptions.partner import plain, subscription
from workers.announcing import Announcing

NEW = "ServiceRequest?intent=proposal"


def drafted(wire: Wire, number: int = 1) -> list[str]:
    """New proposals, in their order."""
    found = []
    for _ in range(number):
        (one,) = wire.house.ours(wire.house.chart(CAUDA), "ServiceRequest")
        found.append(f"ServiceRequest/{one['id']}")
    return found


def test_a_sender_killed_between_sending_and_keeping_repeats_and_loses_nothing(wire: Wire) -> None:
    wire.subscribe(subscription(wire.partner, NEW))
    expected = drafted(wire, 2)
    wire.partner.gate.clear()
    wire.partner.came.clear()
    command = [sys.executable, "-m", "tests.subscriptions.sender"]
    with subprocess.Popen([*command, wire.house.server.service.settings.database]) as sender:
        assert wire.partner.came.wait(20)
        sender.kill()
    wire.partner.gate.set()
    assert wire.partner.focuses == expected
    expected += drafted(wire)
    assert wire.look() == [], "the dead sender's lease lasts"
    wire.pass_by(seconds=LEASE_SECONDS + 60)
    assert wire.look()[0] == "told"
    first, second = (one.events for one in wire.partner.told)
    assert [focus for _, focus in second] == expected
    assert not {number for number, _ in first} & {number for number, _ in second}
    assert wire.look() == []


def test_a_sender_whose_lease_is_over_keeps_nothing_and_sends_nothing_more(wire: Wire) -> None:
    wire.subscribe(subscription(wire.partner, NEW))
    expected = drafted(wire)
    slow = wire.announce.claim()
    assert slow is not None
    wire.pass_by(seconds=LEASE_SECONDS + 1)
    assert wire.look()[0] == "told"
    assert wire.announce.run(slow) == "lost"
    assert wire.partner.focuses == expected


def test_of_many_senders_one_tells_a_subscriber_and_in_order(wire: Wire) -> None:
    wire.subscribe(subscription(wire.partner, NEW))
    wire.subscribe(subscription(wire.partner, "Task?code=approve"))
    senders, rounds = 4, 6
    together = Barrier(senders)
    expected: list[str] = []

    def send() -> None:
        together.wait(20)
        while outing := wire.announce.claim():
            wire.announce.run(outing)

    with ThreadPoolExecutor(senders) as executor:
        for _ in range(rounds):
            expected += drafted(wire)
            list(executor.map(lambda _: send(), range(senders)))
    wire.look()
    by_subscription: dict[str, list[tuple[int, str]]] = {}
    for one in wire.partner.told:
        by_subscription.setdefault(str(one.said["subscription"]), []).extend(one.events)
    requests, tasks = sorted(by_subscription.values(), key=lambda events: events[0][1])
    assert [focus for _, focus in requests] == expected
    assert len({focus for _, focus in tasks}) == len(tasks) == rounds
    assert [number for number, _ in requests] == [number for number, _ in tasks] == [*range(1, rounds + 1)]


def test_the_threads_of_two_workers_tell_each_change_once_and_soon(wire: Wire) -> None:
    service = wire.house.server.service
    workers = [Announcing(service.settings, service.store) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        ids = [wire.house.server.post(one(wire.partner, NEW)).json()["id"] for one in (subscription, plain)]
        until(lambda: all(wire.read(id)["status"] == "active" for id in ids), "active", 10)
        (new,) = drafted(wire)
        until(lambda: new in wire.partner.focuses and wire.partner.of("empty"), "told", 10)
        assert wire.house.say("decline", new, code("not-now")).is_success
        until(lambda: wire.partner.focuses == [new, new], "told of the refusal", 10)
        until(lambda: len(wire.partner.of("empty")) == 2, "that something was refused", 10)
    finally:
        for worker in workers:
            worker.stop()
    assert [one.events for one in wire.partner.of("event-notification")] == [[(1, new)], [(2, new)]]
    assert len(wire.partner.of("handshake")) == 1
