"""A decision as GuidanceResponse, with everything it rests on in a contained Parameters."""

from datetime import datetime
from typing import Any

from referral_service.core.decision import Criterion, Decision, RedFlag
from referral_service.core.referral import KeptEpisode
from referral_service.fhir.write.names import Names, instant, quantity, reference

_REQUIREMENT = {
    "imaging": "DiagnosticReport",
    "outcome-measure": "Observation",
    "function-measure": "Observation",
    "active-therapy": "Procedure",
    "second-modality": "Procedure",
    "duration-minimum": "Procedure",
    "exact-dates": "Procedure",
    "region-of-treatment": "Procedure",
    "region-of-condition": "Condition",
}


def guidance_response(
    episode: KeptEpisode, tenant: str, patient: str, as_of: datetime, names: Names
) -> dict[str, Any]:
    """The episode's decision as of `as_of`."""
    decision = episode.decision
    asked_by = f"{tenant}|{patient}|{episode.region or ''}|{episode.key}"
    found: dict[str, Any] = {
        "resourceType": "GuidanceResponse",
        "id": episode.guidance,
        "contained": [{"resourceType": "Parameters", "id": "out", "parameter": _parameters(decision)}],
        "requestIdentifier": names.identifier("episode", asked_by),
        "moduleCanonical": names.module,
        "status": "data-required" if decision.missing else "success",
        "subject": reference(f"Patient/{patient}"),
        "occurrenceDateTime": instant(as_of),
        "outputParameters": reference("#out"),
    }
    if decision.conditions:
        found["reasonReference"] = [reference(source) for source in decision.conditions]
    if decision.missing:
        found["dataRequirement"] = [
            {"type": _REQUIREMENT[name], "mustSupport": [name]} for name in decision.missing
        ]
    return found


def _parameters(decision: Decision) -> list[dict[str, Any]]:
    single = (
        ("outcome", "valueCode", decision.outcome),
        ("region", "valueCode", decision.region),
        ("class", "valueCode", decision.trial_class),
        ("target", "valueCode", decision.target),
        ("route", "valueCode", decision.route),
        *(("reason", "valueCode", reason) for reason in decision.reasons),
        ("wakeOn", "valueDate", decision.wake_on),
        ("episodeStart", "valueDate", decision.begun_on),
        ("trialStart", "valueDate", decision.trial_start),
        *(("missing", "valueCode", name) for name in decision.missing),
        *(("note", "valueCode", name) for name in decision.notes),
    )
    return [
        *({"name": name, kind: str(value)} for name, kind, value in single if value is not None),
        *({"name": "criterion", "part": _criterion(each)} for each in decision.criteria),
        *({"name": "redFlag", "part": _flag(flag)} for flag in decision.flags),
        *({"name": "leftOut", "part": _left_out(*pair)} for pair in decision.left_out),
    ]


def _criterion(criterion: Criterion) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [
        {"name": "id", "valueCode": criterion.id},
        {"name": "status", "valueCode": criterion.status},
    ]
    if isinstance(criterion.value, str):
        parts.append({"name": "value", "valueString": criterion.value})
    elif criterion.value is not None:
        parts.append({"name": "value", "valueQuantity": quantity(criterion.value, criterion.unit)})
    if criterion.threshold is not None:
        parts.append({"name": "threshold", "valueQuantity": quantity(criterion.threshold, criterion.unit)})
    if criterion.source:
        parts.append({"name": "source", "valueString": criterion.source})
    parts += [{"name": "evidence", "valueReference": reference(to)} for to in criterion.evidence]
    return parts


def _flag(flag: RedFlag) -> list[dict[str, Any]]:
    dated = [{"name": "date", "valueDate": str(flag.day)}] if flag.day else []
    return [
        {"name": "concept", "valueCode": flag.concept},
        *dated,
        {"name": "source", "valueReference": reference(flag.source)},
        {"name": "reason", "valueCode": flag.reason},
    ]


def _left_out(fact: str, reason: str) -> list[dict[str, Any]]:
    return [
        {"name": "fact", "valueReference": reference(fact)},
        {"name": "reason", "valueCode": reason},
    ]
