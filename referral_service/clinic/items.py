"""What each kind of line becomes: plain FHIR R4, without its id and its patient, which `chart` adds.

An element that is None is left out by `chart`. R4 asks for more than a story says (a Consent's scope, a
Coverage's payor); those are filled in here with HL7's own administrative codes or with words.
"""

from collections.abc import Callable
from typing import Any

from referral_service.clinic.coding import UNITS, concept, finding, hl7
from referral_service.clinic.item import Item

Resource = dict[str, Any]


def condition(item: Item) -> list[Resource]:
    """`condition`: a diagnosis; resolved once it is abated, unless the story says otherwise."""
    verification = item.take("verification", "confirmed")
    abated = item.moment("abated", "abatement")
    clinical = item.take("clinical", _usual_clinical_status(item, verification, abated))
    category = item.take("category")
    return [
        {
            "resourceType": "Condition",
            "clinicalStatus": clinical and hl7("condition-clinical", clinical),
            "verificationStatus": verification and hl7("condition-ver-status", verification),
            "category": category and [hl7("condition-category", category)],
            "code": item.concept("condition"),
            **item.moment("onset", "onset"),
            **abated,
            "recordedDate": item.day("recorded"),
        }
    ]


def _usual_clinical_status(item: Item, verification: str | None, abated: Resource) -> str | None:
    if verification == "entered-in-error":
        return None  # R4's con-5: such a Condition has no clinical status
    ended = abated.get("abatementDateTime") or (abated.get("abatementPeriod") or {}).get("start")
    return "resolved" if ended and item.has_come(ended) else "active"


def procedure(item: Item) -> list[Resource]:
    """`procedure`: one Procedure a day, or one for a course, for words, or without a date."""
    because, site = item.concept("because", "treatment"), item.concept("site")
    shared: Resource = {
        "resourceType": "Procedure",
        "status": item.take("status", "completed"),
        "statusReason": because,
        "code": item.concept("procedure", "treatment"),
        **item.reasons(),
        "bodySite": site and [site],
    }
    return [shared | performed for performed in _performed(item)]


def _performed(item: Item) -> list[Resource]:
    days = item.days()
    ways: list[list[Resource]] = [[{"performedDateTime": day} for day in days]] if days is not None else []
    if item.has("during"):
        ways.append([{"performedPeriod": item.period("during")}])
    if item.has("text"):
        ways.append([{"performedString": item.take("text")}])
    if item.take("undated", False):
        ways.append([{}])
    if len(ways) != 1:
        raise ValueError("give exactly one of on, every, from/to/count, during, text, undated")
    return ways[0]


def medication(item: Item) -> list[Resource]:
    """`medication`: a MedicationRequest, or with `statement: true` a MedicationStatement."""
    if item.take("statement", False):
        return [_medication_statement(item)]
    supply, period = item.take("supply"), item.period("period")
    quantity = {"value": supply, "unit": "days", "system": UNITS, "code": "d"}
    return [
        {
            "resourceType": "MedicationRequest",
            "status": item.take("status", "completed"),
            "intent": item.take("intent", "order"),
            "medicationCodeableConcept": item.concept("medication", "drug"),
            "authoredOn": item.day("from"),
            **item.reasons(),
            "dosageInstruction": period and [{"timing": {"repeat": {"boundsPeriod": period}}}],
            "dispenseRequest": None if supply is None else {"expectedSupplyDuration": quantity},
        }
    ]


def _medication_statement(item: Item) -> Resource:
    ends = {"start": item.day("from"), "end": item.day("to")}
    period = item.period("period") or {name: day for name, day in ends.items() if day is not None}
    return {
        "resourceType": "MedicationStatement",
        "status": item.take("status", "completed" if "end" in period else "active"),
        "medicationCodeableConcept": item.concept("medication", "drug"),
        "effectivePeriod": period or None,
        **item.reasons(),
    }


def score(item: Item) -> list[Resource]:
    """`score`: an Observation with a number."""
    value, unit = item.take("value"), item.take("unit")
    quantity = {"value": value} | ({"unit": unit, "system": UNITS, "code": unit} if unit is not None else {})
    return [
        {
            "resourceType": "Observation",
            "status": item.take("status", "final"),
            "category": [hl7("observation-category", "survey")],
            "code": item.concept("score"),
            **item.moment("on", "effective"),
            "valueQuantity": None if value is None else quantity,
            "bodySite": item.concept("site"),
        }
    ]


def imaging(item: Item) -> list[Resource]:
    """`imaging`: a DiagnosticReport; `conclusion` is a coded finding (or several), `text` the narrative."""
    found = item.take("conclusion", [])
    findings = [finding(name) for name in (found if isinstance(found, list) else [found])]
    return [
        {
            "resourceType": "DiagnosticReport",
            "status": item.take("status", "final"),
            "category": [
                {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}]}
            ],
            "code": item.concept("imaging", "treatment"),
            **item.moment("on", "effective"),
            "conclusion": item.take("text"),
            "conclusionCode": findings or None,
        }
    ]


def order(item: Item) -> list[Resource]:
    """`order`: a ServiceRequest as a person or another system placed it."""
    site, identifier = item.concept("site"), item.take("identifier")
    system, _, value = (identifier or "").rpartition("|")
    return [
        {
            "resourceType": "ServiceRequest",
            "identifier": identifier and [{"system": system, "value": value}],
            "status": item.take("status", "active"),
            "intent": item.take("intent", "order"),
            "code": item.concept("order", "treatment"),
            "authoredOn": item.day("on"),
            **item.reasons(),
            "bodySite": site and [site],
        }
    ]


def pregnancy(item: Item) -> list[Resource]:
    """`pregnancy`: an Observation of pregnancy status, pregnant (true) or not (false)."""
    is_pregnant = item.take("pregnancy")
    return [
        {
            "resourceType": "Observation",
            "status": item.take("status", "final"),
            "code": concept("82810-3"),
            **item.moment("on", "effective"),
            "valueCodeableConcept": concept("77386006")
            if is_pregnant
            else concept(None, text="Not pregnant"),
        }
    ]


def coverage(item: Item) -> list[Resource]:
    """`coverage`: an insurance, by its type."""
    return [
        {
            "resourceType": "Coverage",
            "status": item.take("status", "active"),
            "type": item.concept("coverage", "payer"),
            "payor": [{"display": "Payer of the sample clinic"}],
        }
    ]


def refuses(item: Item) -> list[Resource]:
    """`refuses`: a Consent that denies one procedure or referral, for a `period` or for good."""
    period = item.period("period")
    return [
        {
            "resourceType": "Consent",
            "status": item.take("status", "active"),
            "scope": hl7("consentscope", "treatment"),
            "category": [{"text": "Refusal of a treatment"}],
            "dateTime": item.day("on"),
            "policyRule": {"text": "The patient's own decision"},
            "provision": {
                "type": "deny",
                **({"period": period} if period else {}),
                "code": [item.concept("refuses", "treatment")],
            },
        }
    ]


def allergy(item: Item) -> list[Resource]:
    """`allergy`: an active, confirmed allergy; `allergy: null` with a `text` is one without a code."""
    return [
        {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": hl7("allergyintolerance-clinical", "active"),
            "verificationStatus": hl7("allergyintolerance-verification", "confirmed"),
            "code": concept(item.take("allergy"), text=item.take("text")),
            "recordedDate": item.day("on"),
        }
    ]


def questionnaire(item: Item) -> list[Resource]:
    """`questionnaire`: a QuestionnaireResponse of linkIds and their answers."""
    answers: Resource = item.take("questionnaire")
    return [
        {
            "resourceType": "QuestionnaireResponse",
            "status": item.take("status", "completed"),
            "authored": item.day("on"),
            "item": [{"linkId": str(link), "answer": [_answer(value)]} for link, value in answers.items()],
        }
    ]


def _answer(value: float | str) -> Resource:
    if isinstance(value, str):
        return {"valueString": value}
    return {"valueInteger": value} if isinstance(value, int) else {"valueDecimal": value}


def resource(item: Item) -> list[Resource]:
    """`resource`: FHIR JSON as the story has it."""
    given: Resource = item.take("resource")
    return [dict(given)]


KINDS: dict[str, Callable[[Item], list[Resource]]] = {
    "condition": condition,
    "procedure": procedure,
    "medication": medication,
    "score": score,
    "imaging": imaging,
    "order": order,
    "pregnancy": pregnancy,
    "coverage": coverage,
    "refuses": refuses,
    "allergy": allergy,
    "questionnaire": questionnaire,
    "resource": resource,
}
# What a `ref` to a line of this kind points at.
TYPES = {
    "condition": "Condition",
    "procedure": "Procedure",
    "medication": "MedicationRequest",
    "score": "Observation",
    "imaging": "DiagnosticReport",
    "order": "ServiceRequest",
}
