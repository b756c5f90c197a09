"""Valid R4 resources, one or more of each type that the service knows; the mutants are made from them."""

from typing import Any

Json = dict[str, Any]

HL7 = "http://terminology.hl7.org/CodeSystem/"
UCUM = "http://unitsofmeasure.org"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Leg pain</p></div>'
PATIENT: Json = {"reference": "Patient/p-1"}
DOCTOR: Json = {"reference": "Practitioner/d-1", "display": "Dr. Adams"}


def concept(system: str, code: str) -> Json:
    """A CodeableConcept with one coding."""
    return {"coding": [{"system": system, "code": code}]}


def amount(value: float, code: str) -> Json:
    """A UCUM quantity."""
    return {"value": value, "unit": code, "system": UCUM, "code": code}


RADICULOPATHY = concept(ICD, "M54.16")
MOVEMENT_THERAPY = concept(SNOMED, "229064008")
REFERRAL = concept(SNOMED, "103696004")
MRI = concept(SNOMED, "394451000119106")
ODI = concept(LOINC, "97909-6")
PAIN = concept(LOINC, "38208-5")

PERSON: Json = {
    "resourceType": "Patient",
    "id": "p-1",
    "meta": {"versionId": "1", "lastUpdated": "2024-03-01T08:00:00.000Z", "profile": ["http://a.example/p"]},
    "text": {"status": "generated", "div": DIV},
    "identifier": [{"use": "usual", "system": "urn:oid:1.2.36.146", "value": "12345"}],
    "active": True,
    "name": [{"use": "official", "family": "Chalmers", "given": ["Peter", "James"]}],
    "telecom": [{"system": "phone", "value": "(03) 5555 6473", "rank": 1}],
    "gender": "male",
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "http://a.example/time", "valueDateTime": "1974-12-25T14:35:45Z"}]},
    "deceasedBoolean": False,
    "address": [{"use": "home", "line": ["534 Erewhon St"], "city": "Vic", "period": {"start": "1974-12"}}],
    "contact": [{"name": {"family": "du Marché"}, "telecom": [{"system": "phone", "value": "1"}]}],
    "generalPractitioner": [DOCTOR],
    "managingOrganization": {"reference": "Organization/o-1"},
    "photo": [{"contentType": "image/png", "data": "aGVsbG8="}],
}
CONDITION: Json = {
    "resourceType": "Condition",
    "id": "c-1",
    "extension": [{"url": "http://a.example/laterality", "valueString": "right"}],
    "clinicalStatus": concept(HL7 + "condition-clinical", "active"),
    "verificationStatus": concept(HL7 + "condition-ver-status", "confirmed"),
    "category": [concept(HL7 + "condition-category", "encounter-diagnosis")],
    "code": RADICULOPATHY,
    "subject": PATIENT,
    "encounter": {"reference": "Encounter/e-1"},
    "onsetDateTime": "2024-01-10",
    "recordedDate": "2024-01-15T10:30:00+01:00",
    "recorder": DOCTOR,
    "stage": [{"summary": {"text": "early"}}],
    "evidence": [{"detail": [{"reference": "Observation/ob-1"}]}],
    "note": [{"time": "2024-01-15T10:31:00+01:00", "text": "Below the knee."}],
}
ABATED: Json = {
    "resourceType": "Condition",
    "clinicalStatus": concept(HL7 + "condition-clinical", "resolved"),
    "subject": PATIENT,
    "onsetAge": amount(48, "a"),
    "abatementPeriod": {"start": "2024-01-01", "end": "2024-02-01"},
}
CONTAINING: Json = {
    "resourceType": "Condition",
    "contained": [{"resourceType": "Practitioner", "id": "doc", "name": [{"family": "Adams"}]}],
    "subject": PATIENT,
    "asserter": {"reference": "#doc"},
}
PROCEDURE: Json = {
    "resourceType": "Procedure",
    "id": "pr-1",
    "status": "completed",
    "code": MOVEMENT_THERAPY,
    "subject": PATIENT,
    "performedPeriod": {"start": "2024-02-01T09:00:00Z", "end": "2024-02-01T09:45:00Z"},
    "performer": [{"actor": DOCTOR}],
    "reasonReference": [{"reference": "Condition/c-1"}],
}
OBSERVATION: Json = {
    "resourceType": "Observation",
    "id": "ob-1",
    "status": "final",
    "code": ODI,
    "subject": PATIENT,
    "effectiveDateTime": "2024-02-03",
    "issued": "2024-02-03T12:00:00.5-05:00",
    "valueQuantity": amount(42, "%"),
    "referenceRange": [{"low": amount(0, "%"), "high": amount(20, "%")}],
    "component": [{"code": PAIN, "valueInteger": 7}],
}
ANSWERS: Json = {
    "resourceType": "QuestionnaireResponse",
    "questionnaire": "http://a.example/Questionnaire/odi|1.0",
    "status": "completed",
    "subject": PATIENT,
    "authored": "2024-02-03T12:00:00Z",
    "item": [
        {"linkId": "1", "answer": [{"valueDecimal": 3.5, "item": [{"linkId": "1.1", "text": "More"}]}]},
        {"linkId": "2", "item": [{"linkId": "2.1", "answer": [{"valueBoolean": True}]}]},
    ],
}
PRESCRIPTION: Json = {
    "resourceType": "MedicationRequest",
    "status": "active",
    "intent": "order",
    "medicationCodeableConcept": {"text": "an analgesic"},
    "subject": PATIENT,
    "authoredOn": "2024-01-20",
    "requester": DOCTOR,
    "dosageInstruction": [
        {
            "sequence": 1,
            "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d", "when": ["MORN"]}},
            "doseAndRate": [{"doseQuantity": amount(500, "mg"), "rateRatio": {"numerator": amount(1, "mL")}}],
        }
    ],
    "dispenseRequest": {"quantity": {"value": 30}, "expectedSupplyDuration": amount(15, "d")},
}
PRESCRIPTION["dosageInstruction"][0]["doseAndRate"][0]["rateRatio"]["denominator"] = amount(1, "h")
STATEMENT: Json = {
    "resourceType": "MedicationStatement",
    "status": "active",
    "medicationReference": {"reference": "Medication/m-1"},
    "subject": PATIENT,
    "effectivePeriod": {"start": "2024-01"},
    "dosage": [{"maxDosePerPeriod": {"numerator": amount(4, "g"), "denominator": amount(24, "h")}}],
}
ALLERGY: Json = {
    "resourceType": "AllergyIntolerance",
    "clinicalStatus": concept(HL7 + "allergyintolerance-clinical", "active"),
    "verificationStatus": concept(HL7 + "allergyintolerance-verification", "confirmed"),
    "type": "allergy",
    "category": ["medication"],
    "criticality": "high",
    "patient": PATIENT,
    "reaction": [{"manifestation": [{"text": "rash"}], "severity": "mild"}],
}
REPORT: Json = {
    "resourceType": "DiagnosticReport",
    "status": "final",
    "code": MRI,
    "subject": PATIENT,
    "effectiveDateTime": "2024-02-10T08:00:00Z",
    "issued": "2024-02-10T12:00:00Z",
    "imagingStudy": [{"reference": "ImagingStudy/i-1"}],
    "presentedForm": [{"contentType": "application/pdf", "url": "http://a.example/report.pdf", "size": 1000}],
}
STUDY: Json = {
    "resourceType": "ImagingStudy",
    "status": "available",
    "subject": PATIENT,
    "started": "2024-02-10T08:00:00Z",
    "numberOfSeries": 1,
    "series": [{"uid": "1.2.3", "modality": {"code": "MR"}, "instance": [{"uid": "1", "sopClass": {}}]}],
}
STUDY["series"][0]["instance"][0]["sopClass"] = {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2"}
