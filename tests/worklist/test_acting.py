"""Acting on a referral without any script: two people, wrong forms, forged forms, taking back."""

import httpx
import pytest

from tests.api.people import CAUDA, EXHAUSTED, UNCLEAR, House
from tests.worklist.browsing import Coordinator, Page
from tests.worklist.people import named


def opened(
    who: Coordinator, house: House, name: str, *given: dict[str, object], stage: str = "review"
) -> str:
    """A new patient's referral, open before somebody; the patient."""
    patient = named(house, name, *given)
    show(who, name, stage)
    return patient


def show(who: Coordinator, name: str, stage: str) -> Page:
    who.look_for(stage, name[::-1].replace(" ", "-"))
    return who.open(name)


def test_an_approval_makes_an_order_that_can_be_taken_back(house: House, nora: Coordinator) -> None:
    patient = opened(nora, house, "Fred Ginkgo", *EXHAUSTED)
    assert nora.page.verbs() == {"claim", "approve", "decline", "reassign", "withdraw", "ask", "comment"}
    nora.do("approve", note="Agreed with the family")

    assert house.statuses(patient) == {
        "proposal": "completed",
        "order": "active",
        "approve": "completed",
        "fulfill": "draft",
    }
    (approved,) = [one for one in house.ours(patient, "ServiceRequest") if one["intent"] == "order"]
    assert approved["requester"]["reference"] == "Practitioner/nora"
    show(nora, "Fred Ginkgo", "ready")
    assert nora.page.verbs() == {"withdraw", "close", "print", "entered", "comment"}
    assert "Undo the approval" in nora.page.text
    assert "nora approved it at" in nora.page.text and "and nobody has it yet" in nora.page.text

    nora.do("withdraw", note="The wrong patient")

    assert house.statuses(patient)["order"] == "revoked"
    assert show(nora, "Fred Ginkgo", "closed").verbs() == {"comment"}
    assert "nora withdrew" in nora.page.text and "The wrong patient" in nora.page.text
    house.judge()
    assert "approve" in show(nora, "Fred Ginkgo", "review").verbs(), "it can be decided anew"


def test_whoever_declines_says_why(house: House, nora: Coordinator) -> None:
    patient = opened(nora, house, "Gina Hazel", *EXHAUSTED)
    nora.do("decline", note="not yet")
    assert nora.page.status == 422
    assert "This was not done" in nora.page.text and "Choose why you decline." in nora.page.text
    assert house.statuses(patient)["proposal"] == "draft"

    nora.do("decline", reason="more-care", note="six more weeks")
    assert "Stands declined" in nora.page.text

    assert nora.page.status == 200
    assert house.statuses(patient) == {"proposal": "revoked", "approve": "completed"}
    assert "six more weeks" in nora.page.text


def test_two_people_never_act_on_one_item_unknowingly(
    house: House, nora: Coordinator, omar: Coordinator
) -> None:
    patient = opened(nora, house, "Hans Ivy", *EXHAUSTED)
    show(omar, "Hans Ivy", "review")
    nora.do("claim")

    omar.do("approve")

    assert omar.page.status == 409
    assert "changed this referral while you looked at it" in omar.page.text
    assert "Owner nora" in omar.page.text
    assert house.statuses(patient)["proposal"] == "draft"
    omar.do("approve")
    assert omar.page.status == 200
    assert house.statuses(patient)["proposal"] == "completed"


def test_a_red_flag_is_acknowledged_by_name(house: House, nora: Coordinator) -> None:
    opened(nora, house, "Ida Juniper", CAUDA, stage="red-flag")
    assert "Acknowledge the red flag as nora" in nora.page.html
    nora.do("acknowledge")

    assert "acknowledge" not in nora.page.verbs()
    assert "nora acknowledged the red flag" in nora.page.text
    assert "Acknowledged by nora" in nora.see("/worklist/list/red-flag").text


def test_a_review_is_completed_with_what_was_found_out(house: House, nora: Coordinator) -> None:
    patient = opened(nora, house, "Jan Kapok", *UNCLEAR, stage="information")
    assert nora.page.verbs() == {"claim", "reassign", "complete", "ask", "comment"}
    nora.do("reassign", owner="no such name")
    assert nora.page.status == 422
    nora.do("reassign", owner="omar")
    assert "Owner omar" in nora.page.text
    nora.do("complete", note="The MRI was done elsewhere")

    assert house.statuses(patient) == {"review": "completed"}


def test_what_no_resource_may_hold_is_left_out_of_a_note(house: House, nora: Coordinator) -> None:
    patient = opened(nora, house, "Jon Kauri", *EXHAUSTED)
    nora.do("comment", note="The films\0\x0b are\r\n\there")

    assert [one["note"][0]["text"] for one in house.ours(patient, "Task")] == ["The films are\r\n\there"]


def test_a_form_that_did_not_come_from_here_changes_nothing(house: House, nora: Coordinator) -> None:
    patient = opened(nora, house, "Kira Larch", *EXHAUSTED)
    action, fields = nora.page.form("approve")

    def send(headers: dict[str, str], **changed: str) -> int:
        return nora.http.post(action, data=fields | changed, headers=headers).status_code

    assert send({}, token="") == 403
    assert send({}, token="forged") == 403
    assert send({"Origin": "https://evil.example"}) == 403
    assert httpx.post(str(nora.http.base_url.join(action)), data=fields).status_code == 403
    assert send({}, note="x" * 5000) == 422
    assert send({}, note="x" * 70_000) == 413
    assert house.statuses(patient)["proposal"] == "draft"
    cookies = nora.http.get("/worklist/list/review").headers.get_list("set-cookie")
    assert cookies == [], "what is known already is not set again"
    with httpx.Client(base_url=nora.http.base_url) as stranger:
        (cookie,) = stranger.get("/worklist/list/review").headers.get_list("set-cookie")
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie


@pytest.mark.parametrize("name", ["", "two words", "a/b", "x" * 65, "<b>"])
def test_a_name_that_is_none_is_refused(nora: Coordinator, name: str) -> None:
    action, fields = nora.page.forms[0]
    assert nora.http.post(action, data=fields | {"name": name}).status_code == 400


def test_a_verb_that_there_is_not(house: House, nora: Coordinator) -> None:
    opened(nora, house, "Lena Maple", *EXHAUSTED)
    action, fields = nora.page.form("approve")
    assert nora.http.post(action.replace("approve", "destroy"), data=fields).status_code == 404
