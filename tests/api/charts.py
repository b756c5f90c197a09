"""The resources that these tests send, each as small as R4 lets it be."""

from itertools import count
from typing import Any

Json = dict[str, Any]

_numbers = count(1)
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
CANONICAL = "https://spine-referral.example/fhir"


def new_id(word: str = "p") -> str:
    """An id that no other test uses."""
    return f"{word}-{next(_numbers)}"


def patient(identity: str = "", **more: Any) -> Json:
    """A Patient; without an id unless one is given."""
    return {"resourceType": "Patient", **({"id": identity} if identity else {}), **more}


def condition(of: str, code: str = "M51.26", **more: Any) -> Json:
    """A Condition with a lumbar disc code; `of` is the subject's reference."""
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
        "code": {"coding": [{"system": ICD_10_CM, "code": code}]},
        "subject": {"reference": of},
        **more,
    }


def therapy(of: str, day: str, **more: Any) -> Json:
    """A completed physiotherapy visit."""
    return {
        "resourceType": "Procedure",
        "status": "completed",
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "97110"}]},
        "subject": {"reference": of},
        "performedDateTime": day,
        **more,
    }


def score(of: str, value: float, **more: Any) -> Json:
    """A final pain score."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "72514-3"}]},
        "subject": {"reference": of},
        "valueQuantity": {"value": value, "unit": "score"},
        **more,
    }


def order(of: str, **more: Any) -> Json:
    """A ServiceRequest of an EHR."""
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": of},
        **more,
    }


def entry(method: str, url: str, resource: Json | None = None, full_url: str = "", **request: str) -> Json:
    """An entry of a batch or transaction."""
    made: Json = {"request": {"method": method, "url": url, **request}}
    if full_url:
        made["fullUrl"] = full_url
    if resource is not None:
        made["resource"] = resource
    return made


def statuses(bundle: Json) -> list[str]:
    """The status codes of a response Bundle's entries."""
    return [one["response"]["status"].split(" ")[0] for one in bundle["entry"]]


def issues(outcome: Json) -> list[tuple[str, str]]:
    """Code and expression of each issue of an OperationOutcome."""
    assert outcome["resourceType"] == "OperationOutcome"
    return [(one["code"], *one.get("expression", [""])) for one in outcome["issue"]]
