"""Properties of pictures: whatever the chart, inside the frame, in the table too, true to the decision."""

import random
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from referral_service.api.worklist.picture import view
from tests.core.asked import decisions, fewer
from tests.kit.charts import charts
from tests.kit.strategies import Facts
from tests.kit.words import AS_OF, PATHWAY
from tests.worklist.apart import extent, lane, rows
from tests.worklist.drawn import drawing, pictures


@given(charts())
def test_any_chart_is_drawn_inside_its_frame_and_every_mark_is_in_the_table(chart: Facts) -> None:
    for decision in decisions(chart).values():
        shown = view(chart, PATHWAY, decision, AS_OF)
        hrefs = {row.href for row in rows(shown) if row.source}
        for placed in shown.lanes:
            assert shown.head.height <= placed.top <= placed.top + placed.lane.height <= shown.foot + 0.1
            for mark in placed.lane.marks:
                left, right, top, bottom = extent(mark.path + mark.ring)
                assert 0 <= left <= right <= shown.width + 0.1
                assert 0 <= top <= bottom <= placed.lane.height
                assert mark.hit.x >= 0 and mark.hit.x + mark.hit.width <= shown.width + 1
                assert mark.href in hrefs
            for text in (*placed.lane.texts, *placed.name):
                assert 0 <= text.x <= shown.width and 0 <= text.y <= placed.lane.height
        assert all(0 <= tick.x <= shown.width for tick in shown.ticks)
        ElementTree.fromstring(drawing(shown))


@given(charts())
def test_a_picture_says_of_the_trial_what_the_decision_says(chart: Facts) -> None:
    for decision in decisions(chart).values():
        shown = view(chart, PATHWAY, decision, AS_OF)
        days = {row.what: row.when for row in shown.groups[0].rows}
        begins = days.get("Trial begins") or days.get("Trial begins again")
        assert begins == (decision.trial_start and decision.trial_start.isoformat())
        if decision.trial_start:
            told = {it.id: it for it in decision.criteria}
            covered, visits = told["duration-minimum"], told["active-therapy"]
            assert lane(shown, "Trial").says[0].split()[0] == str(covered.value)
            assert lane(shown, "Trial").says[1].startswith(f"min {covered.threshold},")
            least = "0" if lane(shown, "Active").says == ("none recorded",) else lane(shown, "Active").says[0]
            assert least.split()[0] == str(visits.value)
            least_days = [row for row in shown.groups[0].rows if row.what.startswith("Minimum")]
            if covered.status != "unknown":
                reached = [row for row in least_days if row.when <= AS_OF.isoformat()]
                assert bool(reached) == (covered.status == "met")
        assert len(lane(shown, "Red flags").rows) == len(decision.flags)
        assert not any("has changed" in note for note in shown.notes)


@given(charts(), st.randoms(use_true_random=False))
def test_the_order_in_which_facts_arrived_changes_nothing(chart: Facts, order: random.Random) -> None:
    shuffled = list(chart)
    order.shuffle(shuffled)
    for decision in decisions(chart).values():
        assert view(shuffled, PATHWAY, decision, AS_OF) == view(chart, PATHWAY, decision, AS_OF)


@fewer(4)
@given(charts())
def test_decisions_over_earlier_episodes_and_days_to_come_are_drawn_too(chart: Facts) -> None:
    for decision, shown in pictures(chart):
        if decision.wake_on:
            assert ("Looked at again", decision.wake_on.isoformat()) in [
                (row.what, row.when) for row in shown.groups[0].rows
            ]
        assert drawing(shown)
