"""A policy by which a visit covers its own day alone: the trial begins anew on the visit after the gap."""

from referral_service.core.decide import decide
from referral_service.core.decision import Decision
from referral_service.core.timeline import AnyFact, Timeline
from tests.kit.charts import ADULT, condition, numbered, visit
from tests.kit.words import AS_OF, PATHWAY, day, meant

_NUMBERS = PATHWAY.numbers
_OWN_DAY = _NUMBERS.visit_covers.model_copy(update={"value": 0})
BARE = PATHWAY.model_copy(update={"numbers": _NUMBERS.model_copy(update={"visit_covers": _OWN_DAY})})
DISC = condition(meant("disc_displacement", "lumbar"), -250)


def lumbar(*visits: int) -> Decision:
    """What is decided of a back with therapy on these days."""
    chart: list[AnyFact] = [ADULT, DISC, *(visit("physical_therapy", on, "lumbar") for on in visits)]
    [found] = decide(Timeline.of(numbered(chart)), BARE, AS_OF)
    return found


def test_after_more_than_ninety_uncovered_days_the_next_visit_begins_the_trial() -> None:
    assert lumbar(-240, -149).trial_start == day(-240)
    assert lumbar(-240, -148).trial_start == day(-148)


def test_two_visits_are_two_days_of_trial_time() -> None:
    found = {c.id: c for c in lumbar(-120, -30).criteria}
    assert (found["duration-minimum"].value, found["active-therapy"].value) == (2, 2)
