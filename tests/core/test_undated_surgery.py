"""Spine surgery that nothing dates may have reset the trial: a human is asked, nobody is referred."""

from msgspec.structs import replace

from referral_service.core.decide import decide
from referral_service.core.decision import Decision
from referral_service.core.timeline import AnyFact, Meaning, Procedure, Tie, Timeline
from tests.kit.charts import ADULT, EXHAUSTED
from tests.kit.words import AS_OF, PATHWAY, at

LUMBAR = Tie(regions=("lumbar",))
UNTOLD = Procedure(
    source="Procedure/untold",
    meanings=(Meaning("lumbar_decompression", None, "prior_surgery"),),
    status="completed",
    tie=LUMBAR,
)


def decided(*facts: AnyFact) -> Decision:
    [found] = decide(Timeline((ADULT, *facts)), PATHWAY, AS_OF)
    return found


def test_a_human_is_asked_where_its_day_decides() -> None:
    assert decided(*EXHAUSTED).outcome == "exhausted"
    found = decided(*EXHAUSTED, UNTOLD)
    assert (found.outcome, found.reasons) == ("review", ("dates-unclear",))


def test_one_that_was_not_done_or_is_elsewhere_says_nothing() -> None:
    for other in (
        replace(UNTOLD, status="not-done"),
        replace(UNTOLD, status="preparation"),
        replace(UNTOLD, tie=Tie(regions=("cervical",))),
    ):
        assert decided(*EXHAUSTED, other).outcome == "exhausted"


def test_once_it_has_a_day_that_day_decides() -> None:
    healed = replace(UNTOLD, start=at(-30))
    assert decided(*EXHAUSTED, healed).outcome == "not-started"
