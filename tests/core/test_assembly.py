"""What a decision carries beside its answer: what it rests on, what would have to arrive, and notes."""

from typing import Any

import pytest

from tests.kit.judged import judged

DISC: dict[str, Any] = {"condition": "M51.360", "onset": -200, "id": "disc"}
THERAPY: dict[str, Any] = {
    "procedure": "97110",
    "on": [-150, -140, -130, -120, -110, -100],
    "id": "therapy",
}
DRUG: dict[str, Any] = {"medication": "198014", "from": -150, "supply": 60, "id": "drug"}
IMPROVED: tuple[dict[str, Any], ...] = (
    {"score": "97909-6", "value": 48, "unit": "%", "on": -150, "id": "before"},
    {"score": "97909-6", "value": 20, "unit": "%", "on": -12, "id": "after"},
)
LONG: dict[str, Any] = {"procedure": "97110", "every": {"from": -150, "to": -10, "step": 7}}
MRI: dict[str, Any] = {"imaging": "24968-0", "on": "2026-03", "id": "mri"}


def rests_on(*given: dict[str, Any]) -> list[str]:
    """The resources of the only decision's evidence, in order; without type, patient and version."""
    return [
        reference.partition("/_history/")[0].partition("/pat-")[2] for reference in judged(*given).evidence
    ]


def test_evidence_is_what_the_criteria_rest_on_each_once_in_their_order() -> None:
    visits = [f"therapy-{number}" for number in range(1, 7)]
    assert rests_on(DISC, THERAPY, DRUG, *IMPROVED, MRI) == [
        "disc",
        *visits,
        "drug",
        "before",
        "after",
        "mri",
    ]


def test_under_a_red_flag_the_flag_comes_first_and_the_care_is_no_evidence() -> None:
    assert rests_on(DISC, THERAPY, DRUG, {"condition": "G83.4", "onset": -2, "id": "flag"}) == [
        "flag",
        "disc",
    ]


def test_a_red_flag_without_an_episode_is_evidence_alone() -> None:
    assert rests_on({"condition": "G83.4", "onset": -2, "id": "flag"}) == ["flag"]


def test_where_days_are_unclear_a_criterion_shows_its_earliest_reading() -> None:
    scan = {**MRI, "on": "2025"}
    [imaging] = [c for c in judged(DISC, THERAPY, scan).criteria if c.id == "imaging"]
    assert (imaging.status, imaging.value) == ("unknown", "2025-01-01")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (
            (DISC, {"procedure": "97110", "on": [-20, -13]}),
            ("duration-minimum", "active-therapy", "second-modality", "imaging"),
        ),
        ((DISC, LONG, DRUG, MRI), ("outcome-measure",)),
        ((DISC, LONG, DRUG, *IMPROVED), ()),
        ((DISC, THERAPY, {"condition": "G83.4", "onset": -2}), ()),
        (({"condition": "M54.9", "onset": -20},), ("region-of-condition",)),
        ((), ()),
    ],
    ids=[
        "a trial that has just begun",
        "care that nobody measured",
        "an improving patient: care goes on",
        "a red flag: nothing is waited for",
        "a condition of no region",
        "no condition",
    ],
)
def test_what_would_have_to_arrive(given: tuple[dict[str, Any], ...], missing: tuple[str, ...]) -> None:
    assert judged(*given).missing == missing
