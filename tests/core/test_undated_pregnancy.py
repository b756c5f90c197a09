"""A pregnancy that nothing dates may be one of today: a human is asked, nobody is referred."""

from msgspec.structs import replace

from referral_service.core.decide import decide
from referral_service.core.decision import Decision
from referral_service.core.timeline import AnyFact, PregnancyStatus, Timeline
from tests.kit.charts import ADULT, EXHAUSTED
from tests.kit.words import AS_OF, PATHWAY, at

UNTOLD = PregnancyStatus(source="Observation/untold", is_pregnant=True, status="final")


def decided(*facts: AnyFact) -> Decision:
    [found] = decide(Timeline((ADULT, *facts)), PATHWAY, AS_OF)
    return found


def test_a_human_is_asked_where_its_day_decides() -> None:
    found = decided(*EXHAUSTED, UNTOLD)
    assert (found.outcome, found.reasons) == ("review", ("dates-unclear",))
    assert dict(found.left_out)[UNTOLD.evidence] == "undated"


def test_what_is_no_pregnancy_or_an_error_says_nothing() -> None:
    for other in (replace(UNTOLD, is_pregnant=False), replace(UNTOLD, status="entered-in-error")):
        assert decided(*EXHAUSTED, other).outcome == "exhausted"


def test_once_it_has_a_day_that_day_decides() -> None:
    assert decided(*EXHAUSTED, replace(UNTOLD, at=at(-30))).outcome == "on-hold"
    assert decided(*EXHAUSTED, replace(UNTOLD, at=at(-290))).outcome == "exhausted"
