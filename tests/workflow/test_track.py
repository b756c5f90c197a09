"""A sent order is followed until its loop is closed, or a person is told that it will not be."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from referral_service.core.problem import Category, Problem
from referral_service.fake_ehr.server import FakeEhr, Faults
from referral_service.fhir.business import BSER
from referral_service.workflow.ports import DEFAULT_TENANT
from referral_service.workflow.track import Heard
from tests.workflow.answers import again, refused, say, statuses, task
from tests.workflow.clinic import Clinic, clinic
from tests.workflow.delivery import WITHIN, Post, posting
from tests.workflow.test_transmit import on_the_list

__all__ = ["clinic"]

SURGEON = "Practitioner/surgeon-3"
REPORT = [{"type": {"text": "report"}, "valueReference": {"reference": "DiagnosticReport/r1"}}]


def sent(post: Post) -> dict[str, Any]:
    """The Task to fulfil an order that has arrived."""
    post.approve()
    post.deliver()
    return task(post.clinic, "fulfill")


def tell(post: Post, **said: Any) -> dict[str, Any]:
    """The fulfiller writes our Task."""
    known = {**task(post.clinic, "fulfill"), **said}
    post.track.update(DEFAULT_TENANT, known["id"], Heard(task=known, actor=SURGEON))
    post.clinic.evaluate()
    return task(post.clinic, "fulfill")


def code(bser: str) -> dict[str, Any]:
    return {"coding": [{"system": BSER, "code": bser}]}


def due(post: Post) -> timedelta:
    """How far ahead the next step is due."""
    end = task(post.clinic, "fulfill")["restriction"]["period"]["end"]
    return timedelta(days=round((datetime.fromisoformat(end) - post.clock.at).total_seconds() / 86400))


def test_the_loop_is_closed_step_by_step(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        sent(post)
        assert (on_the_list(post), due(post)) == (["acceptance"], WITHIN.accepted)
        tell(post, status="received")
        assert on_the_list(post) == ["acceptance"]
        tell(post, status="accepted")
        assert (on_the_list(post), due(post)) == (["booking"], WITHIN.booked)
        tell(post, status="in-progress", businessStatus=code("5.1.1"))
        assert (on_the_list(post), due(post)) == (["report"], WITHIN.seen)
        tell(post, businessStatus=code("5.1.4"))
        assert (on_the_list(post), due(post)) == (["report"], WITHIN.report)
        tell(post, status="completed", output=REPORT)
        assert on_the_list(post) == ["closed"]
    assert sorted(statuses(clinic)) == [
        ("approve", "completed"),
        ("fulfill", "completed"),
        ("order", "completed"),
        ("proposal", "completed"),
    ]


@pytest.mark.parametrize("missed", ["5.1.2", "5.1.3"])
def test_an_appointment_that_was_missed_is_booked_again(clinic: Clinic, missed: str) -> None:
    with posting(clinic, FakeEhr()) as post:
        sent(post)
        tell(post, status="in-progress", businessStatus=code("5.1.1"))
        tell(post, businessStatus=code(missed))
        assert (on_the_list(post), due(post)) == (["missed"], WITHIN.booked)
        tell(post, businessStatus=code("5.1.1"))
        assert on_the_list(post) == ["report"]


@pytest.mark.parametrize("status", ["rejected", "cancelled", "failed"])
def test_an_order_that_its_fulfiller_gives_up_comes_back_to_a_person(clinic: Clinic, status: str) -> None:
    with posting(clinic, FakeEhr()) as post:
        sent(post)
        tell(post, status=status, statusReason={"text": "no capacity"})
        review = task(clinic, "review")
        assert review["reasonCode"]["coding"][0]["code"] == "refused-by-fulfiller"
        assert review["focus"]["reference"].startswith("ServiceRequest/")
        assert on_the_list(post) == ["closed", "information"]
        order = next(r for r in clinic.emitted("ServiceRequest") if r["intent"] == "order")
        assert order["status"] == "active"
        say(clinic, "complete", review)
        say(clinic, "close", order, reason="elsewhere")
        assert again(clinic, order)["status"] == "revoked"


REFUSED = {
    "the patient": ({"for": {"reference": "Patient/other"}}, "Task.for"),
    "the order": ({"focus": {"reference": "ServiceRequest/x"}}, "Task.focus"),
    "the code": ({"code": {"text": "x"}}, "Task.code"),
    "an identifier": ({"identifier": []}, "Task.identifier"),
    "what is new": ({"partOf": [{"reference": "Task/x"}]}, "Task.partOf"),
    "a status of ours": ({"status": "draft"}, "Task.status"),
    "an end without a report": ({"status": "completed"}, "Task.output"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_fulfiller_changes_what_is_theirs_alone(clinic: Clinic, what: str) -> None:
    said, where = REFUSED[what]
    with posting(clinic, FakeEhr()) as post:
        before = sent(post)
        with pytest.raises(Problem) as refusal:
            tell(post, **said)
        assert refusal.value.category is Category.REFUSED
        assert [issue.expression for issue in refusal.value.issues] == [where]
        assert task(clinic, "fulfill") == before


TOO_LATE = [("accepted", "requested"), ("rejected", "accepted"), ("in-progress", "accepted")]


@pytest.mark.parametrize(("first", "then"), TOO_LATE)
def test_what_comes_late_is_a_conflict(clinic: Clinic, first: str, then: str) -> None:
    with posting(clinic, FakeEhr()) as post:
        sent(post)
        tell(post, status=first)
        with pytest.raises(Problem, match=f"The Task is {first}") as refusal:
            tell(post, status=then)
        assert refusal.value.category is Category.CONFLICT


def test_nothing_is_told_of_an_order_that_was_not_sent(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        post.approve()
        with pytest.raises(Problem, match="The Task is draft"):
            tell(post, status="accepted")


def test_a_review_is_not_a_fulfillers(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        sent(post)
        review = task(clinic, "approve")
        with pytest.raises(Problem) as refusal:
            post.track.update(DEFAULT_TENANT, review["id"], Heard(task=review, actor=SURGEON))
        assert refusal.value.category is Category.FORBIDDEN


def at_the_ehr(post: Post, **said: Any) -> None:
    """The fulfiller changes the Task on their own server."""
    (known,) = post.ehr.stored("Task")
    post.ehr.put({**known, **said})


def test_their_server_is_asked_how_the_order_fares(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        sent(post)
        assert post.ask() == 0
        at_the_ehr(post, status="accepted")
        assert post.ask() == 1
        assert ("fulfill", "accepted") in statuses(clinic)
        at_the_ehr(post, status="in-progress", businessStatus={"text": "Booked"})
        assert (post.ask(), post.ask()) == (1, 0)
        at_the_ehr(post, status="completed")
        assert post.ask() == 1
        assert ("fulfill", "in-progress") in statuses(clinic)
        assert on_the_list(post) == ["report"]
        at_the_ehr(post, status="completed", output=REPORT)
        assert post.ask() == 1
        assert on_the_list(post) == ["closed"]
        asked = post.ehr.requests["GET", "read"]
        post.ask()
        assert post.ehr.requests["GET", "read"] == asked


def test_one_task_that_cannot_be_read_keeps_no_other_from_being_heard(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        for patient in ("pat", "pam"):
            post.approve(patient)
        assert post.deliver() == ["arrived", "arrived"]
        for known in post.ehr.stored("Task"):
            post.ehr.put({**known, "status": "accepted"})
        post.ehr.faults = Faults(error_before=1.0, only=("read",), most=1)
        with pytest.raises(Problem):
            post.ask()
        assert sorted(status for what, status in statuses(clinic) if what == "fulfill") == [
            "accepted",
            "requested",
        ]
        assert post.ask() == 1


TWISTED: dict[str, dict[str, Any]] = {
    "no list of outputs": {"status": "completed", "output": None},
    "an output in words": {"status": "completed", "output": [{"valueReference": "DiagnosticReport/1"}]},
    "a business status in words": {"status": "accepted", "businessStatus": {"coding": ["5.1.1"]}},
    "a note that R4 does not have": {"status": "accepted", "note": [{"words": "x"}]},
}


@pytest.mark.parametrize("what", TWISTED)
def test_a_task_that_is_no_task_moves_nothing(clinic: Clinic, what: str) -> None:
    with posting(clinic, FakeEhr()) as post:
        before = sent(post)
        at_the_ehr(post, **TWISTED[what])
        with pytest.raises(Problem) as refusal:
            post.ask()
        assert refusal.value.category is Category.FAULT
        assert task(clinic, "fulfill") == before


def test_what_was_said_before_is_no_news_however_late_it_comes(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        known = sent(post)

        def hear(second: int, business: str) -> bool:
            said = {"status": "in-progress", "businessStatus": {"text": business}}
            told = {**known, **said, "meta": {"lastUpdated": f"2026-11-22T12:00:{second:02}.5+01:00"}}
            return post.track.heard(DEFAULT_TENANT, told, SURGEON)

        assert [hear(3, "scheduled"), hear(5, "seen")] == [True, True]
        assert [hear(4, "no-show"), hear(3, "scheduled"), hear(5, "seen")] == [False, False, False]
        assert on_the_list(post) == ["report"]
        assert hear(6, "no-show")


def test_a_task_of_somebody_else_is_no_news(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        known = sent(post)
        for other in ([], [{"system": "urn:x", "value": known["identifier"][0]["value"]}]):
            stranger = {**known, "identifier": other, "status": "accepted"}
            assert not post.track.heard(DEFAULT_TENANT, stranger, SURGEON)
        assert not post.track.heard(DEFAULT_TENANT, {**known, "status": "requested"}, SURGEON)


def test_what_a_person_closes_is_closed_administratively(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        sent(post)
        order = next(r for r in clinic.emitted("ServiceRequest") if r["intent"] == "order")
        say(clinic, "close", order, reason="patient-moved", note="Lives elsewhere now.")
        assert again(clinic, order)["status"] == "revoked"
        fulfill = task(clinic, "fulfill")
        assert (fulfill["status"], fulfill["statusReason"]["coding"][0]["code"]) == (
            "cancelled",
            "patient-moved",
        )
        assert refused(clinic, "close", order)[0] is Category.CONFLICT
