"""An approved order goes out once: whatever is lost on the way, and whatever the other side makes of it."""

from typing import Any

import pytest
from sqlalchemy import select, update

from referral_service.core.stage import stage
from referral_service.fake_ehr.server import FakeEhr, Faults
from referral_service.store import bodies
from referral_service.store.outside import message
from referral_service.store.tables import referral
from tests.workflow.answers import NAMES, again, refused, say, statuses, task
from tests.workflow.clinic import Clinic, clinic
from tests.workflow.delivery import Post, posting

__all__ = ["clinic"]

SENT = [("proposal", "completed"), ("order", "active"), ("approve", "completed"), ("fulfill", "requested")]
UNSENT = [*SENT[:3], ("fulfill", "draft")]


def states(post: Post) -> list[tuple[str, int, str | None]]:
    with post.clinic.engine.connect() as connection:
        rows = connection.execute(select(message).order_by(message.c.id)).all()
    return [(row.state, row.attempts, row.category) for row in rows]


def on_the_list(post: Post) -> list[str]:
    with post.clinic.engine.connect() as connection:
        found = [bodies.referral(body) for body in connection.scalars(select(referral.c.body))]
    return sorted(stage(one) for one in found)


def order_there(post: Post) -> dict[str, Any]:
    (found,) = post.ehr.stored("ServiceRequest")
    return found


def test_an_approved_order_arrives_with_its_task(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        post.approve()
        assert on_the_list(post) == ["ready"]
        assert post.deliver() == ["arrived"]
        assert sorted(statuses(clinic)) == sorted(SENT)
        order = order_there(post)
        (fulfill,) = post.ehr.stored("Task")
    assert (order["intent"], order["status"], order["subject"]["reference"]) == (
        "order",
        "active",
        "Patient/pat",
    )
    own, plain = order["identifier"]
    assert own["value"] == f"{plain['value']}|order", "a bar is a separator in a search: there is one without"
    assert fulfill["focus"]["reference"] == f"ServiceRequest/{order['id']}"
    assert (fulfill["status"], fulfill["for"]["reference"]) == ("requested", "Patient/pat")
    assert states(post) == [("sent", 1, None)]
    assert on_the_list(post) == ["acceptance"]


def test_nothing_is_sent_before_a_person_approves(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        post.clinic.post({"condition": "M51.26", "onset": -30, "id": "disc"})
        assert post.deliver(2) == []
        assert sum(post.ehr.requests.values()) == 0


def test_what_has_arrived_is_not_sent_again(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        post.approve()
        post.deliver(4)
        assert post.there() == (1, 1)
        assert post.ehr.requests["POST", "transaction"] == 1


def test_what_is_ours_alone_is_named_by_identifier_there(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        post.approve()
        post.deliver()
        order = order_there(post)
    assert "reference" not in order["basedOn"][0]
    assert order["basedOn"][0]["identifier"]["value"].startswith(f"{NAMES.base}/ServiceRequest/")
    assert {one["reference"] for one in order["reasonReference"]} == {"Condition/pat-disc"}
    guidance, *evidence = order["supportingInfo"]
    assert "reference" not in guidance
    assert all("reference" in one for one in evidence)
    assert "reference" not in order["requester"]


LOST = ["lost_answer", "error_after", "cut_request", "error_before", "html", "slow_commit", "busy"]


@pytest.mark.parametrize("fault", LOST)
def test_whatever_goes_wrong_once_it_arrives_once(clinic: Clinic, fault: str) -> None:
    faults = Faults(**{fault: 1.0}, only=("transaction",), most=1, slow_commit_seconds=0.05)
    with posting(clinic, FakeEhr(faults=faults)) as post:
        post.approve()
        first = post.deliver()
        post.ehr.settle()
        assert first != ["arrived"]
        assert sorted(statuses(clinic)) == sorted(UNSENT)
        assert post.deliver() == ["arrived"]
        assert post.there() == (1, 1)
    assert sorted(statuses(clinic)) == sorted(SENT)


@pytest.mark.parametrize("fault", ["lost_answer", "error_before", "html", "busy"])
def test_while_it_cannot_be_looked_for_nothing_is_sent_again(clinic: Clinic, fault: str) -> None:
    with posting(clinic, FakeEhr(faults=Faults(lost_answer=1.0, only=("transaction",), most=1))) as post:
        post.approve()
        post.deliver()
        post.ehr.faults = Faults(**{fault: 1.0}, only=("search",))
        assert "arrived" not in post.deliver(3)
        assert post.ehr.requests["POST", "transaction"] == 1
        post.ehr.faults = Faults()
        assert post.deliver() == ["arrived"]
        assert post.there() == (1, 1)


def test_what_a_search_does_not_show_yet_is_read_where_it_was_said_to_be(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr(faults=Faults(stale_search=1.0, stale_search_seconds=60))) as post:
        post.approve()
        assert post.deliver() == ["arrived"]
        assert post.there() == (1, 1)


def test_what_neither_a_search_nor_a_read_shows_is_looked_for_again(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr(faults=Faults(html=1.0, only=("search",), most=1))) as post:
        post.approve()
        assert post.deliver() == ["fault"]
        assert post.deliver() == ["arrived"]
        assert (post.there(), post.ehr.requests["POST", "transaction"]) == ((1, 1), 1)


def test_an_order_that_is_kept_without_its_identifier_stops_it(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr(faults=Faults(drop_order=1.0))) as post:
        post.approve()
        assert post.deliver(3) == ["different"]
        assert post.there() == (1, 1)
    assert on_the_list(post) == ["failed"]


def test_of_two_of_a_kind_a_person_is_told_and_nothing_more_is_sent(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr(faults=Faults(double=1.0))) as post:
        post.approve()
        assert post.deliver(4) == ["doubled"]
        assert post.ehr.requests["POST", "transaction"] == 1
        assert states(post) == [("stopped", 1, "doubled")]
    assert task(clinic, "review")["reasonCode"]["coding"][0]["code"] == "sent-twice"
    assert on_the_list(post) == ["failed", "information"]


def test_an_order_of_another_patient_under_our_identifier_stops_it(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr(faults=Faults(error_after=1.0, only=("transaction",), most=1))) as post:
        post.approve()
        post.deliver()
        post.ehr.put({**order_there(post), "subject": {"reference": "Patient/other"}})
        assert post.deliver(2) == ["different"]
    assert on_the_list(post) == ["failed"]


@pytest.mark.parametrize(("status", "category"), [(400, "incorrect"), (401, "forbidden"), (422, "refused")])
def test_what_is_refused_waits_for_a_person(clinic: Clinic, status: int, category: str) -> None:
    with posting(clinic, FakeEhr(), refusing=status) as post:
        post.approve()
        assert post.deliver(3) == [category]
        assert states(post) == [("stopped", 1, category)]
        assert on_the_list(post) == ["failed"]


@pytest.mark.parametrize("looking", [400, 403, 404, 422])
def test_an_ehr_that_lets_nobody_search_is_taken_at_its_word(clinic: Clinic, looking: int) -> None:
    with posting(clinic, FakeEhr(), refusing=200, looking=looking) as post:
        post.approve()
        assert post.deliver(2) == ["arrived"]
        assert states(post) == [("sent", 1, None)]


def test_what_fails_for_long_is_shown_to_people_and_still_tried(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr(faults=Faults(error_before=1.0, only=("transaction",)))) as post:
        post.approve()
        assert post.deliver(4) == ["interrupted"] * 4
        assert on_the_list(post) == ["ready"]
        post.deliver()
        assert on_the_list(post) == ["failed"]
        post.ehr.faults = Faults()
        assert post.deliver() == ["arrived"]
        assert on_the_list(post) == ["acceptance"]


def test_what_has_failed_for_days_is_still_tried(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr(faults=Faults(error_before=1.0, most=2))) as post:
        post.approve()
        post.deliver()
        with clinic.engine.begin() as connection:
            connection.execute(update(message).values(attempts=2000))
        assert post.deliver(2) == ["interrupted", "arrived"]


def test_an_ehr_that_says_when_is_not_asked_before(clinic: Clinic) -> None:
    busy = Faults(busy=1.0, only=("transaction",), most=1, retry_after_seconds=30 * 60)
    with posting(clinic, FakeEhr(faults=busy)) as post:
        post.approve()
        assert post.deliver(2) == ["busy"]
        assert post.deliver() == ["arrived"]


ODD: dict[str, Any] = {
    "an entry of nothing": [None],
    "a location that is none": [{"response": {"location": 7}}],
    "entries that are none": {},
    "an answer in words": [{"response": "201 Created"}],
}


@pytest.mark.parametrize("what", ODD)
def test_an_answer_that_is_no_answer_is_looked_into_again(clinic: Clinic, what: str) -> None:
    with posting(clinic, FakeEhr(), refusing=200, made=ODD[what]) as post:
        post.approve()
        assert post.deliver() == ["fault"]


TWISTED: dict[str, dict[str, Any]] = {
    "identifiers of nothing": {"identifier": [None]},
    "one identifier": {"identifier": {"value": "x"}},
    "no list of them": {"identifier": None},
    "no subject": {"subject": None},
    "a subject in words": {"subject": "Patient/pat"},
}


@pytest.mark.parametrize("what", TWISTED)
def test_an_order_that_cannot_be_read_back_is_looked_into_again(clinic: Clinic, what: str) -> None:
    with posting(clinic, FakeEhr(), refusing=200, looking=200, twist=TWISTED[what]) as post:
        post.approve()
        assert post.deliver() == ["fault"]
        assert states(post) == [("waiting", 1, "fault")]


def test_an_order_that_was_never_tried_is_withdrawn_in_silence(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        post.approve()
        order = next(r for r in clinic.emitted("ServiceRequest") if r["intent"] == "order")
        say(clinic, "withdraw", order)
        assert post.deliver() == []
    assert again(clinic, order)["status"] == "revoked"
    assert on_the_list(post) == ["closed", "review"]


def test_of_an_order_that_may_be_out_a_person_is_told_when_it_is_withdrawn(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr(faults=Faults(lost_answer=1.0))) as post:
        post.approve()
        post.deliver()
        order = next(r for r in clinic.emitted("ServiceRequest") if r["intent"] == "order")
        say(clinic, "withdraw", order)
        assert again(clinic, order)["status"] == "active"
        assert task(clinic, "review")["reasonCode"]["coding"][0]["code"] == "withdrawn-once-sent"
        post.ehr.faults = Faults()
        assert post.deliver() == []
        assert refused(clinic, "withdraw", order)[0].name == "CONFLICT"


def test_an_order_whose_decision_falls_before_it_is_tried_is_never_sent(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        post.approve()
        clinic.post({"condition": "M51.360", "onset": -264, "id": "disc", "verification": "refuted"})
        assert post.deliver() == []
        assert post.there() == (0, 0)
    assert sorted(statuses(clinic)) == [
        ("approve", "cancelled"),
        ("fulfill", "cancelled"),
        ("order", "revoked"),
        ("proposal", "revoked"),
    ]


def test_of_a_sent_order_whose_decision_falls_a_person_is_told(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        post.approve()
        post.deliver()
        clinic.post({"condition": "M51.360", "onset": -264, "id": "disc", "verification": "refuted"})
        assert ("order", "active") in statuses(clinic)
        assert task(clinic, "review")["reasonCode"]["coding"][0]["code"] == "not-supported"
        say(clinic, "complete", task(clinic, "review"))
        assert on_the_list(post) == ["acceptance", "closed"]


def test_two_senders_do_not_take_the_same_order(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr()) as post:
        post.approve()
        assert [len(post.outbox.claim(20)), len(post.outbox.claim(20))] == [1, 0]
