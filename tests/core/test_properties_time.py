"""Properties of time: when a decision changes, and what has not come yet."""

from hypothesis import given

from referral_service.core.decide import Question, combined, decide
from referral_service.core.record import REGIONS
from referral_service.core.timeline import AnyFact, Condition, Person, Tie, Timeline
from tests.core.asked import Answers, answers, asked, decisions, fewer
from tests.kit.charts import charts, condition
from tests.kit.strategies import Facts
from tests.kit.words import AS_OF, PATHWAY, at, day, meant

YEAR_AND_MORE = 400


def _answers_on(question: Question, offset: int) -> Answers:
    found, _ = question.on(day(offset).toordinal())
    return {key: combined(judged).answer for key, judged in found.items() if key in (None, *REGIONS)}


def _flags_on(question: Question, offset: int) -> set[str]:
    found, _ = question.on(day(offset).toordinal())
    return {flag.condition.source for judged in found.values() for each in judged for flag in each.flags}


@fewer(5)
@given(charts())
def test_a_decision_stays_the_same_until_wake_on_and_is_another_on_that_day(chart: Facts) -> None:
    answer = asked(chart)
    now = {d.region: d.answer for d in answer.decisions if not d.is_history}
    # Day by day, without the shortcut that the answer takes.
    question = Question(Timeline.of(chart), PATHWAY)
    first: dict[str | None, object] = {}
    flags = _flags_on(question, 0)
    for offset in range(1, YEAR_AND_MORE + 1):
        later = _answers_on(question, offset)
        for region in now:
            if later.get(region) != now[region]:
                first.setdefault(region, day(offset))
        if later != now or _flags_on(question, offset) != flags:
            first.setdefault("patient", day(offset))
        if first.keys() >= {"patient", *now}:
            break
    assert {d.region: d.wake_on for d in answer.decisions if not d.is_history} == {
        region: first.get(region) for region in now
    }
    assert answer.wake_on == first.get("patient")


@fewer(5)
@given(charts())
def test_whoever_may_be_decided_on_otherwise_one_day_is_asked_about_again(chart: Facts) -> None:
    answer = asked(chart)
    assert answer.ask_on == answer.wake_on or answer.wake_on is None
    question = Question(Timeline.of(chart), PATHWAY)
    later = [_answers_on(question, years * 365) for years in (2, 3, 5)]
    is_other = any(one != _answers_on(question, 0) for one in later)
    assert answer.ask_on or not is_other


def test_a_child_who_comes_of_age_in_two_years_is_asked_about_before() -> None:
    child = Person(source="Patient/p", birth=at(-16 * 365))
    answer = asked((child, condition(meant("disc_displacement", "lumbar"), -30)))
    assert [(one.outcome, one.wake_on) for one in answer.decisions] == [("on-hold", None)]
    assert (answer.wake_on, answer.ask_on) == (None, day(YEAR_AND_MORE))


@given(charts())
def test_another_day_asked_alone_says_what_the_search_for_wake_on_saw(chart: Facts) -> None:
    answer = asked(chart)
    question = Question(Timeline.of(chart), PATHWAY)
    question.on(AS_OF.toordinal())
    for wake in {decision.wake_on for decision in answer.decisions if decision.wake_on}:
        alone = {d.region: d.answer for d in decide(Timeline.of(chart), PATHWAY, wake)}
        assert alone == _answers_on(question, (wake - AS_OF).days)


def _has_not_come(fact: AnyFact) -> bool:
    """Dated after AS_OF in every meaning of its date."""
    if isinstance(fact, Condition):
        begun = fact.onset or fact.recorded
        return begun is not None and begun.earliest > AS_OF
    when = getattr(fact, "start", None) or getattr(fact, "at", None)
    return when is not None and when.earliest > AS_OF


def _named(facts: Facts) -> set[str]:
    """The Conditions that treatments name as their reasons, whenever those began."""
    return {source for fact in facts for source in getattr(fact, "tie", Tie()).reason_sources}


@given(charts(noise=10))
def test_a_fact_of_a_later_day_changes_nothing_about_today(chart: Facts) -> None:
    today = tuple(fact for fact in chart if not _has_not_come(fact))
    named = _named(today)
    kept = tuple(f for f in chart if not _has_not_come(f) or f.source in named)
    assert answers(kept) == answers(chart)


@given(charts(noise=10))
def test_a_fact_of_a_later_day_is_never_evidence(chart: Facts) -> None:
    coming = {fact.evidence for fact in chart if _has_not_come(fact)}
    for decision in decisions(chart).values():
        said = {*decision.evidence, *(e for c in decision.criteria for e in c.evidence)}
        assert said.isdisjoint(coming)
        assert {f"{source}/_history/1" for source in decision.conditions}.isdisjoint(coming)
