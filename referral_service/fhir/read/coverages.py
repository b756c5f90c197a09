"""Coverage: whether the Department of Veterans Affairs pays. It never changes a clinical decision."""

from typing import Any

from referral_service.core.timeline import AnyFact, Coverage
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.origin import Origin


def read(resource: dict[str, Any], terminology: Terminology, origin: Origin) -> tuple[AnyFact, ...]:
    """One Coverage fact, whatever its type."""
    kinds = terminology.meanings(resource.get("type"))
    return (
        Coverage(
            **origin,
            is_veteran=any(meaning.concept == "coverage_va" for meaning in kinds),
            is_active=resource.get("status") == "active",
        ),
    )
