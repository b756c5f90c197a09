"""Properties of partial dates: saying a date more exactly never turns round what was already sure."""

from datetime import date

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from referral_service.core.dates import When
from referral_service.core.timeline import AnyFact, Medication, Procedure
from tests.core.asked import decisions
from tests.kit.charts import at_one_end, charts, is_exact
from tests.kit.strategies import Facts, beside
from tests.kit.words import AS_OF

TRIED_ONE_BY_ONE = 4


@given(charts(noise=3), beside(4), st.data())
def test_a_narrower_date_keeps_what_was_sure(
    known: Facts, others: list[AnyFact], data: st.DataObject
) -> None:
    chart = (*known, *(replace(fact, source=f"Beside/{i}") for i, fact in enumerate(others)))
    partial = [fact for fact in chart if not is_exact(fact)]
    assume(0 < len(partial) <= TRIED_ONE_BY_ONE)
    chosen = data.draw(st.sampled_from(partial))
    before = decisions(chart)
    for latest in (False, True):
        narrower = tuple(at_one_end(f, AS_OF, latest) if f is chosen else f for f in chart)
        after = decisions(narrower)
        for region, decision in before.items():
            if {"dates-unclear", "possible-red-flag"}.isdisjoint(decision.reasons):
                assert (after[region].outcome, after[region].target) == (decision.outcome, decision.target)
            now = {c.id: c.status for c in after[region].criteria} if region in after else {}
            for criterion in decision.criteria:
                if criterion.status in ("met", "not-met") and now:
                    assert now[criterion.id] == criterion.status


@given(charts(noise=3), st.data())
def test_a_year_in_which_something_began_is_its_days_up_to_the_end(known: Facts, data: st.DataObject) -> None:
    spans = [fact for fact in known if isinstance(fact, Medication | Procedure) and fact.start and fact.end]
    assume(spans and all(map(is_exact, known)))
    chosen = data.draw(st.sampled_from(spans))
    assert chosen.start
    assert chosen.end
    year = chosen.start.earliest.year
    first, last = date(year, 1, 1), min(date(year, 12, 31), chosen.end.latest, AS_OF)
    assume(chosen.start.earliest <= last)

    def began(earliest: date, latest: date) -> dict[str | None, tuple[str, str | None]]:
        start = When(earliest, latest)
        found = decisions(tuple(replace(f, start=start) if f is chosen else f for f in known))
        return {region: (one.outcome, one.target) for region, one in found.items()}

    either = began(first, date(year, 12, 31))
    if (one := began(first, first)) == began(last, last):
        assert either == one
