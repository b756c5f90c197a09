"""Items of the story notation, judged offline on one day: for tests that say a chart in a few lines."""

from datetime import date
from typing import Any

from fhir_profiles import RESOURCES
from referral_service.clinic.chart import build
from referral_service.core.decide import decide
from referral_service.core.decision import Decision
from referral_service.core.pathway import Pathway
from referral_service.core.timeline import Timeline
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read import Reader
from referral_service.pathways import load

TODAY = date(2026, 6, 1)
PATHWAY = load()
# The system of the numbers by which patients are known to be one person.
RECORD_NUMBERS = "https://health-system.example/person-number"
READER = Reader(
    Terminology.load(RESOURCES / "valuesets"), "https://spine-referral.example/fhir", [RECORD_NUMBERS]
)


def decisions(
    *given: dict[str, Any], pathway: Pathway = PATHWAY, as_of: date = TODAY
) -> tuple[Decision, ...]:
    """What is decided about the patient `pat`, whose days are relative to TODAY."""
    facts = [f for r in build({"id": "pat", "given": list(given)}, TODAY) for f in READER.facts(r)]
    return decide(Timeline.of(facts), pathway, as_of)


def judged(*given: dict[str, Any], pathway: Pathway = PATHWAY, as_of: date = TODAY) -> Decision:
    """The only decision."""
    (decision,) = decisions(*given, pathway=pathway, as_of=as_of)
    return decision
