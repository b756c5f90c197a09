"""However facts come, an open episode ends up with the decision of all of them, and is one."""

from hypothesis import given
from hypothesis import strategies as st

from referral_service.core.referral import KeptEpisode
from tests.core.test_keeping import kept
from tests.kit.charts import ADULT, charts, numbered
from tests.kit.strategies import Facts


@given(charts(), st.data())
def test_an_episode_open_in_the_end_has_the_decision_of_all_facts_however_they_came(
    chart: Facts, data: st.DataObject
) -> None:
    chart = numbered(fact for fact in chart if fact.source != ADULT.source)
    known: tuple[KeptEpisode, ...] = ()
    for split in sorted(data.draw(st.lists(st.integers(0, len(chart)), max_size=2))):
        found = kept(*chart[:split], known=known)
        known = (*found.episodes, *found.gone)
    in_parts, at_once = kept(*chart, known=known), kept(*chart)
    assert len({e.key for e in in_parts.episodes}) == len(in_parts.episodes)
    assert {e.region: e.decision for e in in_parts.episodes if e.is_open} == {
        e.region: e.decision for e in at_once.episodes if e.is_open
    }
