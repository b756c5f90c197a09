"""What was long ago when the route is chosen: surgery that only a Condition tells of, an injection before."""

import pytest
from msgspec.structs import replace

from referral_service.core.timeline import AnyFact
from tests.core.asked import Said, answers, asked
from tests.kit.charts import ADULT, EXHAUSTED, condition, numbered, visit
from tests.kit.words import at, day, meant

FUSED = condition(meant("fusion_of_spine_status", "lumbar"), -900, clinical=None)
NECK = condition(meant("neck_pain", "cervical"), -100)
CLEAR = ("exhausted", "intradiscal", {"function-flat"})
UNCLEAR = ("review", None, {"route-unclear"})


def lumbar(*more: AnyFact) -> Said:
    """What is said of a back whose care has failed, with these facts more."""
    return answers(numbered((ADULT, *EXHAUSTED, *more)))["lumbar"]


@pytest.mark.parametrize(("recorded", "expected"), [(-365, UNCLEAR), (-366, CLEAR)])
def test_earlier_surgery_coded_without_a_status_counts_for_twelve_months(
    recorded: int, expected: Said
) -> None:
    assert lumbar(replace(FUSED, recorded=at(recorded))) == expected


def test_earlier_surgery_coded_without_a_status_is_asked_again_after_twelve_months() -> None:
    chart = numbered((ADULT, *EXHAUSTED, replace(FUSED, recorded=at(-363))))
    assert answers(chart)["lumbar"] == UNCLEAR
    assert asked(chart).wake_on == day(3)
    assert answers(chart, day(3))["lumbar"] == CLEAR


@pytest.mark.parametrize(("on", "expected"), [(-60, UNCLEAR), (-61, CLEAR)])
def test_an_injection_tied_to_nothing_is_of_the_only_open_region(on: int, expected: Said) -> None:
    assert lumbar(visit("epidural_injection", on)) == expected


def test_an_injection_tied_to_nothing_is_of_neither_of_two_open_regions() -> None:
    assert lumbar(NECK, visit("epidural_injection", -10)) == CLEAR
