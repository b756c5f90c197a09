"""What a person has answered, or what has ended, silences nothing that comes later (pathway 7 and 11)."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from referral_service.fake_ehr.server import FakeEhr
from tests.workflow.answers import CAUDA, IN_TRIAL, proposal, say, task
from tests.workflow.clinic import EXHAUSTED, TODAY, Clinic, clinic
from tests.workflow.delivery import posting
from tests.workflow.test_track import REPORT, sent, tell

__all__ = ["clinic"]

FOOT_DROP = {"condition": "M21.372", "onset": -3, "id": "foot-drop"}
BACK = {"condition": "M54.50", "onset": -200, "id": "back"}
# Began after the foot drop, which does not reach it.
NECK = {"condition": "M54.2", "onset": -10, "id": "neck"}
NECK_FLAG = {"condition": "M50.01", "onset": -5, "id": "neck-flag"}
OF_THE_BACK = {**FOOT_DROP, "onset": -30}
LATER = 40
GRAVER = {"condition": "G83.4", "onset": LATER, "id": "later"}


def later(clinic: Clinic, days: int = LATER) -> None:
    clinic.clock.day = TODAY + timedelta(days=days)


def drafts(clinic: Clinic) -> list[str]:
    return [one["priority"] for one in clinic.emitted("ServiceRequest") if one["status"] == "draft"]


@pytest.mark.parametrize("days", [1, LATER])
def test_a_graver_flag_after_an_approval_is_asked_about_at_once(clinic: Clinic, days: int) -> None:
    """The order for the first one is still out: a person sees both, sooner than nobody the second."""
    clinic.post(IN_TRIAL, FOOT_DROP)
    first = proposal(clinic)
    order = say(clinic, "approve", first)
    later(clinic, days)
    clinic.post({**GRAVER, "onset": days})
    second = proposal(clinic)
    assert (second["priority"], second["status"]) == ("stat", "draft")
    assert second["identifier"] != first["identifier"]
    assert "Condition/pat-later" in second["note"][0]["text"]
    asked = task(clinic)
    assert (asked["priority"], asked["status"]) == ("stat", "requested")
    assert asked["focus"]["reference"].endswith(second["id"])
    assert [one["status"] for one in clinic.emitted("ServiceRequest") if one["id"] == order["id"]] == [
        "active"
    ]


@pytest.mark.parametrize("ended", ["report", "close"])
def test_a_flag_after_a_loop_that_has_ended_is_asked_about_at_once(clinic: Clinic, ended: str) -> None:
    clinic.post(IN_TRIAL, FOOT_DROP)
    with posting(clinic, FakeEhr()) as post:
        fulfillment = sent(post)
        if ended == "report":
            tell(post, status="accepted")
            tell(post, status="completed", output=REPORT)
        else:
            order = next(r for r in clinic.emitted("ServiceRequest") if r["intent"] == "order")
            tell(post, status="rejected")
            say(clinic, "close", order, reason="seen-elsewhere")
        assert drafts(clinic) == [], "the same flag is not asked about again"
        later(clinic)
        clinic.post(GRAVER)
        assert drafts(clinic) == ["stat"]
        assert fulfillment["id"] == task(clinic, "fulfill")["id"]


def test_flags_that_follow_each_other_are_each_asked_about(clinic: Clinic) -> None:
    for number, (code, day) in enumerate({"S32.010A": -2, "C79.51": 50, "G83.4": 110}.items()):
        later(clinic, day + 2)
        clinic.post({"condition": code, "onset": day, "id": f"flag-{number}"})
        assert len(drafts(clinic)) == 1, code
        say(clinic, "approve", proposal(clinic))
        clinic.post({"procedure": "97110", "on": day, "id": f"visit-{number}"})
        assert drafts(clinic) == [], "what is approved is not asked about again"


def test_the_same_flag_again_and_one_flag_fewer_draft_nothing_new(clinic: Clinic) -> None:
    clinic.post(IN_TRIAL, FOOT_DROP, CAUDA)
    say(clinic, "approve", proposal(clinic))
    clinic.post({**CAUDA, "id": "again"})
    clinic.post({**FOOT_DROP, "verification": "entered-in-error"})
    assert drafts(clinic) == []


def test_a_draft_for_a_flag_that_is_refuted_goes_and_the_approved_one_stands(clinic: Clinic) -> None:
    clinic.post(IN_TRIAL, FOOT_DROP)
    order = say(clinic, "approve", proposal(clinic))
    clinic.post(CAUDA)
    assert drafts(clinic) == ["stat"]
    clinic.post({**CAUDA, "verification": "refuted"})
    assert drafts(clinic) == []
    assert {one["id"]: one["status"] for one in clinic.emitted("ServiceRequest")}[order["id"]] == "active"
    assert [one["status"] for one in clinic.emitted("Task")].count("requested") == 0


def test_a_flag_whose_day_comes_is_told_on_the_urgent_proposal_that_is_open(clinic: Clinic) -> None:
    clinic.post(IN_TRIAL, {"condition": "S32.010A", "onset": -2, "id": "fracture"}, {**GRAVER, "onset": 1})
    assert drafts(clinic) == ["urgent"]
    later(clinic, 1)
    clinic.evaluate()
    assert drafts(clinic) == ["stat"]
    assert "Condition/pat-later" in proposal(clinic)["note"][0]["text"]
    assert (task(clinic)["priority"], task(clinic)["status"]) == ("stat", "requested")


def test_a_flag_whose_day_comes_after_a_decline_is_asked_about(clinic: Clinic) -> None:
    clinic.post(IN_TRIAL, {"condition": "S32.010A", "onset": -2, "id": "fracture"}, {**GRAVER, "onset": 1})
    say(clinic, "decline", proposal(clinic), reason="not-indicated")
    assert drafts(clinic) == []
    later(clinic, 1)
    clinic.evaluate()
    assert drafts(clinic) == ["stat"]


def test_a_trial_that_fails_anew_after_a_closed_loop_is_referred_anew(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    with posting(clinic, FakeEhr()) as post:
        sent(post)
        tell(post, status="accepted")
        tell(post, status="completed", output=REPORT)
        assert drafts(clinic) == [], "the same evidence is not referred twice"
        clinic.post({"score": "97909-6", "value": 20, "unit": "%", "on": -5, "id": "better"})
        assert clinic.outcomes() == [("lumbar", "responding")]
        clinic.post({"score": "97909-6", "value": 48, "unit": "%", "on": -1, "id": "worse-again"})
        assert clinic.outcomes() == [("lumbar", "exhausted")]
        assert drafts(clinic) == ["routine"]


def test_while_an_order_is_out_a_trial_that_fails_anew_is_not_referred_twice(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    say(clinic, "approve", proposal(clinic))
    with posting(clinic, FakeEhr()) as post:
        post.deliver()
        clinic.post({"score": "97909-6", "value": 20, "unit": "%", "on": -5, "id": "better"})
        clinic.post({"score": "97909-6", "value": 48, "unit": "%", "on": -1, "id": "worse-again"})
        assert clinic.outcomes() == [("lumbar", "exhausted")]
        assert drafts(clinic) == []


def test_a_flag_of_one_episode_is_asked_about_after_an_approval_for_another(clinic: Clinic) -> None:
    clinic.post(BACK, NECK, NECK_FLAG)
    say(clinic, "approve", proposal(clinic))
    clinic.post(OF_THE_BACK)
    assert drafts(clinic) == ["urgent"]
    assert "Condition/pat-foot-drop" in proposal(clinic)["note"][0]["text"]
    say(clinic, "approve", proposal(clinic))
    clinic.post({"procedure": "97110", "on": -1, "id": "visit"})
    assert drafts(clinic) == []


@pytest.mark.parametrize("at_once", [True, False])
def test_the_one_urgent_proposal_tells_of_the_flags_of_every_episode(clinic: Clinic, at_once: bool) -> None:
    clinic.post(BACK, NECK, NECK_FLAG, *([OF_THE_BACK] if at_once else []))
    clinic.post(OF_THE_BACK)
    told = proposal(clinic)
    assert told["status"] == "draft"
    assert [name in told["note"][0]["text"] for name in ("pat-neck-flag", "pat-foot-drop")] == [True, True]
    reasons = [one["reference"] for one in told["reasonReference"]]
    assert reasons == ["Condition/pat-neck", "Condition/pat-neck-flag", "Condition/pat-foot-drop"]
    assert {coding["code"] for one in told["reasonCode"] for coding in one["coding"]} >= {"M50.01", "M21.372"}
    clinic.post({**OF_THE_BACK, "verification": "entered-in-error"})
    assert "pat-foot-drop" not in proposal(clinic)["note"][0]["text"]


def test_an_infection_of_one_episode_and_a_foot_drop_of_another_are_a_surgeon_s(clinic: Clinic) -> None:
    clinic.post(BACK, NECK, {"condition": "M46.22", "onset": -5, "id": "neck-flag"})
    assert proposal(clinic)["code"]["text"].startswith("Urgent medical assessment")
    clinic.post(OF_THE_BACK)
    assert proposal(clinic)["code"]["text"] == "Urgent spine surgical consultation"


@pytest.mark.parametrize("arrival", list(permutations((BACK, NECK, NECK_FLAG, OF_THE_BACK))))
def test_the_one_urgent_proposal_is_for_the_region_of_the_hard_flag_whatever_came_first(
    clinic: Clinic, arrival: tuple[dict[str, object], ...]
) -> None:
    for one in arrival:
        clinic.post(one)
    (told,) = [one for one in clinic.emitted("ServiceRequest") if one["status"] == "draft"]
    (neck,) = [one for one in clinic.emitted("GuidanceResponse") if region_of(one) == "cervical"]
    assert told["supportingInfo"][0]["reference"].startswith(f"GuidanceResponse/{neck['id']}/")
    clinic.post({**NECK_FLAG, "verification": "refuted"})
    (told,) = [one for one in clinic.emitted("ServiceRequest") if one["status"] == "draft"]
    (back,) = [one for one in clinic.emitted("GuidanceResponse") if region_of(one) == "lumbar"]
    assert told["supportingInfo"][0]["reference"].startswith(f"GuidanceResponse/{back['id']}/")


def region_of(guidance: dict[str, Any]) -> str:
    (answered,) = guidance["contained"]
    return next((one["valueCode"] for one in answered["parameter"] if one["name"] == "region"), "")


def test_an_urgent_proposal_that_went_elsewhere_leaves_room_for_the_next(clinic: Clinic) -> None:
    clinic.post(BACK, NECK, OF_THE_BACK)
    clinic.post(NECK_FLAG)
    say(clinic, "approve", proposal(clinic))
    clinic.post({**NECK_FLAG, "verification": "refuted"})
    clinic.post({"condition": "R15.9", "onset": -2, "id": "bowel"})
    asked = [one for one in clinic.emitted("ServiceRequest") if one["intent"] == "proposal"]
    assert sorted(one["status"] for one in asked) == ["completed", "draft"]
    assert len({one["identifier"][0]["value"] for one in asked}) == 2
