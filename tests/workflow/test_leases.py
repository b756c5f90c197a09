"""An order is one sender's at a time, also where the other side takes longer than a lease to answer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Lock
from time import monotonic, sleep
from typing import Any

from sqlalchemy import select

from referral_service.clock import SystemClock
from referral_service.ehr.client import EhrClient
from referral_service.ehr.destination import FhirDestination
from referral_service.ehr.endpoint import Endpoint, Limits
from referral_service.fake_ehr.server import FakeEhr, Faults, serve
from referral_service.fhir.write.outgoing import Order
from referral_service.store.messages import SqlOutbox
from referral_service.store.outside import message
from referral_service.workflow.courier import Courier
from referral_service.workflow.read_back import There
from referral_service.workflow.transmit import Setting, Transmit
from tests.workflow.answers import NAMES
from tests.workflow.clinic import Clinic, clinic
from tests.workflow.delivery import UTC, WITHIN, posting

__all__ = ["clinic"]

Json = dict[str, Any]
ORDERS = 5
# As `wiring.build_sender` has them: a lease is four times what a call may take, the quiet after one twice.
CALL_SECONDS = 0.2
SLOW = Faults(
    latency=1.0, latency_seconds=(CALL_SECONDS, 6 * CALL_SECONDS), only=("transaction",), most=ORDERS
)


class Noting:
    """A destination that counts how many send an order at the same time."""

    def __init__(self, client: EhrClient) -> None:
        self.most: dict[str, int] = {}
        self._destination = FhirDestination(client, 2 * CALL_SECONDS)
        self._now: dict[str, int] = {}
        self._lock = Lock()

    def find(self, order: Order) -> There:
        return self._destination.find(order)

    def read(self, reference: str) -> Json | None:
        return self._destination.read(reference)

    def send(self, transaction: Json) -> Json:
        order = transaction["entry"][0]["resource"]["identifier"][0]["value"]
        self._count(order, 1)
        try:
            return self._destination.send(transaction)
        finally:
            self._count(order, -1)

    def _count(self, order: str, by: int) -> None:
        with self._lock:
            self._now[order] = self._now.get(order, 0) + by
            self.most[order] = max(self.most.get(order, 0), self._now[order])


def test_an_ehr_slower_than_a_lease_gets_each_order_once_from_one_sender_at_a_time(clinic: Clinic) -> None:
    ehr = FakeEhr(faults=SLOW, seed=4)
    with posting(clinic, ehr) as post:
        for number in range(ORDERS):
            post.approve(f"p{number}")
    setting = Setting(NAMES, WITHIN, UTC, timedelta(seconds=2 * CALL_SECONDS))
    with serve(ehr) as address:
        client = EhrClient(Endpoint(url=address, timeout_seconds=CALL_SECONDS), Limits(failures=1000))
        noting = Noting(client)

        def send(name: int) -> None:
            outbox = SqlOutbox(clinic.engine, SystemClock(), 4 * CALL_SECONDS, f"sender {name}")
            transmit = Transmit(outbox, noting, clinic.store.read, SystemClock(), setting)
            courier = Courier(outbox, transmit, post.track)
            end = monotonic() + 60
            while monotonic() < end and not all_sent():
                courier.deliver()
                sleep(0.02)

        def all_sent() -> bool:
            with clinic.engine.connect() as connection:
                states = connection.scalars(select(message.c.state)).all()
            return len(states) == ORDERS and set(states) == {"sent"}

        with ThreadPoolExecutor(2) as executor:
            list(executor.map(send, range(2)))
        ehr.settle()
        client.close()
    assert all_sent()
    named = [one["identifier"][0]["value"] for one in ehr.stored("ServiceRequest")]
    assert len(named) == len(set(named)) == len(ehr.stored("Task")) == ORDERS
    assert set(noting.most.values()) == {1}
    assert ehr.happened["latency"] == ORDERS, "it was slow"


def test_a_sender_whose_lease_is_over_sends_nothing(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        post.approve()
        (late,) = post.outbox.claim(4)
        post.clock.pass_by(timedelta(minutes=2))
        assert post.deliver() == ["arrived"]
        assert post.transmit.deliver(late) == "lost"
        assert post.ehr.requests["POST", "transaction"] == 1


def test_a_sender_that_is_about_to_send_has_the_order_for_another_lease(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        post.approve()
        (held,) = post.outbox.claim(4)
        post.clock.pass_by(timedelta(seconds=50))
        assert post.outbox.hold(held)
        post.clock.pass_by(timedelta(seconds=50))
        assert post.outbox.claim(4) == []


def test_a_look_that_does_not_end_is_given_up_in_time(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr(), refusing=200, looking=200, endless=True) as post:
        post.approve()
        begun = monotonic()
        assert post.deliver()[0] in ("interrupted", "unavailable")
        assert monotonic() - begun < 10
