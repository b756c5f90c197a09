"""How a referral fares beneath its Task's status: BSeR's codes, or the plain words that many systems send.

Source: HL7 US BSeR, code system TaskBusinessStatusCS.
"""

from collections.abc import Mapping
from typing import Any, Final

from referral_service.core.referral import Business

BSER: Final = "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS"
CODES: Final[Mapping[str, Business]] = {
    "5.1.1": "scheduled",
    "5.1.2": "no-show",
    "5.1.3": "cancelled",
    "5.1.4": "completed",
    "7.0": "report-received",
}
_WORDS: Final[Mapping[str, Business]] = {
    "scheduled": "scheduled",
    "booked": "scheduled",
    "no-show": "no-show",
    "noshow": "no-show",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "completed": "completed",
    "seen": "completed",
    "report-received": "report-received",
}


def business_of(concept: Any) -> Business | None:
    """What a CodeableConcept says; None for nothing, and for what we do not know."""
    if not isinstance(concept, Mapping):
        return None
    for coding in concept.get("coding", ()):
        code = str(coding.get("code", ""))
        if coding.get("system") == BSER:
            if found := CODES.get(code):
                return found
        elif found := _word(code):
            return found
    return _word(str(concept.get("text", "")))


def _word(text: str) -> Business | None:
    return _WORDS.get(text.strip().lower().replace(" ", "-").replace("_", "-"))


def business_status(business: Business) -> dict[str, Any]:
    """The CodeableConcept that we write."""
    code = next(code for code, known in CODES.items() if known == business)
    return {"coding": [{"system": BSER, "code": code}], "text": business}
