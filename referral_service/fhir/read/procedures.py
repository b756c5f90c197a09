"""Procedure: a treatment or an operation, done or not done."""

from typing import Any

from referral_service.core.dates import When
from referral_service.core.timeline import AnyFact, Procedure
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.days import period, when
from referral_service.fhir.read.origin import Origin, unused
from referral_service.fhir.read.tie import tie_of


def read(resource: dict[str, Any], terminology: Terminology, origin: Origin) -> tuple[AnyFact, ...]:
    """One Procedure fact when any coding means something to us, be it only to say why it does not count."""
    meanings = terminology.meanings(resource.get("code"))
    if not meanings:
        return unused(origin, "unknown-code")
    status = resource.get("status", "unknown")
    start, end, is_open = _performed(resource)
    why_not = terminology.meanings(resource.get("statusReason")) if status == "not-done" else ()
    concepts = {meaning.concept for meaning in why_not}
    return (
        Procedure(
            **origin,
            meanings=meanings,
            status=status,
            start=start,
            end=end,
            is_open=is_open,
            tie=tie_of(resource, meanings, terminology),
            declined="patient_declined_or_nonadherent" in concepts,
            contraindicated="contraindicated" in concepts,
        ),
    )


def _performed(resource: dict[str, Any]) -> tuple[When | None, When | None, bool]:
    """First day, last day of a course, and whether it has no end. A period within one day is that day."""
    span = resource.get("performedPeriod")
    if span is None:
        return when(resource.get("performedDateTime")), None, False
    start, end = period(span)
    if start is None:
        return end, None, False
    one_day = start == end and start.is_exact
    return start, None if one_day else end, end is None
