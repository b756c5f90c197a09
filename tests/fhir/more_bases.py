"""More valid R4 resources, the administrative ones and the Bundles, and the table of all of them."""

from typing import Any

from tests.fhir import bases
from tests.fhir.bases import DOCTOR, HL7, MOVEMENT_THERAPY, PATIENT, RADICULOPATHY, REFERRAL, amount, concept

Json = dict[str, Any]

ORDER: Json = {
    "resourceType": "ServiceRequest",
    "status": "active",
    "intent": "order",
    "priority": "routine",
    "code": REFERRAL,
    "orderDetail": [{"text": "surgical"}],
    "subject": PATIENT,
    "occurrencePeriod": {"start": "2024-03-01", "end": "2024-04-01"},
    "authoredOn": "2024-02-20T10:00:00Z",
    "requester": DOCTOR,
    "reasonCode": [RADICULOPATHY],
    "instantiatesCanonical": ["http://a.example/PlanDefinition/x|1"],
}
VISIT: Json = {
    "resourceType": "Encounter",
    "status": "finished",
    "class": {"system": HL7 + "v3-ActCode", "code": "AMB"},
    "subject": PATIENT,
    "period": {"start": "2024-01-15", "end": "2024-01-15"},
    "statusHistory": [{"status": "planned", "period": {"start": "2024-01-10"}}],
    "length": amount(30, "min"),
    "diagnosis": [{"condition": {"reference": "Condition/c-1"}, "rank": 1}],
}
COVER: Json = {
    "resourceType": "Coverage",
    "status": "active",
    "beneficiary": PATIENT,
    "payor": [{"reference": "Organization/o-1"}],
    "costToBeneficiary": [{"valueMoney": {"value": 20, "currency": "USD"}}],
}
CONSENT: Json = {
    "resourceType": "Consent",
    "status": "active",
    "scope": concept(HL7 + "consentscope", "patient-privacy"),
    "category": [{"text": "sharing"}],
    "patient": PATIENT,
    "policyRule": {"text": "opt-in"},
    "provision": {"type": "permit"},
}
GOAL: Json = {
    "resourceType": "Goal",
    "lifecycleStatus": "active",
    "description": {"text": "Walk a mile"},
    "subject": PATIENT,
    "startDate": "2024-01-01",
    "target": [{"measure": {"text": "ODI"}, "detailRange": {"low": amount(0, "%"), "high": amount(20, "%")}}],
}
CLINIC: Json = {
    "resourceType": "Organization",
    "id": "o-1",
    "name": "Spine Clinic",
    "telecom": [{"system": "email", "value": "desk@clinic.example", "use": "work"}],
    "address": [{"use": "work", "city": "Springfield"}],
}
ADAMS: Json = {
    "resourceType": "Practitioner",
    "id": "d-1",
    "name": [{"family": "Adams", "prefix": ["Dr."]}],
    "gender": "female",
    "qualification": [{"code": {"text": "MD"}}],
}
ROLE: Json = {
    "resourceType": "PractitionerRole",
    "practitioner": DOCTOR,
    "organization": {"reference": "Organization/o-1"},
    "availableTime": [{"daysOfWeek": ["mon"], "availableStartTime": "08:00:00"}],
}
PLACE: Json = {
    "resourceType": "Location",
    "status": "active",
    "name": "Room 1",
    "mode": "instance",
    "position": {"longitude": -71.25, "latitude": 42.5},
}
TASK: Json = {
    "resourceType": "Task",
    "status": "requested",
    "intent": "order",
    "priority": "urgent",
    "focus": {"reference": "ServiceRequest/s-1"},
    "for": PATIENT,
    "authoredOn": "2024-02-20T10:00:00Z",
    "lastModified": "2024-02-21T10:00:00Z",
    "restriction": {"period": {"end": "2024-02-24"}},
    "output": [{"type": {"text": "report"}, "valueReference": {"reference": "DiagnosticReport/r-1"}}],
}
SUBSCRIPTION: Json = {
    "resourceType": "Subscription",
    "status": "requested",
    "reason": "new conditions",
    "criteria": "Condition?category=encounter-diagnosis",
    "channel": {"type": "rest-hook", "endpoint": "https://a.example/n", "payload": "application/fhir+json"},
}
PARAMETERS: Json = {
    "resourceType": "Parameters",
    "parameter": [
        {"name": "note", "valueString": "seen"},
        {"name": "who", "resource": {"resourceType": "Patient", "gender": "other"}},
        {"name": "both", "part": [{"name": "a", "valueCode": "x"}]},
    ],
}
OUTCOME: Json = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "invariant", "expression": ["Condition.stage"]}],
}
GUIDANCE: Json = {
    "resourceType": "GuidanceResponse",
    "contained": [
        {"resourceType": "Parameters", "id": "out", "parameter": [{"name": "o", "valueCode": "wait"}]}
    ],
    "moduleCanonical": "http://a.example/PlanDefinition/x|1",
    "status": "data-required",
    "subject": PATIENT,
    "outputParameters": {"reference": "#out"},
    "dataRequirement": [{"type": "Observation", "codeFilter": [{"path": "code"}]}],
}
PROVENANCE: Json = {
    "resourceType": "Provenance",
    "target": [{"reference": "Condition/c-1/_history/2"}],
    "recorded": "2024-02-20T10:00:00Z",
    "agent": [{"who": DOCTOR}],
    "signature": [{"type": [{"code": "x"}], "when": "2024-02-20T10:00:00Z", "who": DOCTOR, "data": "aGk="}],
}
TRANSACTION: Json = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
            "resource": {"resourceType": "Patient", "gender": "female"},
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=a|1"},
        },
        {
            "fullUrl": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b8",
            "resource": {
                "resourceType": "Procedure",
                "status": "completed",
                "code": MOVEMENT_THERAPY,
                "subject": {"reference": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"},
                "performedDateTime": "2024-02-01",
            },
            "request": {"method": "PUT", "url": "Procedure/pr-9"},
        },
        {
            "resource": {
                "resourceType": "Immunization",
                "status": "completed",
                "vaccineCode": {"text": "influenza"},
                "patient": PATIENT,
                "occurrenceString": "last autumn",
            },
            "request": {"method": "POST", "url": "Immunization"},
        },
        {"request": {"method": "DELETE", "url": "Condition/c-9"}},
    ],
}
SEARCHSET: Json = {
    "resourceType": "Bundle",
    "type": "searchset",
    "total": 1,
    "link": [{"relation": "self", "url": "http://a.example/Patient"}],
    "entry": [
        {"fullUrl": "http://a.example/Patient/p-1", "resource": bases.PERSON, "search": {"mode": "match"}}
    ],
}
ANSWERED: Json = {
    "resourceType": "Bundle",
    "type": "transaction-response",
    "entry": [{"response": {"status": "201 Created", "lastModified": "2024-02-20T10:00:00Z"}}],
}
DOCUMENT: Json = {
    "resourceType": "Bundle",
    "type": "document",
    "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"},
    "timestamp": "2024-02-20T10:00:00Z",
    "entry": [
        {
            "fullUrl": "http://a.example/Composition/1",
            "resource": {
                "resourceType": "Composition",
                "status": "final",
                "type": {"text": "summary"},
                "date": "2024-02-20",
                "author": [DOCTOR],
                "title": "Summary",
            },
        }
    ],
}
MESSAGE: Json = {
    "resourceType": "Bundle",
    "type": "message",
    "entry": [
        {
            "fullUrl": "http://a.example/MessageHeader/1",
            "resource": {
                "resourceType": "MessageHeader",
                "eventUri": "http://a.example/admit",
                "source": {"endpoint": "http://a.example"},
            },
        }
    ],
}

BASES: dict[str, Json] = {
    name.lower(): value
    for module in (vars(bases), globals())
    for name, value in list(module.items())
    if isinstance(value, dict) and "resourceType" in value
}
