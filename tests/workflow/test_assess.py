"""What an evaluation stores: decisions, proposals, reviews, and what becomes of them later."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from tests.workflow.clinic import EXHAUSTED, TODAY, Clinic, clinic, said

__all__ = ["clinic"]


def test_an_exhausted_trial_drafts_one_proposal_and_asks_for_its_approval(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    assert clinic.outcomes() == [("lumbar", "exhausted")]
    assert clinic.proposals() == [("intradiscal", "routine", "draft")]
    assert clinic.tasks() == [("approve", "requested", ["function-flat"])]
    (request,) = clinic.emitted("ServiceRequest")
    (guidance,) = clinic.emitted("GuidanceResponse")
    assert request["supportingInfo"][0]["reference"] == f"GuidanceResponse/{guidance['id']}/_history/1"
    assert request["reasonReference"] == [{"reference": "Condition/pat-disc"}]
    assert request["reasonCode"][0]["coding"][0]["code"] == "M51.360"
    assert "evaluation" in request["note"][0]["text"]


def test_asking_again_changes_nothing(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    before = [clinic.emitted(kind) for kind in ("ServiceRequest", "Task", "GuidanceResponse")]
    clinic.post(*EXHAUSTED)
    assert [clinic.emitted(kind) for kind in ("ServiceRequest", "Task", "GuidanceResponse")] == before


def test_conditions_entered_in_error_close_the_episode_and_revoke_the_proposal(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    clinic.post({"condition": "M51.360", "onset": -264, "id": "disc", "verification": "entered-in-error"})
    assert clinic.outcomes() == [("lumbar", "no-qualifying-condition")]
    assert clinic.proposals() == [("intradiscal", "routine", "revoked")]
    assert clinic.tasks()[0][1] == "cancelled"
    (guidance,) = clinic.emitted("GuidanceResponse")
    assert said(guidance, "reason") == "refuted"


def test_a_red_flag_suspends_the_proposal_until_it_is_refuted(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    flag = {"condition": "G83.4", "onset": -1, "id": "flag"}
    clinic.post(flag)
    assert sorted(clinic.proposals()) == [
        ("intradiscal", "routine", "on-hold"),
        ("surgical", "stat", "draft"),
    ]
    assert len(clinic.emitted("DetectedIssue")) == 1
    clinic.post({**flag, "verification": "refuted"})
    assert sorted(clinic.proposals()) == [
        ("intradiscal", "routine", "draft"),
        ("surgical", "stat", "revoked"),
    ]
    assert clinic.emitted("DetectedIssue")[0]["status"] == "cancelled"


def test_time_alone_outdates_the_score_and_the_proposal_stands(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    clinic.clock.day = TODAY + timedelta(days=48)
    clinic.evaluate()
    assert clinic.outcomes() == [("lumbar", "exhausted")]
    clinic.clock.day = TODAY + timedelta(days=49)
    clinic.evaluate()
    assert clinic.outcomes() == [("lumbar", "review")]
    assert clinic.proposals() == [("intradiscal", "routine", "draft")]
    assert clinic.tasks() == [("approve", "requested", ["outcome-outdated"])]


def test_improvement_withdraws_the_proposal_and_a_later_relapse_makes_a_new_one(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    better = {"score": "97909-6", "value": 20, "unit": "%", "on": -2, "id": "better"}
    clinic.post(better)
    assert clinic.outcomes() == [("lumbar", "responding")]
    assert clinic.proposals() == [("intradiscal", "routine", "revoked")]
    clinic.post({**better, "status": "entered-in-error"})
    assert sorted(clinic.proposals()) == [
        ("intradiscal", "routine", "draft"),
        ("intradiscal", "routine", "revoked"),
    ]


def test_a_flag_without_an_episode_stands_when_an_episode_opens(clinic: Clinic) -> None:
    clinic.post({"condition": "G83.4", "onset": -3, "id": "flag"})
    assert clinic.outcomes() == [(None, "urgent")]
    clinic.post({"condition": "M51.26", "onset": -30, "id": "disc"})
    assert clinic.outcomes() == [("lumbar", "urgent")]
    assert clinic.proposals() == [("surgical", "stat", "draft")]


def test_a_patient_without_an_episode_gets_one_when_the_condition_arrives(clinic: Clinic) -> None:
    clinic.post({"procedure": "97110", "on": [-20, -10]})
    assert clinic.outcomes() == [(None, "no-qualifying-condition")]
    clinic.post({"condition": "M54.50", "onset": -30, "id": "back"})
    assert clinic.outcomes() == [("lumbar", "in-trial")]


def test_a_review_asks_a_human_and_stops_asking_when_it_is_answered(clinic: Clinic) -> None:
    without_imaging = [item for item in EXHAUSTED if "imaging" not in item]
    clinic.post(*without_imaging)
    assert clinic.tasks() == [("review", "requested", ["imaging-missing"])]
    clinic.post(*EXHAUSTED)
    assert sorted(clinic.tasks()) == [
        ("approve", "requested", ["function-flat"]),
        ("review", "cancelled", ["imaging-missing"]),
    ]


def test_an_older_onset_moves_the_first_day_and_keeps_the_episode_and_its_referral(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    clinic.post({"condition": "M51.360", "onset": -300, "id": "disc"})
    assert len(clinic.emitted("GuidanceResponse")) == 1
    assert clinic.proposals() == [("intradiscal", "routine", "draft")]


OLD = {"condition": "M54.41", "onset": -900, "abated": -700, "clinical": "resolved", "id": "old"}
NEW = {"condition": "M54.41", "onset": -60, "id": "new"}
LINK = {"condition": "M54.50", "onset": -750, "id": "link"}


@pytest.mark.parametrize("order", list(permutations((OLD, NEW))), ids=["old-first", "new-first"])
def test_an_earlier_closed_episode_is_told_whichever_arrives_first(
    clinic: Clinic, order: tuple[dict[str, Any], ...]
) -> None:
    for item in order:
        clinic.post(item)
    assert sorted(clinic.outcomes()) == [("lumbar", "no-qualifying-condition"), ("lumbar", "not-started")]


@pytest.mark.parametrize("order", list(permutations((OLD, NEW, LINK))))
def test_a_condition_that_links_two_episodes_makes_them_one(
    clinic: Clinic, order: tuple[dict[str, Any], ...]
) -> None:
    for item in order:
        clinic.post(item)
    assert clinic.outcomes() == [("lumbar", "not-started")]
    (guidance,) = clinic.emitted("GuidanceResponse")
    assert said(guidance, "episodeStart") == str(TODAY - timedelta(days=900))


def test_an_episode_that_nothing_dates_is_given_no_day(clinic: Clinic) -> None:
    clinic.post({"condition": "M54.50", "id": "back"}, {"procedure": "97110", "on": [-28, -21, -14, -7]})

    (guidance,) = clinic.emitted("GuidanceResponse")
    assert (said(guidance, "outcome"), said(guidance, "reason")) == ("review", "dates-unclear")
    assert "1900" not in str(clinic.emitted("GuidanceResponse") + clinic.emitted("Task"))
    clinic.post({"condition": "M54.50", "id": "back", "onset": -200})
    assert clinic.outcomes() == [("lumbar", "in-trial")]
