"""Which of our profiles a resource is held to, by its type and by who wrote it."""

from typing import Any

from fhir_profiles.build_valuesets import CANONICAL_BASE

PROFILES = f"{CANONICAL_BASE}/StructureDefinition"
PARAMETERS_PROFILE = f"{PROFILES}/spine-decision-parameters"
EMITTED_PROFILES = {
    "GuidanceResponse": "spine-decision",
    "ServiceRequest": "spine-referral",
    "Task": "review-task",
    "DetectedIssue": "spine-red-flag",
    "Provenance": "spine-provenance",
}
# Beside these: a Task to fulfil, and what is told of a person's answer.
FULFILLMENT, ANSWER = "fulfillment-task", "spine-answer-provenance"
RECEIVED_PROFILES = {
    "AllergyIntolerance": "allergy-intolerance-as-read",
    "Condition": "condition-as-read",
    "Consent": "consent-as-read",
    "Coverage": "coverage-as-read",
    "DiagnosticReport": "diagnostic-report-as-read",
    "MedicationRequest": "medication-request-as-read",
    "MedicationStatement": "medication-statement-as-read",
    "Observation": "observation-as-read",
    "Patient": "patient-as-read",
    "Procedure": "procedure-as-read",
    "QuestionnaireResponse": "questionnaire-response-as-read",
    "ServiceRequest": "service-request-as-read",
}


def emitted_profile(resource: dict[str, Any]) -> str:
    """The id of the profile of a resource that the service wrote."""
    kind: str = resource["resourceType"]
    if kind == "Task" and resource["code"]["coding"][0]["code"] == "fulfill":
        return FULFILLMENT
    return ANSWER if kind == "Provenance" and "activity" in resource else EMITTED_PROFILES[kind]
