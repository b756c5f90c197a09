"""Properties of red flags: nothing that is said beside one takes it away."""

from hypothesis import given
from hypothesis import strategies as st

from referral_service.core.timeline import AnyFact, Condition, Person
from tests.core.asked import answers
from tests.kit.charts import ADULT, charts, condition, numbered
from tests.kit.strategies import HARD_FLAGS, Facts
from tests.kit.words import meant

FRESH = st.sampled_from((0, -1, -30, -90))


def _says_of(fact: AnyFact, concept: str) -> bool:
    """Whether a fact may take the flag back: it is about the same concept, or about death."""
    if isinstance(fact, Person):
        return fact.is_deceased
    return isinstance(fact, Condition) and any(m.concept == concept for m in fact.meanings)


@given(charts(noise=10), st.sampled_from(HARD_FLAGS), FRESH)
def test_a_new_hard_flag_is_urgent_whatever_else_is_known(chart: Facts, flag: object, onset: int) -> None:
    kept = [fact for fact in chart if not _says_of(fact, flag.concept)]
    found = answers((*kept, condition(flag, onset, source="Condition/flag")))
    opened = [said for said in found.values() if said[0] != "no-qualifying-condition"]
    assert opened
    for outcome, target, reasons in opened:
        assert (outcome, target) == ("urgent", "surgical")
        assert "red-flag-hard" in reasons


EXPLAINS_FOOT_DROP = ("competing_stroke", "competing_multiple_sclerosis", "competing_polio")


@given(charts(noise=10), FRESH)
def test_a_new_foot_drop_is_urgent_in_every_episode_that_began_before(chart: Facts, onset: int) -> None:
    kept = [
        fact
        for fact in chart
        if not any(_says_of(fact, concept) for concept in ("foot_drop", *EXPLAINS_FOOT_DROP))
    ]
    drop = condition(meant("foot_drop"), onset, source="Condition/drop")
    disc = condition(meant("disc_displacement", "lumbar"), -91, source="Condition/disc")
    outcome, target, reasons = answers((*kept, disc, drop))["lumbar"]
    assert (outcome, target) == ("urgent", "surgical")
    assert reasons & {"red-flag-soft", "red-flag-hard"}


@given(charts(noise=10), st.sampled_from(("urinary_incontinence", "fecal_incontinence", "gait_disturbance")))
def test_a_soft_flag_reaches_a_human_unless_it_is_explained(chart: Facts, concept: str) -> None:
    explains = (*PREGNANT, *EXPLAINS_FOOT_DROP, "competing_prostate", "antalgic_gait")
    kept = [
        fact
        for fact in chart
        if not any(_says_of(fact, other) for other in (concept, *explains))
        and type(fact).__name__ != "PregnancyStatus"
    ]
    soft = condition(meant(concept), -5, source="Condition/soft")
    disc = condition(meant("disc_displacement", "lumbar"), -91, source="Condition/disc")
    outcome, _, reasons = answers((*kept, disc, soft))["lumbar"]
    assert outcome == "urgent" or reasons == {"possible-red-flag"}


PREGNANT = ("pregnancy", "back_pain_of_pregnancy")


def test_a_hard_flag_alone_needs_no_episode() -> None:
    for flag in HARD_FLAGS:
        found = answers(numbered((ADULT, condition(flag, -3))))
        assert found == {flag.region: ("urgent", "surgical", {"red-flag-hard"})}
