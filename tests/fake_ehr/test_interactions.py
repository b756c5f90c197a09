"""Single resources: created, read, updated, patched and deleted, each as R4 says."""

from typing import Any

import httpx
import pytest

from referral_service.fhir.check import check
from tests.fake_ehr.served import SYSTEM, Served, issue_codes, order, task


def test_what_is_created_can_be_read(ehr: Served) -> None:
    made = ehr.post(order("read"))

    assert made.status_code == 201
    assert made.headers["ETag"] == 'W/"1"'
    id = made.json()["id"]
    assert made.headers["Location"] == f"{ehr.address}/ServiceRequest/{id}/_history/1"
    read = ehr.http.get(f"/ServiceRequest/{id}")
    assert read.json() == made.json()
    assert read.headers["Content-Type"] == "application/fhir+json"
    assert read.json()["meta"]["versionId"] == "1"


def test_a_conditional_create_finds_what_is_there(ehr: Served) -> None:
    condition = f"identifier={SYSTEM}|conditional"

    first = ehr.post(order("conditional"), If_None_Exist=condition)
    second = ehr.post(order("conditional"), If_None_Exist=f"ServiceRequest?{condition}")

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert ehr.ehr.requests["POST", "conditional-create"] >= 2


def test_a_conditional_create_with_several_matches_is_refused(ehr: Served) -> None:
    ehr.post(order("several"))
    ehr.post(order("several"))

    refused = ehr.post(order("several"), If_None_Exist=f"identifier={SYSTEM}|several")

    assert (refused.status_code, issue_codes(refused)) == (412, ["multiple-matches"])
    assert len(ehr.ehr.by_identifier("ServiceRequest", SYSTEM, "several")) == 2


def test_an_update_creates_and_then_replaces(ehr: Served) -> None:
    first = ehr.put(order("update", id="u-1"))
    second = ehr.put(order("update", id="u-1", priority="urgent"))

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["ETag"] == 'W/"2"'
    assert ehr.http.get("/ServiceRequest/u-1").json()["priority"] == "urgent"
    assert "priority" not in ehr.http.get("/ServiceRequest/u-1/_history/1").json()


def test_an_update_of_another_version_is_refused(ehr: Served) -> None:
    ehr.put(order("match", id="m-1"))

    late = ehr.put(order("match", id="m-1", priority="stat"), If_Match='W/"7"')
    good = ehr.put(order("match", id="m-1", priority="asap"), If_Match='W/"1"')

    assert (late.status_code, good.status_code) == (412, 200)
    assert ehr.http.get("/ServiceRequest/m-1").json()["priority"] == "asap"


def test_a_conditional_update_finds_its_resource_or_makes_it(ehr: Served) -> None:
    address = f"/ServiceRequest?identifier={SYSTEM}|by-search"

    first = ehr.http.put(address, json=order("by-search"))
    second = ehr.http.put(address, json=order("by-search", priority="urgent"))

    third = ehr.http.put(address, json=order("by-search", id="other"))

    assert (first.status_code, second.status_code, third.status_code) == (201, 200, 400)
    assert first.json()["id"] == second.json()["id"]


def test_a_task_is_patched(ehr: Served) -> None:
    ehr.put(task("patched", "ServiceRequest/1", id="t-1"))
    patch = [
        {"op": "test", "path": "/status", "value": "requested"},
        {"op": "replace", "path": "/status", "value": "accepted"},
        {"op": "add", "path": "/note", "value": [{"text": "We will call."}]},
        {"op": "add", "path": "/note/-", "value": {"text": "We have called."}},
        {"op": "remove", "path": "/note/0"},
    ]

    answer = ehr.http.patch("/Task/t-1", json=patch, headers={"If-Match": 'W/"1"'})

    assert answer.status_code == 200
    assert answer.json()["status"] == "accepted"
    assert answer.json()["note"] == [{"text": "We have called."}]


def test_a_patch_that_is_no_json_is_refused(ehr: Served) -> None:
    assert ehr.http.patch("/Task/t-1", content=b"{").status_code == 400


@pytest.mark.parametrize(
    ("patch", "status"),
    [
        ({"op": "remove"}, 400),
        ([{"op": "move", "from": "/status", "path": "/code"}], 400),
        ([{"op": "test", "path": "/status", "value": "draft"}], 422),
        ([{"op": "remove", "path": "/owner"}], 422),
        ([{"op": "add", "path": "/nothing/there", "value": 1}], 422),
        ([{"op": "add", "path": "/identifier/9", "value": {}}], 422),
        ([{"op": "replace", "path": "/id", "value": "other"}], 422),
        ([{"op": "replace", "path": "/status", "value": "done"}], 422),
    ],
    ids=["no-array", "no-such-operation", "test", "nothing-there", "nowhere", "beyond", "identity", "no-r4"],
)
def test_a_patch_that_cannot_be_changes_nothing(ehr: Served, patch: Any, status: int) -> None:
    before = ehr.put(task("whole", "ServiceRequest/1", id="t-2")).json()

    answer = ehr.http.patch("/Task/t-2", json=patch)

    assert answer.status_code == status
    assert ehr.http.get("/Task/t-2").json() == before


def test_what_was_deleted_is_gone(ehr: Served) -> None:
    ehr.put(order("deleted", id="d-1"))

    assert ehr.http.delete("/ServiceRequest/d-1").status_code == 204

    assert ehr.http.get("/ServiceRequest/d-1").status_code == 410
    assert ehr.http.get("/ServiceRequest/d-1/_history/1").status_code == 200
    assert ehr.http.get("/ServiceRequest/d-1/_history/2").status_code == 410
    assert ehr.found("ServiceRequest", identifier=f"{SYSTEM}|deleted") == []
    assert ehr.put(order("deleted", id="d-1")).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/ServiceRequest/none", None, 404),
        ("GET", "/ServiceRequest/none/_history/1", None, 404),
        ("GET", "/Nonsense", None, 404),
        ("GET", "/ServiceRequest/a/b/c/d", None, 404),
        ("PATCH", "/ServiceRequest", [], 405),
        ("POST", "/ServiceRequest", "no json", 400),
        ("POST", "/ServiceRequest", {"resourceType": "Patient"}, 400),
        ("POST", "/ServiceRequest", {**order("x"), "status": "unheard"}, 400),
        ("PUT", "/ServiceRequest/a", order("x", id="b"), 400),
        ("PUT", "/ServiceRequest", order("x"), 400),
        ("PUT", "/ServiceRequest?identifier=x", {**order("x"), "status": "unheard"}, 400),
        ("DELETE", "/ServiceRequest/none", None, 404),
        ("POST", "", {"resourceType": "Bundle", "type": "collection"}, 400),
        ("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": ["none"]}, 400),
        ("POST", "", "no json", 400),
        ("POST", "/Nonsense", {"resourceType": "Patient"}, 404),
        ("PATCH", "/ServiceRequest/none", [], 404),
        ("GET", "?_page=unknown-1", None, 410),
    ],
)
def test_what_is_wrong_is_refused_with_an_outcome(
    ehr: Served, method: str, path: str, body: Any, status: int
) -> None:
    before = ehr.ehr.stored("ServiceRequest")

    refused = ehr.http.request(method, path, json=body)

    assert refused.status_code == status, refused.text
    assert check(refused.json()) == []
    assert issue_codes(refused)
    assert ehr.ehr.stored("ServiceRequest") == before


def test_a_client_may_prefer_no_body(ehr: Served) -> None:
    answer = ehr.post(order("minimal"), Prefer="return=minimal")

    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["Location"].endswith("/_history/1")


def test_decimals_keep_their_digits(ehr: Served) -> None:
    sent = (
        b'{"resourceType":"Observation","id":"o-1","status":"final","code":{"text":"Score"},'
        b'"valueQuantity":{"value":0.40}}'
    )

    answer = ehr.http.put("/Observation/o-1", content=sent)

    assert b'"value":0.40}' in answer.content


def test_its_capabilities_are_valid(ehr: Served) -> None:
    statement = ehr.http.get("/metadata").json()

    assert check(statement) == []
    assert statement["fhirVersion"] == "4.0.1"
    types = {one["type"] for one in statement["rest"][0]["resource"]}
    assert {"Patient", "ServiceRequest", "Task", "Subscription"} <= types


def test_the_report_counts_and_names_nobody(ehr: Served) -> None:
    ehr.put({"resourceType": "Patient", "id": "ann", "name": [{"family": "Averell"}]})

    report = httpx.get(ehr.address.replace("/fhir", "/_report"))

    assert report.json()["resources"]["Patient"] == 1
    assert report.json()["requests"]["PUT update"] >= 1
    assert "Averell" not in report.text and "ann" not in report.text
