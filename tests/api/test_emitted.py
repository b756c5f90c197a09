"""What the service writes itself: read and searched like the rest, and changed by nobody else."""

from typing import Any

import pytest

from referral_service.fhir.parse import dump
from referral_service.workflow.ingest import terms
from referral_service.workflow.ports import DEFAULT_TENANT, Happening, PatientId, Write
from tests.api.charts import CANONICAL, entry, issues, new_id, order, patient
from tests.kit.server import Running, ids


def emit(server: Running, of: str, *resources: dict[str, Any]) -> None:
    """As a worker stores its results: no facts are read from them."""
    writes = [
        Write(type=one["resourceType"], id=one["id"], body=dump(one), patient=PatientId(of), terms=terms(one))
        for one in resources
    ]
    happenings = [Happening("drafted", f"{one.type}/{one.id}", "service") for one in writes]
    server.service.store.commit(DEFAULT_TENANT, writes, happenings)


@pytest.fixture
def proposal(server: Running) -> dict[str, Any]:
    """A proposal of ours, with its Task."""
    of = new_id()
    ours = order(
        f"Patient/{of}",
        id=new_id("proposal"),
        status="draft",
        intent="proposal",
        identifier=[{"system": f"{CANONICAL}/referral", "value": new_id("referral")}],
        authoredOn="2026-06-01T08:00:00Z",
    )
    task = {
        "resourceType": "Task",
        "id": new_id("task"),
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "approve"}]},
        "focus": {"reference": f"ServiceRequest/{ours['id']}"},
        "for": {"reference": f"Patient/{of}"},
        "authoredOn": "2026-06-01T08:00:00Z",
        "owner": {"reference": "Practitioner/nurse-7"},
    }
    emit(server, of, ours, task)
    return ours


def of(proposal: dict[str, Any]) -> str:
    """The patient's reference."""
    return str(proposal["subject"]["reference"])


def test_a_task_brings_what_it_is_about(server: Running, proposal: dict[str, Any]) -> None:
    found = server.search("Task", patient=of(proposal), _include="Task:focus")
    assert found["total"] == 1
    assert ids(found, "include") == [proposal["id"]]
    assert ids(server.search("Task", focus=proposal["id"])) == ids(found)
    alone = server.search("Task", patient=of(proposal), owner="Practitioner/nurse-7", status="requested")
    assert (ids(alone), ids(alone, "include")) == (ids(found), [])


@pytest.mark.parametrize(
    "asked", [{"code": "approve"}, {"priority": "routine"}, {"authored_on": "2026-06-01"}, {"subject": ""}]
)
def test_tasks_are_found_by_their_own_parameters(
    server: Running, proposal: dict[str, Any], asked: dict[str, str]
) -> None:
    asked = {name: value or of(proposal) for name, value in asked.items()}
    assert server.search("Task", patient=of(proposal), **asked)["total"] == 1


def test_the_content_of_what_we_wrote_is_whole(server: Running, proposal: dict[str, Any]) -> None:
    read = server.http.get(f"/ServiceRequest/{proposal['id']}").json()
    meta = read.pop("meta")
    assert (read, meta["versionId"]) == (proposal, "1")


def test_a_client_cannot_change_what_the_service_wrote(server: Running, proposal: dict[str, Any]) -> None:
    before = server.dump()
    changed = {**proposal, "status": "completed"}
    answers = [
        server.put(changed),
        server.http.delete(f"/ServiceRequest/{proposal['id']}"),
        server.http.put("/ServiceRequest", params={"_id": proposal["id"]}, json=changed),
        server.send(
            "transaction",
            entry("POST", "Patient", patient()),
            entry("PUT", f"ServiceRequest/{proposal['id']}", changed),
        ),
        server.send(
            "transaction",
            entry("POST", "Patient", patient()),
            entry("DELETE", f"ServiceRequest/{proposal['id']}"),
        ),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert issues(answers[3].json()) == [("forbidden", "Bundle.entry[1].resource.id")]
    assert issues(answers[4].json()) == [("forbidden", "Bundle.entry[1].request")]
    assert server.dump() == before


def test_an_ehr_may_echo_our_order_under_its_own_id(server: Running, proposal: dict[str, Any]) -> None:
    echo = {**proposal, "id": new_id("echo"), "intent": "order", "status": "active"}
    assert server.put(echo).status_code == 201
    assert server.put({**echo, "status": "completed"}).status_code == 200
    found = server.search("ServiceRequest", identifier=proposal["identifier"][0]["value"])
    assert set(ids(found)) == {proposal["id"], echo["id"]}


def test_other_types_of_ours_take_no_writes_in_a_bundle_either(server: Running) -> None:
    task = {"resourceType": "Task", "id": "mine", "status": "requested", "intent": "order"}
    answer = server.send("transaction", entry("PUT", "Task/mine", task)).json()
    assert answer["entry"][0]["response"]["status"] == "202 Accepted"
    assert server.http.get("/Task/mine").status_code == 404
