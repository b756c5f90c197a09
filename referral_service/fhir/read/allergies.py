"""AllergyIntolerance: what the patient must not be given."""

from typing import Any

from referral_service.core.timeline import Allergy, AnyFact
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.coded import status_code
from referral_service.fhir.read.days import begun, when
from referral_service.fhir.read.origin import Origin, unused


def read(resource: dict[str, Any], terminology: Terminology, origin: Origin) -> tuple[AnyFact, ...]:
    """One Allergy fact; without a clinical status it is taken as active."""
    meanings = terminology.meanings(resource.get("code"))
    if not meanings:
        return unused(origin, "unknown-code")
    clinical = status_code(resource.get("clinicalStatus"))
    verification = status_code(resource.get("verificationStatus"))
    return (
        Allergy(
            **origin,
            meanings=meanings,
            is_active=clinical in (None, "active") and verification not in ("refuted", "entered-in-error"),
            at=begun(resource) or when(resource.get("recordedDate")),
        ),
    )
