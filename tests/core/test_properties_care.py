"""Properties of failed care: with less of it nobody is exhausted sooner, with more of it nobody later.

Not every removal is monotone, and pathway.md wants it so. Taking away a visit may move the trial's first day
(and with it baseline and class) or part one cycle into two that each rebounded; taking away a score may end
a conflict, a worsening, or the improvement of one kind. So each property names what it takes away.
"""

from collections.abc import Callable

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from referral_service.core.decision import Decision
from referral_service.core.timeline import AnyFact, Imaging, Medication, Procedure, Score
from tests.core.asked import answers, decisions
from tests.kit.charts import ADULT, charts, condition, drug, mri, numbered, score, visit
from tests.kit.strategies import Facts, beside
from tests.kit.words import PATHWAY, meant

ACTIVE = PATHWAY.concepts.active_therapy


def _is_active_visit(fact: AnyFact) -> bool:
    return isinstance(fact, Procedure) and any(m.concept in ACTIVE for m in fact.meanings)


def _is_report(fact: AnyFact) -> bool:
    return isinstance(fact, Imaging) and any(
        m.concept in PATHWAY.concepts.imaging_report for m in fact.meanings
    )


EVIDENCE: dict[str, Callable[[AnyFact], bool]] = {
    "every treatment": lambda fact: isinstance(fact, Procedure),
    "every active visit": _is_active_visit,
    "every score": lambda fact: isinstance(fact, Score),
    "every imaging report": _is_report,
}


@given(charts(), st.sampled_from(sorted(EVIDENCE)))
def test_nobody_is_exhausted_without(chart: Facts, kind: str) -> None:
    kept = [fact for fact in chart if not EVIDENCE[kind](fact)]
    assert all(outcome != "exhausted" for outcome, _, _ in answers(kept).values())


BACK = charts(noise=4, cared_for=(("lumbar",),))


def _became_exhausted(before: Facts, after: Facts) -> list[tuple[Decision, Decision]]:
    """Regions exhausted after a change: the decision before it and after it."""
    earlier, later = decisions(before), decisions(after)
    return [
        (earlier[region], found)
        for region, found in later.items()
        if found.outcome == "exhausted" and region in earlier
    ]


@given(BACK, st.data())
def test_taking_away_a_drug_never_exhausts_anybody_whose_trial_began_the_same_day(
    chart: Facts, data: st.DataObject
) -> None:
    drugs = [fact for fact in chart if isinstance(fact, Medication)]
    assume(drugs)
    taken = data.draw(st.sampled_from(drugs))
    for before, after in _became_exhausted(chart, tuple(f for f in chart if f is not taken)):
        if before.trial_start == after.trial_start:
            assert before.outcome == "exhausted"


@given(BACK, st.data())
def test_taking_away_an_imaging_report_never_exhausts_anybody(chart: Facts, data: st.DataObject) -> None:
    reports = [fact for fact in chart if isinstance(fact, Imaging) and not fact.findings]
    assume(reports)
    taken = data.draw(st.sampled_from(reports))
    for before, _ in _became_exhausted(chart, tuple(f for f in chart if f is not taken)):
        assert before.outcome == "exhausted"


@given(BACK, st.data())
def test_taking_away_a_visit_never_exhausts_anybody_but_by_a_rebound(
    chart: Facts, data: st.DataObject
) -> None:
    visits = [fact for fact in chart if _is_active_visit(fact)]
    assume(visits)
    taken = data.draw(st.sampled_from(visits))
    for before, after in _became_exhausted(chart, tuple(f for f in chart if f is not taken)):
        if before.trial_start == after.trial_start and after.reasons != ("rebound",):
            assert before.outcome == "exhausted"


@given(BACK, st.data())
def test_a_second_billing_unit_of_a_visit_changes_nothing(chart: Facts, data: st.DataObject) -> None:
    visits = [fact for fact in chart if _is_active_visit(fact) and fact.start and fact.start.is_exact]
    assume(visits)
    unit = replace(data.draw(st.sampled_from(visits)), source="Procedure/unit")
    assert answers((*chart, unit)) == answers(chart)


EXHAUSTED = (
    ADULT,
    condition(meant("disc_degeneration", "lumbar"), -210, source="Condition/worn"),
    *(visit("physical_therapy", -200 + 7 * i, "lumbar") for i in range(28)),
    drug(-200, -10, "lumbar"),
    score("odi_score", 48, -200, "lumbar"),
    score("odi_score", 48, -5, "lumbar"),
    mri(-30, "lumbar"),
)
FLAT_DAYS = (-300, -200, -120, -91, -60, -30, -1)


@given(beside(5), st.sampled_from((("roland_morris", 12), ("promis_pi_t", 60), ("pain_vas", 70))))
def test_one_more_flat_series_keeps_the_exhausted_exhausted(
    others: list[AnyFact], flat: tuple[str, int]
) -> None:
    concept, value = flat
    kept = [fact for fact in others if not (isinstance(fact, Score) and fact.concept == concept)]
    chart = numbered((*EXHAUSTED, *kept))
    before = answers(chart)["lumbar"]
    assume(before[0] == "exhausted")
    series = [score(concept, value, on, "lumbar", unit=None) for on in FLAT_DAYS]
    more = (replace(value, source=f"Observation/{value.at}") for value in series)
    outcome, target, reasons = answers((*chart, *more))["lumbar"]
    assert (outcome, target) == before[:2]
    assert reasons >= before[2]


@given(charts(), st.sampled_from((-400, -90, -30)))
def test_a_plan_an_evaluation_or_an_order_is_no_treatment(chart: Facts, on: int) -> None:
    extra = [
        replace(visit(concept, on, "lumbar"), source=f"Procedure/{concept}")
        for concept in ("physical_therapy_evaluation", "physical_therapy_plan", "physical_therapy_referral")
    ]
    assert answers((*chart, *extra)) == answers(chart)
