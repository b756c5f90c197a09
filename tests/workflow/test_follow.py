"""What stays open says what is known today, and all that is emitted is valid R4."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from referral_service.fhir.check import check
from referral_service.store.tables import fact
from tests.workflow.clinic import EXHAUSTED, TODAY, Clinic, clinic

__all__ = ["clinic"]


def request(clinic: Clinic, target: str) -> dict[str, Any]:
    (found,) = [
        r
        for r in clinic.emitted("ServiceRequest")
        if r["orderDetail"][0]["coding"][0]["code"] == target and r["status"] != "revoked"
    ]
    return found


def told(resource: dict[str, Any]) -> list[str]:
    return [c["code"] for concept in resource["reasonCode"] for c in concept["coding"]]


def test_a_second_flag_is_told_on_the_urgent_proposal_that_is_open(clinic: Clinic) -> None:
    clinic.post({"condition": "M51.26", "onset": -30, "id": "disc"})
    clinic.post({"condition": "G83.4", "onset": -3, "id": "first"})
    clinic.post({"condition": "G06.1", "onset": -2, "id": "second"})
    assert clinic.proposals() == [("surgical", "stat", "draft")]
    open_one = request(clinic, "surgical")
    assert told(open_one) == ["M51.26", "G83.4", "G06.1"]
    assert "Condition/pat-second" in open_one["note"][0]["text"]
    assert [i["status"] for i in clinic.emitted("DetectedIssue")] == ["preliminary", "preliminary"]


def test_a_sign_that_a_human_has_to_judge_is_not_called_off_by_a_graver_flag(clinic: Clinic) -> None:
    clinic.post({"condition": "M51.26", "onset": -30, "id": "disc"})
    clinic.post({"condition": "R33.9", "onset": -3, "id": "retention"})
    clinic.post({"condition": "G83.4", "onset": -2, "id": "cauda"})
    assert {
        i["implicated"][0]["reference"]: (i["status"], i["code"]["coding"][0]["code"])
        for i in clinic.emitted("DetectedIssue")
    } == {
        "Condition/pat-retention": ("preliminary", "possible-red-flag"),
        "Condition/pat-cauda": ("preliminary", "red-flag-hard"),
    }


def test_a_retracted_diagnosis_leaves_the_open_proposal(clinic: Clinic) -> None:
    tear = {"condition": "M51.A1", "onset": -264, "id": "tear"}
    clinic.post(*EXHAUSTED, tear)
    clinic.post({"condition": "M51.360", "onset": -264, "id": "disc", "verification": "entered-in-error"})
    open_one = request(clinic, "intradiscal")
    assert told(open_one) == ["M51.A1"]
    assert open_one["reasonReference"] == [{"reference": "Condition/pat-tear"}]


def test_a_veterans_coverage_that_arrives_late_is_attached(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    clinic.post({"coverage": "VET", "id": "va"})
    open_one = request(clinic, "intradiscal")
    assert open_one["insurance"] == [{"reference": "Coverage/pat-va"}]
    assert "the VA makes the coverage decision" in open_one["note"][0]["text"]


def test_a_flag_told_before_the_episode_opened_is_one_issue_and_is_cancelled(clinic: Clinic) -> None:
    flag = {"condition": "G83.4", "onset": -3, "id": "flag"}
    clinic.post(flag)
    clinic.post({"condition": "M51.26", "onset": -30, "id": "disc"})
    assert [i["status"] for i in clinic.emitted("DetectedIssue")] == ["preliminary"]
    (guidance,) = clinic.emitted("GuidanceResponse")
    rests_on = request(clinic, "surgical")["supportingInfo"][0]["reference"]
    assert rests_on.startswith(f"GuidanceResponse/{guidance['id']}/")
    clinic.post({**flag, "verification": "refuted"})
    assert [i["status"] for i in clinic.emitted("DetectedIssue")] == ["cancelled"]


def test_what_is_left_out_is_told_whenever_it_arrives(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    clinic.post({"procedure": "97110", "on": -100, "site": "72696002", "id": "knee"})
    (guidance,) = clinic.emitted("GuidanceResponse")
    left_out = [p["part"] for p in guidance["contained"][0]["parameter"] if p["name"] == "leftOut"]
    assert ["Procedure/pat-knee/_history/1", "other-body-part"] in [
        [part[0]["valueReference"]["reference"], part[1]["valueCode"]] for part in left_out
    ]


def test_an_encounter_alone_writes_no_decision_again(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    before = clinic.emitted("GuidanceResponse")
    encounter = {
        "resourceType": "Encounter",
        "id": "visit",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": "Patient/pat"},
    }
    clinic.put(encounter)
    clinic.evaluate()
    assert clinic.emitted("GuidanceResponse") == before


def test_a_clock_that_is_shifted_no_more_decides_again(clinic: Clinic) -> None:
    clinic.post({"condition": "M51.26", "onset": -30}, {"condition": "G83.4", "onset": -3})
    clinic.clock.day = TODAY + timedelta(days=400)
    clinic.evaluate()
    assert clinic.outcomes() == [("lumbar", "not-started")]
    clinic.clock.day = TODAY
    clinic.evaluate()
    assert clinic.outcomes() == [("lumbar", "urgent")]


@pytest.mark.parametrize(
    "given",
    [
        (),
        ({"condition": "M46.26", "onset": -3},),
        ({"condition": "M51.26", "onset": -30}, {"condition": "R33.9", "onset": -3}),
        ({"condition": "M51.26", "onset": -30}, {"condition": "M21.372", "onset": -3}),
        tuple(EXHAUSTED),
        tuple(EXHAUSTED[:-1]),
        ({"condition": "M54.9", "onset": -30},),
    ],
    ids=["nothing", "infection", "possible-flag", "foot-drop", "exhausted", "no-imaging", "no-region"],
)
def test_all_that_is_emitted_is_valid_r4(clinic: Clinic, given: tuple[dict[str, Any], ...]) -> None:
    clinic.post(*given)
    kinds = ("GuidanceResponse", "ServiceRequest", "Task", "Provenance", "DetectedIssue")
    emitted = [resource for kind in kinds for resource in clinic.emitted(kind)]
    assert emitted
    assert [issue for resource in emitted for issue in check(resource)] == []


def test_an_urgent_decision_without_an_episode_waives_the_trial(clinic: Clinic) -> None:
    clinic.post({"condition": "M46.26", "onset": -3})
    (guidance,) = clinic.emitted("GuidanceResponse")
    criteria = [p["part"] for p in guidance["contained"][0]["parameter"] if p["name"] == "criterion"]
    statuses = {part[0]["valueCode"]: part[1]["valueCode"] for part in criteria}
    assert statuses.pop("qualifying-condition") == "not-met"
    assert set(statuses.values()) == {"waived"}


def test_a_record_that_cannot_be_read_holds_nobody_else_up(clinic: Clinic) -> None:
    for patient in ("spoilt", "sound"):
        clinic.post({"condition": "G83.4", "onset": -3}, patient=patient, evaluate=False)
    with clinic.engine.begin() as connection:
        connection.execute(update(fact).where(fact.c.patient == "spoilt").values(body=b"{"))
    clinic.evaluate()
    subjects = [g["subject"]["reference"] for g in clinic.emitted("GuidanceResponse")]
    assert subjects == ["Patient/sound"]
