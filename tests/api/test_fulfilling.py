"""A fulfiller writes the Task to fulfil an order: by PUT or PATCH; nothing else of it, and no other Task."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from referral_service.wiring import build_assessor, build_sender
from tests.api.charts import entry
from tests.api.people import EXHAUSTED, House
from tests.kit.server import running

Json = dict[str, Any]
SURGEON = {"x-actor": "Practitioner/surgeon-3"}
REPORT = [{"type": {"text": "report"}, "valueReference": {"reference": "DiagnosticReport/r1"}}]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A service with its worker, whose partner reads orders there."""
    with running(tmp_path_factory.mktemp("house"), destination="pull") as served:
        yield House(served, build_assessor(served.service.settings, served.service.store))


@pytest.fixture
def task(house: House) -> Json:
    """The Task of an order that the partner can read."""
    patient = house.chart(*EXHAUSTED)
    (proposal,) = house.ours(patient, "ServiceRequest")
    assert house.say("approve", proposal).status_code == 200
    service = house.server.service
    sender = build_sender(service.settings, service.store)
    assert sender
    assert sender.courier.deliver() == ["arrived"]
    house.judge()
    return of_patient(house, patient)


def of_patient(house: House, patient: str) -> Json:
    found = house.ours(patient, "Task")
    return next(one for one in found if one["code"]["coding"][0]["code"] == "fulfill")


def again(house: House, task: Json) -> Json:
    found: Json = house.server.http.get(f"/Task/{task['id']}").json()
    return found


def put(house: House, task: Json, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return house.server.http.put(f"/Task/{task['id']}", json=task, headers={**SURGEON, **named})


def patch(house: House, task: Json, *operations: Json, **headers: str) -> httpx.Response:
    named = {"content-type": "application/json-patch+json", **SURGEON}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    return house.server.http.patch(f"/Task/{task['id']}", json=list(operations), headers=named)


def test_a_put_moves_the_order_along_until_its_loop_is_closed(house: House, task: Json) -> None:
    accepted = put(house, {**task, "status": "accepted"})
    assert (accepted.status_code, accepted.json()["status"]) == (200, "accepted")
    assert accepted.headers["etag"] == f'W/"{accepted.json()["meta"]["versionId"]}"'
    booked = {"text": "scheduled"}
    assert (
        put(house, {**accepted.json(), "status": "in-progress", "businessStatus": booked}).status_code == 200
    )
    closed = put(house, {**again(house, task), "status": "completed", "output": REPORT})
    assert closed.status_code == 200
    assert closed.json()["output"] == REPORT
    order = house.server.http.get(f"/{task['focus']['reference']}").json()
    assert (order["intent"], order["status"]) == ("order", "completed")


def test_a_patch_says_the_same(house: House, task: Json) -> None:
    answer = patch(house, task, {"op": "replace", "path": "/status", "value": "accepted"})
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    answer = patch(house, task, {"op": "add", "path": "/owner", "value": {"reference": "Organization/spine"}})
    assert answer.json()["owner"] == {"reference": "Organization/spine"}


def test_what_a_fulfiller_says_is_among_the_audit_events(house: House, task: Json) -> None:
    assert put(house, {**task, "status": "accepted"}).status_code == 200
    found = house.server.search("AuditEvent", entity=f"Task/{task['id']}", _count="500")["entry"]
    (told,) = (one["resource"] for one in found if one["resource"]["outcomeDesc"] == "told")
    assert (told["outcome"], told["agent"][0]["who"]) == ("0", {"reference": SURGEON["x-actor"]})
    assert house.server.http.get(f"/AuditEvent/{told['id']}").json() == told


@pytest.mark.parametrize("search", ["_id={id}", "identifier=urn:nobody|1", "patient={patient}"])
def test_no_task_is_written_by_a_search(house: House, task: Json, search: str) -> None:
    url = f"/Task?{search.format(id=task['id'], patient=task['for']['reference'])}"
    answer = house.server.http.put(url, json={**task, "status": "accepted"}, headers=SURGEON)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert again(house, task) == task


def test_the_same_again_changes_nothing(house: House, task: Json) -> None:
    first = put(house, {**task, "status": "accepted"})
    second = put(house, first.json())
    assert (second.status_code, second.headers["etag"]) == (200, first.headers["etag"])


def test_a_version_that_was_not_seen_is_not_overwritten(house: House, task: Json) -> None:
    accepted = {**task, "status": "accepted"}
    assert put(house, accepted, if_match='W/"99"').status_code == 412
    assert again(house, task) == task
    version = f'W/"{task["meta"]["versionId"]}"'
    assert put(house, accepted, if_match=version).status_code == 200
    assert patch(house, task, if_match=version).status_code == 412


REFUSED: dict[str, tuple[list[Json], int, str]] = {
    "a status that no fulfiller gives": (
        [{"op": "replace", "path": "/status", "value": "draft"}],
        422,
        "Task.status",
    ),
    "a status that R4 does not have": (
        [{"op": "replace", "path": "/status", "value": "done"}],
        400,
        "Task.status",
    ),
    "an end without its report": (
        [{"op": "replace", "path": "/status", "value": "completed"}],
        422,
        "Task.output",
    ),
    "another patient": ([{"op": "replace", "path": "/for/reference", "value": "Patient/x"}], 422, "Task.for"),
    "no focus": ([{"op": "remove", "path": "/focus"}], 422, "Task.focus"),
    "no status": ([{"op": "remove", "path": "/status"}], 400, "Task.status"),
    "another resource": ([{"op": "replace", "path": "/resourceType", "value": "Patient"}], 422, "Task"),
    "another id": ([{"op": "replace", "path": "/id", "value": "x"}], 422, "Task"),
    "a place that is not there": ([{"op": "remove", "path": "/output/3"}], 422, ""),
    "a test that fails": ([{"op": "test", "path": "/status", "value": "draft"}], 422, ""),
    "an unknown operation": ([{"op": "append", "path": "/status", "value": "x"}], 400, ""),
    "an operation of another kind": ([{"op": ["add"], "path": "/status", "value": "x"}], 400, ""),
    "an operation without its place": ([{"op": "remove"}], 400, ""),
    "an operation without its value": ([{"op": "replace", "path": "/status"}], 400, ""),
    "a copy from nowhere": ([{"op": "copy", "path": "/note/-"}], 400, ""),
    "a move from what is no place": ([{"op": "move", "from": "note/0", "path": "/note/-"}], 400, ""),
    "a place without a slash": ([{"op": "replace", "path": "status", "value": "accepted"}], 400, ""),
    "a place with half an escape": ([{"op": "remove", "path": "/note~2"}], 400, ""),
    "a place of another kind": ([{"op": "remove", "path": 1}], 400, ""),
    "a good operation before a bad one": (
        [{"op": "replace", "path": "/status", "value": "accepted"}, {"op": "remove"}],
        400,
        "",
    ),
    "copies of copies": (
        [
            {"op": "add", "path": "/note", "value": [{"text": "x"}]},
            *([{"op": "copy", "from": "/note", "path": "/note/-"}] * 90),
        ],
        422,
        "",
    ),
    "more than anybody has to say": ([{"op": "test", "path": "/status", "value": "x"}] * 101, 400, ""),
    "a search for a reference": (
        [{"op": "add", "path": "/owner", "value": {"reference": "Practitioner?identifier=x|1"}}],
        400,
        "Task.owner.reference",
    ),
    "the whole resource": ([{"op": "replace", "path": "", "value": []}], 422, "Task"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_patch_that_may_not_be_changes_nothing(house: House, task: Json, what: str) -> None:
    operations, status, where = REFUSED[what]
    before = house.server.dump()
    answer = patch(house, task, *operations)
    assert answer.status_code == status, answer.text
    (issue,) = answer.json()["issue"]
    assert issue.get("expression", [""]) == [where]
    assert house.server.dump() == before


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"[{}]", b"nonsense", b'{"resourceType": "Task"}'])
def test_what_is_no_patch_is_refused(house: House, task: Json, body: bytes) -> None:
    headers = {"content-type": "application/json-patch+json"}
    answer = house.server.http.patch(f"/Task/{task['id']}", content=body, headers=headers)
    assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome")


def test_a_patch_of_another_kind_is_refused(house: House, task: Json) -> None:
    for kind in ("application/fhir+json", "application/xml", "application/merge-patch+json"):
        answer = house.server.http.patch(f"/Task/{task['id']}", content=b"[]", headers={"content-type": kind})
        assert answer.status_code == 415


def test_what_comes_late_is_a_conflict_that_names_the_state(house: House, task: Json) -> None:
    assert put(house, {**task, "status": "rejected"}).status_code == 200
    answer = put(house, {**task, "status": "accepted"})
    assert answer.status_code == 409
    assert "rejected" in answer.json()["issue"][0]["diagnostics"]


def test_only_a_task_to_fulfil_an_order_is_written(house: House, task: Json) -> None:
    patient = task["for"]["reference"].partition("/")[2]
    review = next(one for one in house.ours(patient, "Task") if one["id"] != task["id"])
    assert put(house, {**review, "status": "completed"}).status_code == 403
    stranger = {**task, "id": "nobody"}
    assert put(house, stranger).status_code == 404
    assert (
        put(house, {**task, "id": review["id"]} | {"id": task["id"], "status": "accepted"}).status_code == 200
    )
    wrong = house.server.http.put(f"/Task/{task['id']}", json=stranger)
    assert (wrong.status_code, wrong.json()["issue"][0]["expression"]) == (400, ["Task.id"])


def test_nothing_creates_or_deletes_a_task(house: House, task: Json) -> None:
    assert house.server.http.post("/Task", json=task).status_code == 405
    assert house.server.http.delete(f"/Task/{task['id']}").status_code == 405


def bundled(house: House, kind: str, *entries: Json) -> httpx.Response:
    body = {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
    return house.server.http.post("", json=body, headers=SURGEON)


def test_a_batch_tells_of_a_task_as_a_put_does(house: House, task: Json) -> None:
    answer = bundled(
        house,
        "batch",
        entry("PUT", f"Task/{task['id']}", {**task, "status": "accepted"}),
        entry("PUT", "Task/of-the-ehr", {"resourceType": "Task", "id": "of-the-ehr", "status": "their own"}),
        entry("PUT", "Patient/beside", {"resourceType": "Patient", "id": "beside"}),
    )
    statuses = [one["response"]["status"] for one in answer.json()["entry"]]
    assert [status[:3] for status in statuses] == ["200", "202", "201"]
    assert again(house, task)["status"] == "accepted"


IN_A_BATCH: dict[str, tuple[str, str, Json, str, str]] = {
    "a status that no fulfiller gives": ("PUT", "Task/{id}", {"status": "draft"}, "422", "resource.status"),
    "a status that R4 does not have": ("PUT", "Task/{id}", {"status": "done"}, "400", "resource.status"),
    "another patient": ("PUT", "Task/{id}", {"for": {"reference": "Patient/x"}}, "422", "resource.for"),
    "another id": ("PUT", "Task/{id}", {"id": "other"}, "400", "resource.id"),
    "a deletion": ("DELETE", "Task/{id}", {}, "405", "request"),
    "a patch": ("PATCH", "Task/{id}", {}, "400", "request.method"),
    "a search for a reference": (
        "PUT",
        "Task/{id}",
        {"owner": {"reference": "Practitioner?identifier=x|1"}},
        "400",
        "resource.owner.reference",
    ),
    "a search by id": ("PUT", "Task?_id={id}", {"status": "accepted"}, "405", "request"),
    "a search by identifier": (
        "PUT",
        "Task?identifier={identifier}",
        {"status": "accepted"},
        "405",
        "request",
    ),
}


@pytest.mark.parametrize("what", IN_A_BATCH)
def test_what_a_fulfiller_may_not_is_refused_in_a_batch_too(house: House, task: Json, what: str) -> None:
    method, url, change, status, where = IN_A_BATCH[what]
    address = url.format(id=task["id"], identifier=task["identifier"][0]["value"].replace("|", "\\|"))
    before = house.server.dump()
    answer = bundled(house, "batch", entry(method, address, {**task, **change}))
    (response,) = (one["response"] for one in answer.json()["entry"])
    assert response["status"].startswith(status)
    (issue,) = response["outcome"]["issue"]
    assert issue["expression"] == [f"Bundle.entry[0].{where}"]
    assert house.server.dump() == before


@pytest.mark.parametrize(
    "method, url", [("PUT", "Task/{id}"), ("DELETE", "Task/{id}"), ("PUT", "Task?_id={id}")]
)
def test_a_transaction_with_our_task_is_refused_whole(
    house: House, task: Json, method: str, url: str
) -> None:
    """What it asks for would not be done, and nobody would be told."""
    before = house.server.dump()
    beside = entry("PUT", "Patient/unseen", {"resourceType": "Patient", "id": "unseen"})
    answer = bundled(house, "transaction", beside, entry(method, url.format(id=task["id"]), task))
    (issue,) = answer.json()["issue"]
    assert (answer.status_code, issue["code"]) == (400, "not-supported")
    assert issue["expression"] == ["Bundle.entry[1].request"]
    assert house.server.dump() == before


@pytest.mark.parametrize(
    "method, url",
    [("POST", "Task"), ("PUT", "Task/theirs"), ("PUT", "Task?identifier=urn:theirs|1"), ("PUT", "Task?x=y")],
)
def test_an_ehrs_own_task_is_passed_by(house: House, method: str, url: str) -> None:
    own = {"resourceType": "Task", "id": "theirs", "status": "requested", "intent": "order"}
    for kind in ("batch", "transaction"):
        answer = bundled(house, kind, entry(method, url, own))
        assert [one["response"]["status"] for one in answer.json()["entry"]] == ["202 Accepted"]
