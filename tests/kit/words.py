"""The pathway's words for tests: meanings that the real terminology knows, days relative to one day."""

from datetime import date, timedelta

from fhir_profiles import RESOURCES
from referral_service.core.dates import When
from referral_service.core.timeline import Meaning, Tie
from referral_service.fhir.concepts import Terminology
from referral_service.pathways import load

TERMINOLOGY = Terminology.load(RESOURCES / "valuesets")
PATHWAY = load()
AS_OF = date(2026, 6, 1)


def meant(concept: str, region: str | None = None, detail: str | None = None) -> Meaning:
    """A meaning of a concept that exists, with its own role and step."""
    known = TERMINOLOGY.concepts()[concept]
    return Meaning(concept, region, known.role, known.step, detail)


def day(offset: int) -> date:
    """The day that lies `offset` days after AS_OF."""
    return AS_OF + timedelta(days=offset)


def at(offset: int) -> When:
    """An exact date, `offset` days after AS_OF."""
    return When(day(offset), day(offset))


def between(first: int, last: int) -> When:
    """A partial date: any day between two offsets."""
    return When(day(first), day(last))


def tied(*regions: str) -> Tie:
    """Tied to regions by code or body site; to nothing without any."""
    return Tie(regions=regions)


ELSEWHERE = Tie(elsewhere=True)
LUMBAR, CERVICAL, UNTIED = tied("lumbar"), tied("cervical"), tied()
