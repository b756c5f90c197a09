"""The CapabilityStatement, walked: what it declares works, what it does not is refused."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fhir_profiles import RESOURCES
from referral_service.fhir.check import check
from tests.api.charts import CANONICAL, new_id
from tests.kit.server import Running

ALLERGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
SMALLEST: dict[str, dict[str, Any]] = {
    "Patient": {},
    "Condition": {"subject": {"reference": "Patient/x"}},
    "Procedure": {"status": "completed", "subject": {"reference": "Patient/x"}},
    "Observation": {"status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/x"}},
    "QuestionnaireResponse": {"status": "completed", "subject": {"reference": "Patient/x"}},
    "MedicationRequest": {
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": "x"},
        "subject": {"reference": "Patient/x"},
    },
    "MedicationStatement": {
        "status": "active",
        "medicationCodeableConcept": {"text": "x"},
        "subject": {"reference": "Patient/x"},
    },
    "AllergyIntolerance": {
        "clinicalStatus": {"coding": [{"system": ALLERGY, "code": "active"}]},
        "patient": {"reference": "Patient/x"},
    },
    "DiagnosticReport": {"status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/x"}},
    "ImagingStudy": {"status": "available", "subject": {"reference": "Patient/x"}},
    "ServiceRequest": {"status": "active", "intent": "order", "subject": {"reference": "Patient/x"}},
    "Encounter": {"status": "finished", "class": {"code": "AMB"}, "subject": {"reference": "Patient/x"}},
    "Coverage": {
        "status": "active",
        "beneficiary": {"reference": "Patient/x"},
        "payor": [{"display": "x"}],
    },
    "Consent": {
        "status": "active",
        "scope": {"text": "x"},
        "category": [{"text": "x"}],
        "patient": {"reference": "Patient/x"},
        "policyRule": {"text": "x"},
    },
    "Goal": {
        "lifecycleStatus": "active",
        "description": {"text": "x"},
        "subject": {"reference": "Patient/x"},
    },
    "Organization": {"name": "x"},
    "Practitioner": {},
    "PractitionerRole": {},
    "Location": {},
    "Subscription": {
        "status": "off",
        "reason": "x",
        "criteria": "Task?",
        "channel": {"type": "rest-hook", "endpoint": "https://localhost/hook"},
    },
}
EMITTED = {"Task", "GuidanceResponse", "Provenance", "DetectedIssue", "AuditEvent"}
# Of every file that is published, the policy's own, and those of the table of searches.
PUBLISHED = {json.loads(path.read_bytes())["resourceType"] for path in RESOURCES.rglob("*.json")} | {
    "PlanDefinition",
    "SearchParameter",
}
_TASK = {"status": "accepted", "intent": "order"}
VALUES = {"token": "x", "reference": "x", "date": "2026", "uri": "x", "string": "x"}


@pytest.fixture(scope="module")
def statement(server: Running) -> dict[str, Any]:
    found: dict[str, Any] = server.http.get("/metadata").json()
    return found


def declared(statement: dict[str, Any]) -> Iterator[tuple[str, set[str], dict[str, str]]]:
    """Each type with its interactions and its search parameters."""
    for one in statement["rest"][0]["resource"]:
        codes = {interaction["code"] for interaction in one["interaction"]}
        yield one["type"], codes, {p["name"]: p["type"] for p in one["searchParam"]}


def test_the_statement_is_valid_and_names_every_type(statement: dict[str, Any]) -> None:
    assert check(statement) == []
    assert statement["fhirVersion"] == "4.0.1"
    assert {kind for kind, _, _ in declared(statement)} == {*SMALLEST, *EMITTED, *PUBLISHED}


def test_every_declared_parameter_can_be_searched_by(server: Running, statement: dict[str, Any]) -> None:
    strict = {"prefer": "handling=strict"}
    for kind, _, parameters in declared(statement):
        for name, sort in parameters.items():
            answer = server.http.get(f"/{kind}", params={name: VALUES[sort]}, headers=strict)
            assert answer.status_code == 200, (kind, name, answer.text)
        for name in {"subject", "code", "status", "date", "focus", "intent", "target"} - parameters.keys():
            assert server.http.get(f"/{kind}", params={name: "x"}, headers=strict).status_code == 400


@pytest.mark.parametrize("kind", sorted(SMALLEST))
def test_what_is_taken_in_can_be_used_as_declared(
    server: Running, statement: dict[str, Any], kind: str
) -> None:
    (codes,) = (codes for one, codes, _ in declared(statement) if one == kind)
    assert codes == {"create", "read", "vread", "update", "delete", "history-instance", "search-type"}
    mine = {"resourceType": kind, "id": new_id("cap"), **SMALLEST[kind]}
    url = f"/{kind}/{mine['id']}"
    assert server.post(mine).status_code == 201
    assert server.put(mine).status_code == 201
    assert server.http.get(url).status_code == 200
    assert server.http.get(f"{url}/_history/1").status_code == 200
    assert server.http.get(f"{url}/_history").status_code == 200
    assert server.search(kind, _id=mine["id"])["total"] == 1
    assert server.http.delete(url).status_code == 204
    assert server.http.patch(url, json={}).status_code == 405


@pytest.mark.parametrize("kind", sorted(EMITTED))
def test_what_is_only_given_out_cannot_be_written(
    server: Running, statement: dict[str, Any], kind: str
) -> None:
    (codes,) = (codes for one, codes, _ in declared(statement) if one == kind)
    theirs = {"update", "patch"} if kind == "Task" else set()
    versions = set() if kind == "AuditEvent" else {"vread", "history-instance"}
    assert codes == {"read", "search-type", *versions, *theirs}
    assert server.search(kind)["type"] == "searchset"
    assert server.http.get(f"/{kind}/none").status_code == 404
    assert server.http.post(f"/{kind}", json={"resourceType": kind}).status_code == 405
    assert server.http.delete(f"/{kind}/none").status_code == 405
    none = {"resourceType": kind, "id": "none", **_TASK}
    assert server.http.put(f"/{kind}/none", json=none).status_code == (404 if theirs else 405)
    patch = {"content-type": "application/json-patch+json"}
    answer = server.http.patch(f"/{kind}/none", content=b"[]", headers=patch)
    assert answer.status_code == (404 if theirs else 405)


@pytest.mark.parametrize("kind", sorted(PUBLISHED))
def test_what_is_published_can_only_be_looked_up(
    server: Running, statement: dict[str, Any], kind: str
) -> None:
    (codes,) = (codes for one, codes, _ in declared(statement) if one == kind)
    assert codes == {"read", "search-type"}
    found = server.search(kind, _count="1")["entry"][0]["resource"]
    url = f"/{kind}/{found['id']}"
    assert server.http.get(url).json() == found
    for method in ("PUT", "DELETE", "PATCH"):
        assert server.http.request(method, url, json=found).status_code == 405
    assert server.http.post(f"/{kind}", json=found).status_code == 405
    assert server.http.get(f"{url}/_history").status_code == 404


def operations(statement: dict[str, Any]) -> dict[str, str]:
    """Each operation, as Type/$name, with its definition."""
    return {
        f"{one['type']}/${operation['name']}": operation["definition"]
        for one in statement["rest"][0]["resource"]
        for operation in one.get("operation", ())
    }


QUESTIONS = {"Patient/$assess", "PlanDefinition/$apply"}
VERBS = {
    *(f"ServiceRequest/${verb}" for verb in ("approve", "decline", "withdraw", "acknowledge", "close")),
    *(f"Task/${verb}" for verb in ("claim", "release", "reassign", "complete", "acknowledge")),
}


def test_every_declared_operation_is_served(server: Running, statement: dict[str, Any]) -> None:
    """What changes nothing by GET and POST, what people say by POST alone."""
    assert set(operations(statement)) == QUESTIONS | VERBS
    for name in operations(statement):
        kind, _, operation = name.partition("/")
        url = f"/{kind}/nobody/{operation}"
        allowed = "GET, HEAD, POST" if name in QUESTIONS else "POST"
        for method in allowed.split(", "):
            parameters = {"resourceType": "Parameters"} if method == "POST" else None
            assert server.http.request(method, url, json=parameters).status_code == 404
        assert server.http.put(url, json={}).headers["Allow"] == allowed


def test_every_operation_of_ours_has_a_definition_that_can_be_read(
    server: Running, statement: dict[str, Any]
) -> None:
    for name, url in operations(statement).items():
        if url.startswith(CANONICAL):
            (found,) = server.search("OperationDefinition", url=url)["entry"]
            defined = {f"{kind}/${found['resource']['code']}" for kind in found["resource"]["resource"]}
            assert name in defined <= set(operations(statement))
            assert found["resource"]["affectsState"] == (name in VERBS)
        else:
            assert url == "http://hl7.org/fhir/OperationDefinition/PlanDefinition-apply"


def test_every_profile_of_ours_on_a_declared_type_is_declared(
    server: Running, statement: dict[str, Any]
) -> None:
    told = {one["type"]: one.get("supportedProfile", []) for one in statement["rest"][0]["resource"]}
    ours = [json.loads(path.read_bytes()) for path in RESOURCES.rglob("*.json")]
    profiles = {
        one["url"]: one["type"]
        for one in ours
        if one["resourceType"] == "StructureDefinition" and one["type"] in told and one["status"] == "active"
    }
    assert {url: kind for kind, urls in told.items() for url in urls} == profiles
    for url in profiles:
        assert server.search("StructureDefinition", url=url)["total"] == 1


def test_a_compartment_is_declared_as_what_it_is(server: Running, statement: dict[str, Any]) -> None:
    """R4's compartment of a patient has what the patient pays for too; ours has what is about the patient."""
    (rest,) = statement["rest"]
    assert "compartment" not in rest
    assert "[type]?patient=[id]" in rest["documentation"]
    payer = new_id("payer")
    server.post(
        {"resourceType": "Coverage", **SMALLEST["Coverage"], "payor": [{"reference": f"Patient/{payer}"}]}
    )
    assert server.search(f"Patient/{payer}/Coverage")["total"] == 0
    assert server.search("Patient/x/Coverage")["total"] == server.search("Coverage", patient="x")["total"] > 0


def test_batches_and_transactions_are_declared(statement: dict[str, Any]) -> None:
    assert [one["code"] for one in statement["rest"][0]["interaction"]] == ["transaction", "batch"]


def test_every_parameter_of_what_is_stored_has_a_definition_that_can_be_read(
    server: Running, statement: dict[str, Any]
) -> None:
    defined = {
        one["definition"]: (resource["type"], one["name"], one["type"])
        for resource in statement["rest"][0]["resource"]
        for one in resource["searchParam"]
        if "definition" in one
    }
    entries = server.search("SearchParameter", _count="500")["entry"]
    found = [one["resource"] for one in entries]
    assert {one["url"]: (*one["base"], one["code"], one["type"]) for one in found} == defined
    assert {kind for kind, *_ in defined.values()} == {*SMALLEST, *EMITTED} - {"AuditEvent"}
    for one in found:
        assert check(one) == []
        assert server.http.get(f"/SearchParameter/{one['id']}").json() == one
