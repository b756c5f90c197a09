"""A person answers: what is written, what the ledger says, and what the worker makes of it afterwards."""

from datetime import datetime, timedelta

import pytest

from referral_service.core.problem import Category
from referral_service.fhir.check import check
from referral_service.workflow.ports import DEFAULT_TENANT
from tests.workflow.answers import (
    CAUDA,
    DOCTOR,
    IN_TRIAL,
    NURSE,
    RETENTION,
    ROLE,
    again,
    lines,
    proposal,
    refused,
    say,
    statuses,
    task,
    told_by_people,
)
from tests.workflow.clinic import CANONICAL, EXHAUSTED, Clinic, clinic

__all__ = ["clinic"]


def test_an_approval_makes_one_order_with_its_task(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    asked = proposal(clinic)
    order = say(clinic, "approve", asked, note="Agreed.")
    assert statuses(clinic) == [
        ("proposal", "completed"),
        ("order", "active"),
        ("approve", "completed"),
        ("fulfill", "draft"),
    ]
    (number,) = asked["identifier"]
    assert order["identifier"] == [{**number, "value": f"{number['value']}|order"}]
    assert order["basedOn"] == [{"reference": f"ServiceRequest/{asked['id']}"}]
    assert order["requester"] == {"reference": NURSE}
    assert order["note"][0] == asked["note"][0]
    assert (order["note"][1]["text"], order["note"][1]["authorReference"]["reference"]) == ("Agreed.", NURSE)
    same = ("code", "subject", "reasonCode", "reasonReference", "orderDetail", "supportingInfo", "priority")
    assert {name: order[name] for name in same} == {name: asked[name] for name in same}
    fulfill = task(clinic, "fulfill")
    assert fulfill["focus"] == {"reference": f"ServiceRequest/{order['id']}"}
    begun, due = fulfill["authoredOn"], fulfill["restriction"]["period"]["end"]
    assert datetime.fromisoformat(due) - datetime.fromisoformat(begun) == timedelta(hours=1)
    assert "note" not in task(clinic)


def test_who_approved_is_in_the_ledger_and_in_a_provenance(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    asked, review = proposal(clinic), task(clinic)
    order = say(clinic, "approve", asked)
    about = f"ServiceRequest/{asked['id']}"
    assert lines(clinic) == [("approved", about, NURSE, f'{{"order":"{order["id"]}"}}')]
    made = [order["id"], task(clinic, "fulfill")["id"]]
    targets = [
        f"{about}/_history/2",
        f"ServiceRequest/{made[0]}/_history/1",
        f"Task/{made[1]}/_history/1",
        f"Task/{review['id']}/_history/2",
    ]
    assert told_by_people(clinic) == [("approve", NURSE, targets)]
    assert clinic.store.verify_ledger(DEFAULT_TENANT).broken_at is None


def test_a_declined_proposal_comes_back_only_with_another_answer(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    asked = proposal(clinic)
    declined = say(clinic, "decline", asked, actor=ROLE, reason="not-now", note="After the summer.")
    assert declined["status"] == "revoked"
    assert statuses(clinic) == [("proposal", "revoked"), ("approve", "completed")]
    (output,) = task(clinic)["output"]
    assert output["type"]["coding"] == [{"system": f"{CANONICAL}/CodeSystem/task", "code": "reason"}]
    assert output["valueCodeableConcept"] == {"coding": [{"code": "not-now"}]}
    (note,) = task(clinic)["note"]
    assert (note["text"], note["authorString"]) == ("After the summer.", ROLE)
    assert lines(clinic) == [("declined", f"ServiceRequest/{asked['id']}", ROLE, '{"reason":"not-now"}')]
    clinic.post({"condition": "M48.061", "onset": -264, "id": "stenosis"})
    assert proposal(clinic)["orderDetail"][0]["coding"][0]["code"] == "surgical"


def test_what_a_person_withdraws_is_revoked_and_drafted_anew_while_it_stands(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    asked = proposal(clinic)
    assert say(clinic, "withdraw", asked, reason="mistaken")["status"] == "revoked"
    assert task(clinic)["status"] == "requested"
    assert [t["status"] for t in clinic.emitted("Task")] == ["cancelled", "requested"]
    assert proposal(clinic)["identifier"] != asked["identifier"]


@pytest.mark.parametrize("of", ["proposal", "order"])
def test_an_order_that_was_not_sent_is_withdrawn_with_its_proposal(clinic: Clinic, of: str) -> None:
    clinic.post(*EXHAUSTED)
    asked = proposal(clinic)
    order = say(clinic, "approve", asked)
    about = asked if of == "proposal" else order
    withdrawn = say(clinic, "withdraw", about)
    assert (withdrawn["id"], withdrawn["status"]) == (about["id"], "revoked")
    before, of_first = proposal(clinic), (asked["id"], order["id"])
    assert before["id"] not in of_first
    assert [again(clinic, one)["status"] for one in (asked, order)] == ["revoked", "revoked"]
    assert statuses(clinic)[3:6] == [
        ("approve", "cancelled"),
        ("fulfill", "cancelled"),
        ("approve", "requested"),
    ]


def test_the_worker_leaves_an_approved_referral_alone_while_its_decision_stands(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    say(clinic, "approve", proposal(clinic))
    before = clinic.emitted("ServiceRequest"), clinic.emitted("Task")
    clinic.post({"procedure": "97110", "on": -3, "id": "one-more"})
    assert clinic.outcomes() == [("lumbar", "exhausted")]
    assert (clinic.emitted("ServiceRequest"), clinic.emitted("Task")) == before


def test_a_red_flag_is_acknowledged_and_stands(clinic: Clinic) -> None:
    clinic.post(IN_TRIAL, CAUDA)
    asked = proposal(clinic)
    before = clinic.emitted("ServiceRequest"), clinic.emitted("Task")
    assert say(clinic, "acknowledge", asked) == asked
    assert (clinic.emitted("ServiceRequest"), clinic.emitted("Task")) == before
    assert lines(clinic) == [("acknowledged", f"ServiceRequest/{asked['id']}", NURSE, "{}")]
    assert told_by_people(clinic) == [("acknowledge", NURSE, [f"ServiceRequest/{asked['id']}/_history/1"])]
    already = (Category.CONFLICT, "The red flag is acknowledged already.")
    assert refused(clinic, "acknowledge", asked) == already
    assert refused(clinic, "acknowledge", task(clinic)) == already


def test_another_flag_has_been_acknowledged_by_nobody(clinic: Clinic) -> None:
    clinic.post(IN_TRIAL, CAUDA)
    say(clinic, "acknowledge", proposal(clinic))
    clinic.post({"condition": "G06.1", "onset": -2, "id": "abscess"})
    say(clinic, "acknowledge", task(clinic), actor=DOCTOR)
    assert [who for _, _, who, _ in lines(clinic)] == [NURSE, DOCTOR]


def test_a_possible_red_flag_is_acknowledged_on_its_review(clinic: Clinic) -> None:
    clinic.post(IN_TRIAL, RETENTION)
    review = task(clinic, "review")
    assert say(clinic, "acknowledge", review) == review
    assert lines(clinic) == [("acknowledged", f"Task/{review['id']}", NURSE, "{}")]


def test_a_task_is_claimed_handed_on_and_given_back(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    asked = task(clinic)
    claimed = say(clinic, "claim", asked)
    assert (claimed["status"], claimed["owner"]["reference"]) == ("in-progress", NURSE)
    assert refused(clinic, "claim", asked, actor=DOCTOR) == (
        Category.CONFLICT,
        "The request is draft, its Task is in-progress (claimed): too late or too early for $claim.",
    )
    handed = say(clinic, "reassign", asked, owner=DOCTOR)
    assert handed["owner"] == {"reference": DOCTOR}
    assert say(clinic, "reassign", asked, owner=DOCTOR) == handed
    released = say(clinic, "release", asked)
    assert (released["status"], "owner" in released) == ("requested", False)
    assert [(kind, detail) for kind, _, _, detail in lines(clinic)] == [
        ("claimed", "{}"),
        ("reassigned", f'{{"owner":"{DOCTOR}"}}'),
        ("released", "{}"),
    ]
    assert [verb for verb, _, _ in told_by_people(clinic)] == ["claim", "reassign", "release"]
    assert proposal(clinic)["status"] == "draft"


def test_a_claim_outlives_what_the_worker_writes_on_the_task(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    say(clinic, "claim", task(clinic))
    clinic.post(CAUDA)
    waiting = again(clinic, next(t for t in clinic.emitted("Task") if t["status"] == "on-hold"))
    assert waiting["owner"] == {"reference": NURSE}
    assert refused(clinic, "approve", clinic.emitted("ServiceRequest")[0])[0] is Category.CONFLICT
    clinic.post({**CAUDA, "verification": "refuted"})
    assert again(clinic, waiting)["status"] == "in-progress"
    clinic.clock.day += timedelta(days=70)
    clinic.evaluate()
    restated = again(clinic, waiting)
    assert restated["reasonCode"] != waiting["reasonCode"]
    assert (restated["status"], restated["owner"]) == ("in-progress", {"reference": NURSE})


def test_a_review_that_is_done_is_not_asked_again_until_the_answer_differs(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED[:-1])
    review = task(clinic, "review")
    done = say(clinic, "complete", review, reason="mri-booked")
    assert (done["status"], done["output"][0]["valueCodeableConcept"]["coding"]) == (
        "completed",
        [{"code": "mri-booked"}],
    )
    clinic.post({"procedure": "97110", "on": -3, "id": "one-more"})
    assert [t["status"] for t in clinic.emitted("Task")] == ["completed"]
    clinic.post(EXHAUSTED[-1])
    clinic.post({**EXHAUSTED[-1], "status": "entered-in-error"})
    assert [s for s in statuses(clinic) if s[0] == "review"] == [
        ("review", "completed"),
        ("review", "requested"),
    ]


def test_what_does_not_fit_is_refused(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    assert refused(clinic, "complete", task(clinic))[0] is Category.REFUSED
    assert refused(clinic, "acknowledge", proposal(clinic))[0] is Category.REFUSED
    assert refused(clinic, "approve", proposal(clinic), expected=7)[0] is Category.CONFLICT
    order = say(clinic, "approve", proposal(clinic))
    assert refused(clinic, "claim", task(clinic, "fulfill"))[0] is Category.REFUSED
    assert refused(clinic, "decline", order) == (
        Category.CONFLICT,
        "The request is completed, its Task is completed (approved): too late or too early for $decline.",
    )


def test_all_that_answers_write_is_valid_r4(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    say(clinic, "claim", task(clinic), actor=ROLE)
    say(clinic, "approve", proposal(clinic), actor=ROLE, note="Agreed.")
    clinic.post(CAUDA)
    say(clinic, "decline", proposal(clinic), reason="known", note="Known since 2010.")
    emitted = [r for kind in ("ServiceRequest", "Task", "Provenance") for r in clinic.emitted(kind)]
    assert [issue for resource in emitted for issue in check(resource)] == []
    assert len(emitted) > 8
