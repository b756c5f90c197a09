"""`reconcile` counts each approved order at the EHR, by identifier: none, one or two of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from referral_service.cli.counting import at_the_ehr
from referral_service.clock import SystemClock
from referral_service.fake_ehr.server import FakeEhr, Faults, Manners, serve
from referral_service.fhir.write.outgoing import findable
from referral_service.store.outside import message
from referral_service.wiring import build_sender
from tests.cli.desk import Desk, desk
from tests.notify.fetching import sources
from tests.workflow.answers import proposal
from tests.workflow.clinic import EXHAUSTED

__all__ = ["desk"]


@pytest.fixture
def ehr(desk: Desk) -> Iterator[FakeEhr]:
    """An EHR that has three orders: of ann, bob and cat."""
    made = FakeEhr()
    with serve(made) as address:
        desk.settings = desk.settings.model_copy(update={"ehr_url": address})
        for name in ("ann", "bob", "cat"):
            desk.clinic.post(*EXHAUSTED, patient=name)
            desk.answer("approve", "ServiceRequest", proposal(desk.clinic)["id"])
            desk.clinic.evaluate()
        deliver(desk)
        yield made


def deliver(desk: Desk) -> list[str]:
    with desk.clinic.engine.begin() as connection:
        waiting = update(message).where(message.c.state == "waiting")
        connection.execute(waiting.values(due_at=SystemClock().now()))
    sender = build_sender(desk.settings, desk.store())
    assert sender
    try:
        return sender.courier.deliver()
    finally:
        sender.close()


def orders(ehr: FakeEhr) -> dict[str, dict[str, object]]:
    return {one["subject"]["reference"]: one for one in ehr.stored("ServiceRequest")}


def test_each_order_is_there_once(desk: Desk, ehr: FakeEhr) -> None:
    code, (said,), complained = desk.run("reconcile")

    assert (code, complained) == (0, [])
    assert said.startswith("No differences in ")


def test_none_of_one_and_two_of_another_are_told(desk: Desk, ehr: FakeEhr) -> None:
    there = orders(ehr)
    ehr.remove("ServiceRequest", str(there["Patient/ann"]["id"]))
    ehr.put({key: value for key, value in there["Patient/bob"].items() if key != "id"})

    code, said, complained = desk.run("reconcile")

    assert (code, complained) == (1, [])
    kinds = sorted((line.split(":")[0], line.rpartition(": ")[2]) for line in said[:-1])
    assert kinds == [
        ("not-there", "it was sent; the EHR has 0 of it, and 1 of its Task"),
        ("there-twice", "the EHR has 2 of it, and 1 of its Task"),
    ]
    assert all(line.split(": ")[1].startswith("ServiceRequest/") for line in said[:-1])


def test_what_is_there_and_not_known_as_sent_is_told(desk: Desk, ehr: FakeEhr) -> None:
    desk.clinic.post(*EXHAUSTED, patient="dan")
    desk.answer("approve", "ServiceRequest", proposal(desk.clinic)["id"])
    (order,) = (
        one
        for one in desk.clinic.emitted("ServiceRequest")
        if one["subject"]["reference"] == "Patient/dan" and one["intent"] == "order"
    )
    named = [*order["identifier"], findable(order)]
    ehr.put({**{key: value for key, value in order.items() if key != "id"}, "identifier": named})

    code, said, _ = desk.run("reconcile")

    assert code == 1
    assert said[0].startswith("there-unsent: ")


def test_an_ehr_that_demands_more_of_a_search_is_asked_as_its_file_says(desk: Desk, tmp_path: Path) -> None:
    demanding = Manners(demands={"ServiceRequest": "status", "Task": "intent"})
    lost = Faults(lost_answer=1.0, only=("transaction",), most=1)
    search = {"ServiceRequest": ["status=active", "status=active,completed"], "Task": ["intent=order"]}
    with serve(FakeEhr(manners=demanding, faults=lost)) as address:
        file = sources(tmp_path, address, fhir={"url": f"{address}/", "search": search})
        desk.settings = desk.settings.model_copy(update={"ehr_url": address, "sources": file})
        desk.clinic.post(*EXHAUSTED, patient="ann")
        desk.answer("approve", "ServiceRequest", proposal(desk.clinic)["id"])
        assert deliver(desk) == ["interrupted"]
        code, said, _ = desk.run("reconcile")
        assert (code, said[0].split(":")[0]) == (1, "there-unsent")
        assert said[0].endswith("the EHR has 1 of it, and 1 of its Task")
        assert deliver(desk) == ["arrived"]
        assert desk.run("reconcile")[0] == 0


def test_what_arrives_while_it_is_counted_is_no_difference(desk: Desk, ehr: FakeEhr) -> None:
    for name in ("dan", "eve", "fay"):
        desk.clinic.post(*EXHAUSTED, patient=name)
        desk.answer("approve", "ServiceRequest", proposal(desk.clinic)["id"])
    counted = at_the_ehr(desk.settings, desk.store())
    found = list(next(counted)[1])
    assert deliver(desk) == ["arrived"] * 3
    for _, some in counted:
        found += some
    assert found == []


def test_an_ehr_that_does_not_answer_is_said_in_one_line(desk: Desk) -> None:
    desk.clinic.post(*EXHAUSTED, patient="ann")
    desk.answer("approve", "ServiceRequest", proposal(desk.clinic)["id"])
    desk.settings = desk.settings.model_copy(update={"ehr_url": "http://127.0.0.1:9/fhir"})

    code, said, complained = desk.run("reconcile")

    assert (code, said) == (1, [])
    assert complained[-1] == "referral-service: The other side was not reached."
