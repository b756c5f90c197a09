"""Every criterion as it is shown: truth, what was measured against what, its source, and what it rests on."""

from typing import Any, NamedTuple

import pytest

from tests.kit.judged import judged

VISITS = {"procedure": "97110", "on": [-150, -140, -130, -120, -110, -100], "id": "therapy"}
MASSAGE = {"procedure": "97124", "on": [-95, -90, -85], "id": "massage"}
EPIDURAL = {"procedure": "62323", "on": -80, "id": "epidural"}
HOME = {"procedure": "183301007", "on": -60, "id": "home"}
DRUG = {"medication": "198014", "from": -150, "supply": 60, "id": "drug"}
DISC = {"condition": "M51.360", "onset": -200, "id": "disc"}
PAIN = {"condition": "M54.50", "onset": -155, "id": "disc"}
ODI: tuple[dict[str, Any], ...] = (
    {"score": "97909-6", "value": 48, "unit": "%", "on": -150, "id": "odi-before"},
    {"score": "97909-6", "value": 46, "unit": "%", "on": -12, "id": "odi-after"},
)
NRS: tuple[dict[str, Any], ...] = (
    {"score": "72514-3", "value": 7, "on": -150, "id": "nrs-before"},
    {"score": "72514-3", "value": 4, "on": -12, "id": "nrs-after"},
)
VAS: tuple[dict[str, Any], ...] = (
    {"score": "38214-3", "value": 60, "unit": "mm", "on": -150, "id": "vas-before"},
    {"score": "38214-3", "value": 60, "unit": "mm", "on": -12, "id": "vas-after"},
)
MRI = {"imaging": "24968-0", "on": -100, "id": "mri"}
THERAPY = tuple(f"therapy-{number}" for number in range(1, 7))
MASSAGES = tuple(f"massage-{number}" for number in range(1, 4))
CARE = (*THERAPY, *MASSAGES, "epidural")

QUALIFYING = "G1 and G2: a spine condition with a region"
ACUTE, CHRONIC = "G2: 6-12 weeks for acute pain", "G2: 3-6 months for chronic disc-related pain"
ACTIVE = "G1: active rehabilitation over passive treatments"
SECOND = "G2: stepped care, one more modality"
RECENT = "Published payer policy: care within the past year"
RESPONSE = "G2: response to treatment; Ostelo 2008 for important change"
CEILING = "G2: signs that a conservative trial has reached its ceiling"
IMAGED = "Published payer policy: imaging within the past year"
HOLD = "Published policy: reasons to wait"


class Shown(NamedTuple):
    """One criterion of one chart."""

    status: str
    value: int | str | None = None
    unit: str | None = None
    threshold: int | None = None
    source: str = ""
    evidence: tuple[str, ...] = ()


def shown(*given: dict[str, Any]) -> dict[str, Shown]:
    """The criteria of the only decision; evidence without type, patient and version."""
    return {
        c.id: Shown(c.status, c.value, c.unit, c.threshold, c.source, tuple(map(_short, c.evidence)))
        for c in judged(*given).criteria
    }


def _short(reference: str) -> str:
    return reference.partition("/_history/")[0].partition("/pat-")[2]


def test_a_chronic_trial_that_failed() -> None:
    assert shown(DISC, VISITS, MASSAGE, EPIDURAL, HOME, DRUG, *ODI, *VAS, MRI) == {
        "qualifying-condition": Shown("met", source=QUALIFYING, evidence=("disc",)),
        # -150 to -86 by therapy, -95 to -71 by massage, to -66 after the epidural
        "duration-minimum": Shown("not-met", 85, "d", 90, CHRONIC, CARE),
        "duration-maximum": Shown("not-met", 85, "d", 180, CHRONIC, CARE),
        "active-therapy": Shown("met", 6, "visit-days", 6, ACTIVE, THERAPY),
        "second-modality": Shown(
            "met",
            "medication, manual, injection, self-management",
            None,
            1,
            SECOND,
            (*MASSAGES, "epidural", "home", "drug"),
        ),
        "recency": Shown("met", "2026-03-13", "mo", 12, RECENT, ("epidural",)),
        "response": Shown(
            "met",
            "pain unimproved, function unimproved",
            source=RESPONSE,
            evidence=("odi-before", "odi-after", "vas-before", "vas-after"),
        ),
        "ceiling-sign": Shown("met", "function-flat", source=CEILING, evidence=("odi-before", "odi-after")),
        "imaging": Shown("met", "2026-02-21", "mo", 12, IMAGED, ("mri",)),
        "no-hold": Shown("met", source=HOLD),
    }


def test_an_acute_trial_past_its_maximum() -> None:
    found = shown(PAIN, VISITS, MASSAGE, EPIDURAL)
    assert found["duration-minimum"] == Shown("met", 85, "d", 42, ACUTE, CARE)
    assert found["duration-maximum"] == Shown("met", 85, "d", 84, ACUTE, CARE)
    assert found["second-modality"] == Shown(
        "met", "manual, injection", None, 1, SECOND, (*MASSAGES, "epidural")
    )
    assert found["response"] == Shown("unknown", source=RESPONSE)
    assert found["ceiling-sign"] == Shown("not-met", source=CEILING)
    assert found["imaging"] == Shown("not-met", None, "mo", 12, IMAGED)


def test_before_any_trial_nothing_is_measured_against_a_class() -> None:
    found = shown(DISC, DRUG, HOME)
    assert found["duration-minimum"] == Shown("not-met", 0, "d", None, ACUTE)
    assert found["duration-maximum"] == Shown("not-met", 0, "d", None, ACUTE)
    assert found["active-therapy"] == Shown("not-met", 0, "visit-days", 6, ACTIVE)
    assert found["second-modality"] == Shown("not-met", None, None, 1, SECOND)
    assert found["recency"] == Shown("met", "2026-03-02", "mo", 12, RECENT, ("drug",))


def test_without_any_treatment_there_is_no_last_one() -> None:
    assert shown(DISC)["recency"] == Shown("not-met", None, "mo", 12, RECENT)


def test_a_course_counts_as_the_fewest_visits_it_may_have_held() -> None:
    course = {"procedure": "97110", "during": [-80, -10], "id": "course"}
    assert shown(PAIN, course)["active-therapy"] == Shown("unknown", 1, "visit-days", 6, ACTIVE, ("course",))


def test_a_course_that_leaves_the_maximum_open_leaves_the_ceiling_open() -> None:
    undated = {"procedure": "97110", "undated": True}
    found = shown(PAIN, VISITS, DRUG, undated)
    assert found["ceiling-sign"] == Shown(
        "met" if found["duration-maximum"].status == "met" else "unknown", source=CEILING
    )


def test_what_is_unknown_is_missing_too() -> None:
    course = {"procedure": "97110", "during": [-80, -10], "id": "course"}
    assert "active-therapy" in judged(PAIN, course).missing


@pytest.mark.parametrize(
    ("scores", "status", "value"),
    [
        (NRS, "not-met", "pain improved"),
        (VAS, "met", "pain unimproved"),
        ((*NRS, *VAS), "unknown", "pain mixed"),
        ((*NRS, *ODI), "unknown", "pain improved, function unimproved"),
        (({**ODI[0], "unit": None}, {**ODI[1], "value": 90}), "unknown", "function unknown"),
    ],
    ids=["improved", "not improved", "one kind mixed", "one kind improved and one not", "unclear"],
)
def test_the_response(scores: tuple[dict[str, Any], ...], status: str, value: str) -> None:
    found = shown(DISC, VISITS, *scores)["response"]
    assert (found.status, found.value, found.source) == (status, value, RESPONSE)
    assert set(found.evidence) == {score["id"] for score in scores}


@pytest.mark.parametrize(("first", "evidence"), [(-179, (*MASSAGES, "drug")), (-180, MASSAGES)])
def test_medication_taken_on_the_trials_first_day_is_evidence(first: int, evidence: tuple[str, ...]) -> None:
    found = shown(DISC, VISITS, MASSAGE, {**DRUG, "from": first, "supply": 30})
    assert found["second-modality"].evidence == evidence


def test_medication_is_evidence_in_the_order_of_its_first_days() -> None:
    drugs = (
        {**DRUG, "from": -100, "supply": 10, "id": "a"},
        {**DRUG, "from": -120, "supply": 60, "id": "b"},
    )
    assert shown(DISC, VISITS, *drugs)["second-modality"].evidence == ("b", "a")


def test_two_ceiling_signs_are_both_named() -> None:
    weekly = {"procedure": "97110", "every": {"from": -150, "to": -10, "step": 7}}
    found = shown(PAIN, weekly, DRUG, *ODI, *VAS)
    assert found["ceiling-sign"].value == "function-flat, persistent-at-maximum"


def test_a_hold_is_named_with_what_it_rests_on() -> None:
    referral = {"order": "308482002", "on": -5, "id": "order"}
    pregnant = {"condition": "Z33.1", "onset": -20}
    assert shown(DISC, referral, pregnant)["no-hold"] == Shown(
        "not-met", "pregnancy, referral-exists", source=HOLD, evidence=("order",)
    )


def test_a_refusal_is_a_hold_too() -> None:
    stenosis = {"condition": "M48.061", "onset": -200}
    weekly = {"procedure": "97110", "every": {"from": -150, "to": -10, "step": 7}, "id": "therapy"}
    refused = {"refuses": "308482002", "on": -3, "id": "refusal"}
    found = shown(stenosis, weekly, DRUG, *ODI, MRI, refused)
    assert found["no-hold"] == Shown("not-met", "declined", source=HOLD, evidence=("refusal",))


def test_a_refusal_of_the_intradiscal_consultation_is_what_the_hold_rests_on() -> None:
    weekly = {"procedure": "97110", "every": {"from": -150, "to": -10, "step": 7}}
    refused = {"refuses": "306265007", "on": -3, "id": "refusal"}
    assert shown(DISC, weekly, DRUG, *ODI, MRI, refused)["no-hold"].evidence == ("refusal",)


def test_a_refusal_holds_nothing_while_the_trial_goes_on() -> None:
    refused = {"refuses": "308482002", "on": -3, "id": "refusal"}
    found = shown({"condition": "M48.061", "onset": -200}, VISITS, refused)
    assert found["no-hold"] == Shown("met", source=HOLD)


def test_under_a_red_flag_all_but_the_condition_is_waived() -> None:
    found = shown(DISC, VISITS, {"condition": "G83.4", "onset": -2})
    assert found["qualifying-condition"] == Shown("met", source=QUALIFYING, evidence=("disc",))
    assert {one.status for name, one in found.items() if name != "qualifying-condition"} == {"waived"}
