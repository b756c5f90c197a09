"""What belongs to the region when the route is chosen: earlier treatment, surgery and findings."""

import pytest
from msgspec.structs import replace

from referral_service.core.timeline import AnyFact, Imaging
from tests.core.asked import Said, answers
from tests.kit.charts import ADULT, EXHAUSTED, condition, numbered, visit
from tests.kit.words import LUMBAR, UNTIED, at, meant

NECK = condition(meant("neck_pain", "cervical"), -100)
BEFORE = visit("percutaneous_disc_decompression", -300, "lumbar")
FUSED = condition(meant("fusion_of_spine_status", "lumbar"), -900)
EXTRUDED = Imaging(source="", findings=("disc_extrusion",), at=at(-20), status="final", tie=LUMBAR)


def lumbar(*more: AnyFact) -> Said:
    """What is said of a back whose care has failed, with these facts more."""
    return answers(numbered((ADULT, *EXHAUSTED, *more)))["lumbar"]


@pytest.mark.parametrize(
    ("treatment", "target"),
    [
        (BEFORE, "surgical"),
        (replace(BEFORE, tie=UNTIED), "surgical"),
        (replace(BEFORE, start=None), "surgical"),
        (replace(BEFORE, start=at(1)), "intradiscal"),
        (visit("percutaneous_disc_decompression", -300, "cervical"), "intradiscal"),
    ],
    ids=["of the back", "of the only open region", "on an unknown day", "to come", "of the neck"],
)
def test_an_earlier_intradiscal_treatment(treatment: AnyFact, target: str) -> None:
    assert lumbar(treatment)[:2] == ("exhausted", target)


def test_an_earlier_treatment_of_an_unnamed_region_counts_for_neither_of_two() -> None:
    assert lumbar(NECK, replace(BEFORE, tie=UNTIED))[:2] == ("exhausted", "intradiscal")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (FUSED, "review"),
        (condition(meant("fusion_of_spine_status"), -900), "review"),
        (condition(meant("fusion_of_spine_status", "cervical"), -900), "exhausted"),
        (replace(FUSED, onset=at(1)), "exhausted"),
        (replace(FUSED, clinical="inactive"), "exhausted"),
        (replace(FUSED, meanings=(*FUSED.meanings, meant("low_back_pain", "lumbar"))), "review"),
    ],
    ids=["of the back", "of the only open region", "of the neck", "to come", "over", "coded as pain too"],
)
def test_a_condition_after_spine_surgery(status: AnyFact, outcome: str) -> None:
    assert lumbar(status)[0] == outcome


def test_a_condition_after_surgery_of_an_unnamed_region_counts_for_neither_of_two() -> None:
    assert lumbar(NECK, condition(meant("fusion_of_spine_status"), -900))[0] == "exhausted"


@pytest.mark.parametrize(("onset", "target"), [(-100, "surgical"), (1, "intradiscal")])
def test_a_malignancy_is_a_reason_against_from_its_first_day_on(onset: int, target: str) -> None:
    assert lumbar(condition(meant("bone_metastasis"), onset))[:2] == ("exhausted", target)


@pytest.mark.parametrize(
    ("finding", "target"),
    [
        (EXTRUDED, "surgical"),
        (replace(EXTRUDED, tie=UNTIED), "surgical"),
        (replace(EXTRUDED, at=at(1)), "intradiscal"),
    ],
    ids=["of the back", "of the only open region", "to come"],
)
def test_an_extrusion_that_imaging_coded(finding: AnyFact, target: str) -> None:
    assert lumbar(finding)[1] == target
