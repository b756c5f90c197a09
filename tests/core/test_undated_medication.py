"""Medication whose days nothing tells: it may be the second modality, so a human is asked."""

from msgspec.structs import replace

from referral_service.core.decide import decide
from referral_service.core.decision import Decision
from referral_service.core.timeline import AnyFact, Medication, Procedure, Timeline
from tests.kit.charts import ADULT, EXHAUSTED, Facts, drug
from tests.kit.words import AS_OF, PATHWAY, at

UNTOLD = replace(drug(0, 0, "lumbar"), source="MedicationRequest/untold", start=None, end=None)
WITHOUT: Facts = tuple(fact for fact in EXHAUSTED if not isinstance(fact, Medication))


def decided(*facts: AnyFact) -> Decision:
    [found] = decide(Timeline((ADULT, *facts)), PATHWAY, AS_OF)
    return found


def test_it_may_be_the_second_modality() -> None:
    assert decided(*WITHOUT).reasons == ("trial-incomplete",)
    found = decided(*WITHOUT, UNTOLD)
    assert (found.outcome, found.reasons) == ("review", ("dates-unclear",))
    assert dict(found.left_out)[UNTOLD.evidence] == "undated"


def test_below_the_minimum_it_changes_nothing() -> None:
    begun = [
        it for it in WITHOUT if not isinstance(it, Procedure) or (it.start and it.start.day >= at(-40).day)
    ]
    assert "duration" in decided(*begun, UNTOLD).reasons
    assert decided(*begun, UNTOLD).outcome == "in-trial"


def test_beside_another_modality_it_decides_nothing() -> None:
    assert decided(*EXHAUSTED, UNTOLD).outcome == "exhausted"


def test_what_is_not_credited_or_not_given_says_nothing() -> None:
    opioid = replace(drug(0, 0, "lumbar", concept="med_opioid"), start=None, end=None)
    for other in (opioid, replace(UNTOLD, is_given=False)):
        assert decided(*WITHOUT, other).reasons == ("trial-incomplete",)
