"""A proposal as ServiceRequest. Never a CPT number on it: that would assert an order for a procedure."""

from collections.abc import Sequence
from typing import Any

from referral_service.core.decision import Decision
from referral_service.core.referral import KeptEpisode, Referral
from referral_service.fhir.write.names import SNOMED, Names, instant, reference
from referral_service.fhir.write.wording import note, title

PATIENT_REFERRAL = {"system": SNOMED, "code": "3457005", "display": "Patient referral"}
_CODE = {"surgical": "308482002", "intradiscal": "306265007"}
_FALLBACK = "103696004"
# The main evidence: what a reviewer opens first. The rest is one step away, in the GuidanceResponse.
_MAIN_EVIDENCE = ("DiagnosticReport/", "Observation/", "QuestionnaireResponse/")


def service_request(
    referral: Referral,
    episode: KeptEpisode,
    patient: str,
    names: Names,
    reason_codes: Sequence[tuple[str, str]],
    coverages: Sequence[str],
) -> dict[str, Any]:
    """The proposal, resting on the episode's present decision; `reason_codes`: pairs of system and code."""
    assert referral.authored_at
    decision = episode.decision
    target = referral.target or ""
    evidence = [_unversioned(e) for e in decision.evidence if e.startswith(_MAIN_EVIDENCE)]
    flagged = [flag.source for flag in decision.flags]
    found: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "id": referral.id,
        "identifier": [names.identifier("referral", referral.identifier)],
        "instantiatesCanonical": [names.module],
        "status": referral.status,
        "intent": "proposal",
        "category": [{"coding": [PATIENT_REFERRAL]}],
        "priority": referral.priority,
        "code": {
            "coding": [{"system": SNOMED, "code": _code(decision, target)}],
            "text": title(decision, target),
        },
        "orderDetail": [{"coding": [names.coding("referral-target", target)]}],
        "subject": reference(f"Patient/{patient}"),
        "authoredOn": instant(referral.authored_at),
        "supportingInfo": [
            reference(f"GuidanceResponse/{episode.guidance}/_history/{episode.guidance_version}"),
            *(reference(to) for to in dict.fromkeys([*flagged, *evidence])),
        ],
        "note": [{"text": note(decision, target)}],
    }
    if sources := dict.fromkeys((*decision.conditions, *flagged)):
        found["reasonReference"] = [reference(source) for source in sources]
    if reason_codes:
        found["reasonCode"] = [{"coding": [{"system": s, "code": c}]} for s, c in reason_codes]
    if coverages:
        found["insurance"] = [reference(source) for source in coverages]
    return found


def _code(decision: Decision, target: str) -> str:
    return _FALLBACK if "medical-assessment" in decision.notes else _CODE.get(target, _FALLBACK)


def _unversioned(evidence: str) -> str:
    return evidence.partition("/_history/")[0]
