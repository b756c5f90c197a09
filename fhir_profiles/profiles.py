"""Which of our profiles a resource is held to, by its type and by who wrote it."""

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
