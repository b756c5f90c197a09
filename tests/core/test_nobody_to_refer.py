"""Who has no open episode, and why: over, taken back, of no region, or dead."""

import pytest
from msgspec.structs import replace

from referral_service.core.timeline import AnyFact, Refusal
from tests.core.asked import answers, decisions
from tests.kit.charts import ADULT, EXHAUSTED, condition, numbered, visit
from tests.kit.words import at, between, day, meant

VAGUE = condition(meant("dorsalgia_unspecified"), -40)
BACK = condition(meant("disc_displacement", "lumbar"), -100)
NECK = condition(meant("neck_pain", "cervical"), -50)
OVER = {"clinical": "resolved", "abated": at(-10), "is_abated": True}


def reasons(*facts: AnyFact) -> dict[str | None, frozenset[str]]:
    """Why nobody is referred, by region."""
    found = answers(numbered((ADULT, *facts)))
    assert {outcome for outcome, _, _ in found.values()} == {"no-qualifying-condition"}
    return {region: why for region, (_, _, why) in found.items()}


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        (VAGUE, "region-unspecified"),
        (replace(VAGUE, **OVER), "resolved"),
        (replace(VAGUE, clinical="inactive"), "resolved"),
        (replace(VAGUE, clinical=None, is_abated=True), "resolved"),
        (replace(VAGUE, abated=at(1), is_abated=True), "region-unspecified"),
        (replace(VAGUE, verification="refuted"), "refuted"),
        (replace(VAGUE, verification="provisional"), "none"),
        (replace(VAGUE, onset=at(-366), clinical=None), "resolved"),
        (replace(VAGUE, onset=at(-365), clinical=None), "region-unspecified"),
        (replace(VAGUE, onset=at(1)), "none"),
    ],
    ids=[
        "active and of no region",
        "abated",
        "inactive",
        "over, nobody knows since when",
        "over from tomorrow on",
        "refuted",
        "provisional",
        "without a status for over a year",
        "without a status for a year",
        "to come",
    ],
)
def test_a_condition_of_no_region(condition: AnyFact, why: str) -> None:
    assert reasons(condition) == {None: {why}}


def test_what_is_over_comes_before_what_was_refuted() -> None:
    refuted = replace(VAGUE, verification="refuted")
    assert reasons(refuted, replace(VAGUE, **OVER)) == {None: {"resolved"}}


def test_after_death_open_episodes_wait_and_closed_ones_stay_closed() -> None:
    dead = replace(ADULT, died=at(-1))
    found = decisions(numbered((dead, replace(BACK, **OVER), NECK)))
    assert {region: (d.outcome, d.reasons, d.episode_start, d.region) for region, d in found.items()} == {
        "lumbar": ("no-qualifying-condition", ("resolved",), day(-100), "lumbar"),
        "cervical": ("on-hold", ("deceased",), day(-50), "cervical"),
    }


def test_an_episode_that_may_be_open_keeps_its_region_in_every_reading() -> None:
    maybe = replace(BACK, onset=None, recorded=between(-516, -152), clinical=None)
    found = decisions(numbered((ADULT, maybe)))
    assert {region: d.region for region, d in found.items()} == {"lumbar": "lumbar"}


# The gravest of several flags decides where and how fast.

TUMOUR = condition(meant("bone_metastasis"), -3)
INFECTED_BACK = condition(meant("disc_infection", "lumbar"), -20)
INFECTED_NECK = condition(meant("disc_infection", "cervical"), -10)
CORD = condition(meant("cauda_equina_syndrome"), -30)


@pytest.mark.parametrize(
    ("flags", "region", "priority"),
    [
        ((INFECTED_BACK, CORD), None, "stat"),
        ((TUMOUR, INFECTED_BACK), "lumbar", "urgent"),
        ((INFECTED_BACK, INFECTED_NECK), "cervical", "urgent"),
        ((INFECTED_NECK, INFECTED_BACK), "cervical", "urgent"),
    ],
    ids=["stat before a region", "a region before none", "the newest", "in any order"],
)
def test_without_an_episode_the_gravest_flag_gives_the_region(
    flags: tuple[AnyFact, ...], region: str | None, priority: str
) -> None:
    [decision] = decisions(numbered((ADULT, *flags))).values()
    assert (decision.outcome, decision.region, decision.priority) == ("urgent", region, priority)


def test_an_episode_that_is_over_keeps_its_reason_whichever_flag_may_still_be_new() -> None:
    partial = {"onset": between(-100, -70)}
    flags = (replace(INFECTED_BACK, **partial), replace(CORD, **partial))
    found = answers(numbered((ADULT, replace(BACK, **OVER), *flags)))
    assert found == {
        "lumbar": ("no-qualifying-condition", None, {"resolved"}),
        None: ("review", None, {"possible-red-flag"}),
    }


def test_a_refused_generic_referral_refuses_both_consultations() -> None:
    refused = Refusal(source="", meanings=(meant("refer_generic"),), at=at(-5))
    stenosis = condition(meant("spinal_stenosis", "lumbar"), -210)
    for chart, target in ((EXHAUSTED, "intradiscal"), ((*EXHAUSTED, stenosis), "surgical")):
        assert answers(numbered((ADULT, *chart)))["lumbar"][1] == target
        assert answers(numbered((ADULT, *chart, refused)))["lumbar"] == ("on-hold", None, {"declined"})


def test_a_refusal_without_a_date_stands_and_one_to_come_does_not() -> None:
    refused = Refusal(source="", meanings=(meant("refer_intradiscal"),))
    for when, outcome in ((None, "on-hold"), (at(0), "on-hold"), (at(1), "exhausted")):
        chart = numbered((ADULT, *EXHAUSTED, replace(refused, at=when)))
        assert answers(chart)["lumbar"][0] == outcome


def test_a_treatment_declined_without_a_date_stands_and_one_to_come_does_not() -> None:
    operation = replace(
        visit("percutaneous_disc_decompression", 0, "lumbar"), status="not-done", declined=True, start=None
    )
    for when, outcome in ((None, "on-hold"), (at(0), "on-hold"), (at(1), "exhausted")):
        chart = numbered((ADULT, *EXHAUSTED, replace(operation, start=when)))
        assert answers(chart)["lumbar"][0] == outcome


@pytest.mark.parametrize("facts", [(), (VAGUE,), (TUMOUR,), (replace(NECK, **OVER),)])
def test_every_criterion_has_its_source_even_where_nothing_is_evaluated(facts: tuple[AnyFact, ...]) -> None:
    [decision] = decisions(numbered((ADULT, *facts))).values()
    assert len(decision.criteria) == 10
    assert all(criterion.source for criterion in decision.criteria)
