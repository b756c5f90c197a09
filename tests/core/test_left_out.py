"""Every fact received and not used is kept with its reason: each on the smallest chart that shows it."""

from typing import Any

import pytest

from tests.kit.judged import decisions

BACK: dict[str, Any] = {"condition": "M54.50", "onset": -60}
NECK: dict[str, Any] = {"condition": "M54.2", "onset": -60}
KNEE = "72696002"
NECK_SITE = "122494005"
OURS = "https://spine-referral.example/fhir/referral|abc"


def reasons(
    *given: dict[str, Any], with_also: tuple[dict[str, Any], ...] = ()
) -> dict[str | None, str | None]:
    """The reason for the item called `it`, as each region's decision gives it."""
    found: dict[str | None, str | None] = {}
    for decision in decisions(*given):
        told = {fact.partition("/_history/")[0].partition("/")[2]: why for fact, why in decision.left_out}
        found[decision.region] = told.get("pat-it")
    return found


CASES: dict[str, tuple[dict[str, Any], str | None]] = {
    "a visit in the trial is used": ({"procedure": "97110", "on": -10}, None),
    "a visit before the episode": ({"procedure": "97110", "on": -100}, "not-in-trial"),
    "a visit to come": ({"procedure": "97110", "on": 5}, "not-yet"),
    "a visit for the knee": ({"procedure": "97110", "on": -10, "site": KNEE}, "other-body-part"),
    "a visit for the neck": ({"procedure": "97110", "on": -10, "site": NECK_SITE}, "other-region"),
    "a visit for the knee that goes on": (
        {"procedure": "97110", "on": -10, "status": "in-progress", "site": KNEE},
        "other-body-part",
    ),
    "a visit without a date": ({"procedure": "97110", "undated": True}, "undated"),
    "a visit that was not done": ({"procedure": "97110", "on": -10, "status": "not-done"}, "not-done"),
    "a visit on hold": ({"procedure": "97110", "on": -10, "status": "on-hold"}, "not-completed"),
    "a visit in error": ({"procedure": "97110", "on": -10, "status": "entered-in-error"}, "entered-in-error"),
    "a visit that goes on": ({"procedure": "97110", "on": -10, "status": "in-progress"}, None),
    "an evaluation": ({"procedure": "97161", "on": -10}, "evaluation"),
    "a plan": ({"procedure": "773513001", "on": -10}, "plan"),
    "a referral that was done": ({"procedure": "308449000", "on": -10}, "plan"),
    "anaesthesia in labour": ({"procedure": "18946005", "on": -10}, "not-a-treatment"),
    "rehabilitation of whatever": ({"procedure": "52052004", "on": -10}, "ambiguous-code"),
    "a brace": ({"procedure": "77476009", "on": -10}, "noted-only"),
    "ultrasound": ({"procedure": "97035", "on": -10}, "noted-only"),
    "ultrasound of the neck": ({"procedure": "97035", "on": -10, "site": NECK_SITE}, "other-region"),
    "a drug before the trial": ({"medication": "198014", "from": -50, "supply": 5}, "not-in-trial"),
    "a drug that is only drafted": ({"medication": "198014", "from": -10, "status": "draft"}, "not-given"),
    "an opioid": ({"medication": "7804", "from": -10}, "noted-only"),
    "a drug for the knee": ({"medication": "198014", "from": -10, "reason": "M17.11"}, "other-body-part"),
    "a drug to come": ({"medication": "198014", "from": 5}, "not-yet"),
    "a preliminary score": (
        {"score": "97909-6", "value": 40, "unit": "%", "on": -10, "status": "preliminary"},
        "not-final",
    ),
    "a score without a date": ({"score": "72514-3", "value": 5}, "undated"),
    "a score out of range": ({"score": "72514-3", "value": 11, "on": -10}, "out-of-range"),
    "a measure that is no instrument": ({"score": "91145-3", "value": 5, "on": -10}, "not-an-instrument"),
    "a neck score of a back": ({"score": "82237-9", "value": 40, "unit": "%", "on": -10}, "other-region"),
    "a score of the knee": ({"score": "72514-3", "value": 5, "on": -10, "site": KNEE}, "other-body-part"),
    "a single score": ({"score": "72514-3", "value": 5, "on": -10}, "not-compared"),
    "a single score of today": ({"score": "72514-3", "value": 5, "on": 0}, "not-compared"),
    "a single score shortly before the trial": ({"score": "72514-3", "value": 5, "on": -20}, "not-compared"),
    "a score long before the trial": ({"score": "72514-3", "value": 5, "on": -43}, "not-in-trial"),
    "a score to come": ({"score": "72514-3", "value": 5, "on": 5}, "not-yet"),
    "a report to come": ({"imaging": "24968-0", "on": 5}, "not-yet"),
    "a single back score of a back": (
        {"score": "97909-6", "value": 40, "unit": "%", "on": -10},
        "not-compared",
    ),
    "a preliminary report": ({"imaging": "24968-0", "on": -10, "status": "preliminary"}, "not-final"),
    "a report of the neck": ({"imaging": "24935-9", "on": -10}, "other-region"),
    "a condition that was refuted": (
        {"condition": "M51.26", "onset": -60, "verification": "refuted"},
        "refuted",
    ),
    "a condition in error": (
        {"condition": "M51.26", "onset": -60, "verification": "entered-in-error"},
        "entered-in-error",
    ),
    "a knee": ({"condition": "M17.11", "onset": -60}, "other-body-part"),
    "an unknown disease": ({"condition": "J45.909", "onset": -60}, "unknown-code"),
    "a diagnosis to come": ({"condition": "M51.26", "onset": 5}, "not-yet"),
    "our own order, echoed": ({"order": "308482002", "on": -5, "identifier": OURS}, "our-own-referral"),
}


@pytest.mark.parametrize("name", CASES)
def test_why_a_fact_of_the_back_is_left_out(name: str) -> None:
    item, expected = CASES[name]
    trial = {"procedure": "97110", "on": -12}
    assert reasons(BACK, trial, {**item, "id": "it"})["lumbar"] == expected


@pytest.mark.parametrize(
    "item",
    [
        {"procedure": "97110", "on": -10},
        {"medication": "198014", "from": -10},
        {"score": "72514-3", "value": 5, "on": -10},
        {"imaging": "30854-4", "on": -10},
    ],
    ids=["visit", "drug", "score", "whole-spine-report"],
)
def test_what_is_tied_to_nothing_is_unclear_where_two_regions_are_open(item: dict[str, Any]) -> None:
    found = reasons(BACK, NECK, {**item, "id": "it"})
    is_whole_spine = "imaging" in item
    expected = None if is_whole_spine else "region-unclear"
    assert found == {"lumbar": expected, "cervical": expected}


@pytest.mark.parametrize(
    "item",
    [
        {"procedure": "97110", "on": -10},
        {"medication": "198014", "from": -10},
        {"score": "72514-3", "value": 5, "on": -10},
    ],
    ids=["visit", "drug", "score"],
)
def test_beside_a_red_flag_nobody_asks_whether_care_is_in_the_trial(item: dict[str, Any]) -> None:
    trial, flag = {"procedure": "97110", "on": -12}, {"condition": "G83.4", "onset": -1}
    assert reasons(BACK, trial, flag, {**item, "id": "it"})["lumbar"] == "not-asked"


def test_a_score_between_those_that_are_compared_is_in_the_trial() -> None:
    """As evidence against: 24 in the middle, where 44 at both ends shows no improvement."""
    trial = {"procedure": "97110", "from": -50, "to": -5, "count": 10}
    ends = tuple({"score": "97909-6", "value": 44, "unit": "%", "on": day} for day in (-50, -2))
    middle = {"score": "97909-6", "value": 24, "unit": "%", "on": -25, "id": "it"}
    assert reasons(BACK, trial, *ends, middle)["lumbar"] == "not-compared"


def test_without_any_episode_a_visit_is_in_no_trial() -> None:
    assert reasons({"procedure": "97110", "on": -10, "site": NECK_SITE, "id": "it"}) == {None: "not-in-trial"}


def test_without_any_episode_a_back_score_is_in_no_trial() -> None:
    assert reasons({"score": "97909-6", "value": 40, "unit": "%", "on": -10, "id": "it"}) == {
        None: "not-in-trial"
    }


def test_without_any_episode_an_untied_visit_is_in_no_trial_and_its_region_is_no_question() -> None:
    assert reasons({"procedure": "97110", "on": -10, "id": "it"}) == {None: "not-in-trial"}
