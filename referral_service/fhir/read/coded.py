"""CodeableConcepts: their codes, and what a code says that no concept of ours holds."""

from typing import Any

from referral_service.fhir.concepts import Terminology

# Where FHIR's own status codes live, now and in the releases before R4.
_FHIR_SYSTEMS = ("http://terminology.hl7.org/CodeSystem/", "http://hl7.org/fhir/")


def codings(concept: dict[str, Any] | None) -> list[tuple[str, str]]:
    """System and code of every coding that has both; a code without a system means nothing."""
    return [
        (coding["system"], coding["code"])
        for coding in (concept or {}).get("coding", ())
        if "system" in coding and "code" in coding
    ]


def status_code(concept: dict[str, Any] | None) -> str | None:
    """The code of a status element: FHIR's own, else the first there is."""
    coded = [coding for coding in (concept or {}).get("coding", ()) if "code" in coding]
    own = [coding for coding in coded if coding.get("system", "").startswith(_FHIR_SYSTEMS)]
    return next((str(coding["code"]) for coding in own or coded), None)


def is_elsewhere(concept: dict[str, Any] | None, terminology: Terminology) -> bool:
    """Whether a code says another body part, and none says anything to the pathway."""
    pairs = codings(concept)
    return any(terminology.is_body_part_code(*pair) for pair in pairs) and not any(
        terminology.meaning(*pair) for pair in pairs
    )
