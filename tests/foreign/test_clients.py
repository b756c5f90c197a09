"""FHIR clients that others wrote drive a live service: PyPI fhirpy and fhirclient, npm fhir-kit-client."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle
from fhirclient.models.guidanceresponse import GuidanceResponse
from fhirclient.models.patient import Patient
from fhirclient.models.procedure import Procedure
from fhirclient.models.task import Task
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound
from requests import HTTPError

from referral_service.clinic.chart import build
from referral_service.clinic.stories import load
from referral_service.clock import SystemClock, local_day
from tests.foreign import node
from tests.kit.processes import place, service, until

Json = dict[str, Any]

STORY = next(story for story in load() if story["id"] == "annular-tear-fails-six-months-of-care")
TODAY = local_day(SystemClock().now(), "UTC")
PER_PAGE = 5
EXHAUSTED = {"outcome": "exhausted", "region": "lumbar", "target": "intradiscal"}
# The Task for the reviewer, with the proposal that it is about.
DRAFTED = [("match", "Task", "requested"), ("include", "ServiceRequest", "draft")]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of /fhir, of a service at work: API, worker and broker."""
    settings = place(tmp_path_factory.mktemp("driven"))
    with service(settings):
        yield f"http://127.0.0.1:{settings.port}/fhir"


def chart(patient: str) -> Json:
    """A transaction with the whole story, about a patient of this id."""
    resources = build({**STORY, "id": patient}, TODAY)
    entries = [
        {"request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}, "resource": one}
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def visits(sent: Json) -> list[str]:
    """The days of the chart's procedures, in order."""
    resources = [entry["resource"] for entry in sent["entry"]]
    days = [one["performedDateTime"] for one in resources if one["resourceType"] == "Procedure"]
    assert len(days) > 2 * PER_PAGE
    return sorted(days)


def sizes(days: list[str]) -> list[int]:
    """How many are on each page."""
    whole, rest = divmod(len(days), PER_PAGE)
    return [PER_PAGE] * whole + [rest] * bool(rest)


def decided(guidance: Json) -> Json:
    """Outcome, region and target of a decision."""
    (parameters,) = guidance["contained"]
    assert guidance["outputParameters"] == {"reference": f"#{parameters['id']}"}
    values = {one["name"]: one.get("valueCode") for one in parameters["parameter"]}
    return {name: values[name] for name in EXHAUSTED}


def test_fhirpy_keeps_a_patient(address: str) -> None:
    client = SyncFHIRClient(address)
    identifier = {"system": "urn:fhirpy", "value": "MRN-1"}
    made = client.resource("Patient", identifier=[identifier], gender="female").save()
    made["birthDate"] = "1968-04-02"
    made.save()
    assert (made["meta"]["versionId"], made["birthDate"]) == ("2", "1968-04-02")
    once = SyncFHIRClient(address, extra_headers={"If-None-Exist": "identifier=urn:fhirpy|MRN-1"})
    assert once.resource("Patient", identifier=[identifier]).save().id == made.id

    same = client.resources("Patient").search(identifier="urn:fhirpy|MRN-1")
    changed, is_new = same.update(client.resource("Patient", identifier=[identifier], gender="other"))
    assert (changed.id, changed["meta"]["versionId"], is_new) == (made.id, "3", False)
    other = client.resource("Patient", identifier=[{**identifier, "value": "MRN-2"}])
    assert client.resources("Patient").search(identifier="urn:fhirpy|MRN-2").update(other)[1] is True
    assert [same.count(), same.get().id, same.first()["gender"]] == [1, made.id, "other"]
    assert made.refresh()["gender"] == "other"

    first = client.execute(f"Patient/{made.id}/_history/1", method="get")
    history = client.execute(f"Patient/{made.id}/_history", method="get")
    assert [first["gender"], "birthDate" in first] == ["female", False]
    assert [one["resource"]["meta"]["versionId"] for one in history["entry"]] == ["3", "2", "1"]
    made.delete()
    with pytest.raises(ResourceNotFound):
        client.get("Patient", made.id)


def test_fhirpy_understands_a_refusal(address: str) -> None:
    client = SyncFHIRClient(address)
    with pytest.raises(OperationOutcome) as refused:
        client.resource("Patient", birthDate="2024-02-30").save()
    (issue,) = refused.value.resource["issue"]
    assert (issue["code"], issue["expression"]) == ("value", ["Patient.birthDate"])


def test_fhirpy_brings_a_chart_and_reads_the_decision(address: str) -> None:
    client = SyncFHIRClient(address)
    sent = chart("fhirpy")
    response = client.execute("", data=sent)
    assert {entry["response"]["status"] for entry in response["entry"]} == {"201 Created"}

    patient = client.reference("Patient", "fhirpy")
    procedures = client.resources("Procedure").search(patient=patient).sort("date").limit(PER_PAGE)
    assert [one["performedDateTime"] for one in procedures.fetch_all()] == visits(sent)
    assert len(procedures.fetch()) == PER_PAGE

    guidance = client.resources("GuidanceResponse").search(patient=patient)
    until(lambda: guidance.first() is not None, "decided")
    assert decided(guidance.get().serialize()) == EXHAUSTED
    tasks = client.resources("Task").search(patient=patient).include("Task", "focus").fetch_raw()
    found = [
        (e["search"]["mode"], e["resource"]["resourceType"], e["resource"]["status"]) for e in tasks.entry
    ]
    assert found == DRAFTED
    assessed = patient.execute("$assess", method="get", params={"asOf": "2020-01-01"})
    assert [entry["resource"]["resourceType"] for entry in assessed["entry"]] == ["GuidanceResponse"]
    assert client.execute("metadata", method="get")["fhirVersion"] == "4.0.1"


@pytest.fixture
def smart(address: str) -> FHIRClient:
    """PyPI fhirclient, which looks into /metadata how to authenticate: not at all."""
    client = FHIRClient({"app_id": "tests", "api_base": address})
    assert (client.ready, client.prepare(), client.ready) == (False, True, True)
    assert client.server.auth.auth_type == "none"
    assert client.server.capabilityStatement.fhirVersion == "4.0.1"
    return client


def test_fhirclient_keeps_a_patient(smart: FHIRClient) -> None:
    server = smart.server
    name = [{"family": "Chalmers", "given": ["Peter"]}]
    created = Patient({"resourceType": "Patient", "name": name, "birthDate": "1968-04-02"}).create(server)
    patient = Patient.read(created["id"], server)
    assert smart.human_name(patient.name[0]) == "Peter Chalmers"
    patient.gender = "male"
    assert patient.update(server)["meta"]["versionId"] == "2"
    assert Patient.read_from(f"Patient/{patient.id}/_history/1", server).gender is None
    history = Bundle.read_from(f"Patient/{patient.id}/_history", server)
    assert (history.type, [entry.resource.gender for entry in history.entry]) == ("history", ["male", None])
    patient.delete(server)
    with pytest.raises(HTTPError) as refused:
        Patient.read(patient.id, server)
    assert refused.value.response.status_code == 410


def test_fhirclient_brings_a_chart_and_reads_the_decision(smart: FHIRClient) -> None:
    server = smart.server
    sent = chart("fhirclient")
    response = Bundle(Bundle(sent).create(server))
    assert {entry.response.status for entry in response.entry} == {"201 Created"}

    of_the_patient = {"patient": "Patient/fhirclient"}
    ordered = Procedure.where({**of_the_patient, "_sort": "date", "_count": str(PER_PAGE)})
    pages = [[one.resource.as_json() for one in page.entry] for page in ordered.perform_iter(server)]
    days = visits(sent)
    assert [len(page) for page in pages] == sizes(days)
    assert [one["performedDateTime"] for page in pages for one in page] == days

    search = GuidanceResponse.where(of_the_patient)
    until(lambda: bool(list(search.perform_resources_iter(server))), "decided")
    (guidance,) = search.perform_resources_iter(server)
    assert decided(guidance.as_json()) == EXHAUSTED
    with_focus = Task.where(of_the_patient).include("focus", Task)
    (tasks,) = with_focus.perform_iter(server)
    found = [(e.search.mode, e.resource.resource_type, e.resource.status) for e in tasks.entry]
    assert found == DRAFTED


@pytest.fixture(scope="module")
def kit(address: str) -> Json:
    """What npm's fhir-kit-client saw."""
    given = {"chart": chart("fhir-kit-client"), "subject": "Patient/fhir-kit-client"}
    seen: Json = json.loads(node.run("fhir_kit_client.mjs", json.dumps(given), address))
    return seen


@node.needs_node
def test_fhir_kit_client_keeps_a_patient(kit: Json) -> None:
    assert kit["created"] == [201, "1"]
    assert kit["createdAgain"] == [200, True, "female"]
    assert kit["updated"] == [200, "2", "1968-04-02"]
    assert kit["updatedByIdentifier"] == [200, True, "3"]
    assert kit["firstVersion"] == "female"
    assert kit["history"] == ["3", "2", "1"]
    assert kit["found"] == [True]
    assert kit["deleted"] == 204


@node.needs_node
def test_fhir_kit_client_understands_refusals(kit: Json) -> None:
    assert kit["staleUpdate"] == [412, "conflict"]
    assert kit["patched"] == [405, "not-supported"]
    assert kit["noDate"] == [400, "value"]
    assert kit["gone"] == [410, "deleted"]


@node.needs_node
def test_fhir_kit_client_brings_a_chart_and_reads_the_decision(kit: Json) -> None:
    sent = chart("fhir-kit-client")
    assert (kit["fhirVersion"], kit["mayUpdate"]) == ("4.0.1", True)
    assert kit["transaction"] == ["transaction-response", ["201"] * len(sent["entry"])]
    assert kit["resolved"] == "fhir-kit-client"
    assert (kit["pages"], kit["visits"]) == (sizes(visits(sent)), visits(sent))
    assert decided(kit["decision"]) == EXHAUSTED
    assert [tuple(one) for one in kit["tasks"]] == DRAFTED
    assert kit["assessed"] == ["GuidanceResponse"]
