"""Properties of partial dates: saying a date more exactly never turns round what was already sure."""

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.core.asked import decisions
from tests.kit.charts import charts
from tests.kit.strategies import Facts, at_one_end, is_exact
from tests.kit.words import AS_OF

TRIED_ONE_BY_ONE = 4


@given(charts(noise=8), st.data())
def test_a_narrower_date_keeps_what_was_sure(chart: Facts, data: st.DataObject) -> None:
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
