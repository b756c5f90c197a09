"""Bad input: an OperationOutcome that names the element, a 4xx, and a store that has not changed."""

import json
from typing import Any

import pytest

from tests.api.charts import condition, issues, new_id, order, patient, therapy
from tests.kit.server import FHIR_JSON, Running

WITHOUT_PATIENT = {"resourceType": "Condition", "code": {"text": "SECRET"}}
NAMELESS = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}

# What is sent to which path: the status, and the issues' codes and expressions.
REFUSED: dict[str, tuple[str, Any, int, list[tuple[str, str]]]] = {
    "not JSON": ("Patient", b"SECRET {", 400, [("structure", "")]),
    "nothing": ("Patient", b"", 400, [("structure", "")]),
    "JSON, but no object": ("Patient", b'["SECRET"]', 400, [("structure", "")]),
    "the same key twice": (
        "Patient",
        b'{"resourceType":"Patient","id":"a","id":"b"}',
        400,
        [("structure", "")],
    ),
    "not a number": ("Patient", b'{"resourceType":"Patient","x":NaN}', 400, [("structure", "")]),
    "half a surrogate": ("Patient", b'{"resourceType":"Patient","id":"\\ud800"}', 400, [("structure", "")]),
    "not UTF-8": ("Patient", b'{"resourceType":"Patient","id":"\xff"}', 400, [("structure", "")]),
    "no FHIR": ("Patient", {"SECRET": 1}, 400, [("required", "resourceType")]),
    "a type that R4 has not": ("Patient", {"resourceType": "SECRET"}, 400, [("value", "resourceType")]),
    "another type than the URL's": ("Patient", condition("Patient/x"), 400, [("invalid", "resourceType")]),
    "a Condition without a patient": ("Condition", WITHOUT_PATIENT, 400, [("required", "Condition.subject")]),
    "a subject that is a group": (
        "Condition",
        condition("Group/SECRET"),
        422,
        [("business-rule", "Condition.subject")],
    ),
    "a subject known by name only": (
        "Condition",
        {**condition(""), "subject": {"display": "SECRET"}},
        422,
        [("business-rule", "Condition.subject")],
    ),
    "an Encounter of nobody": ("Encounter", NAMELESS, 422, [("business-rule", "Encounter.subject")]),
    "a day that no calendar has": (
        "Procedure",
        therapy("Patient/x", "2024-02-30"),
        400,
        [("value", "Procedure.performedDateTime")],
    ),
    "a number where a text is due": (
        "Patient",
        patient(name=[{"family": 7, "text": "SECRET"}]),
        400,
        [("structure", "Patient.name[0].family")],
    ),
    "an element that R4 has not": ("Patient", patient(SECRET="x"), 400, [("structure", "Patient")]),
    "a code outside a required binding": (
        "ServiceRequest",
        order("Patient/x", status="SECRET"),
        400,
        [("code-invalid", "ServiceRequest.status")],
    ),
    "two faults": (
        "Procedure",
        {**therapy("Patient/x", "yesterday"), "status": "SECRET"},
        400,
        [("code-invalid", "Procedure.status"), ("value", "Procedure.performedDateTime")],
    ),
    "a type that we do not keep": ("Claim", {"resourceType": "Claim"}, 404, [("not-supported", "")]),
    "a Bundle as a resource": ("Bundle", {"resourceType": "Bundle"}, 404, [("not-supported", "")]),
    "no Bundle at the root": ("", patient(), 400, [("invalid", "resourceType")]),
    "a Bundle with entries that are none": (
        "",
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": "SECRET"}, 7]},
        400,
        [],
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_bad_input_is_refused_and_changes_nothing(server: Running, fault: str) -> None:
    path, sent, status, expected = REFUSED[fault]
    before = server.dump()
    body = sent if isinstance(sent, bytes) else json.dumps(sent)
    answer = server.http.post(f"/{path}", content=body, headers={"content-type": FHIR_JSON})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith(FHIR_JSON)
    assert issues(answer.json()) == expected or not expected
    assert "SECRET" not in answer.text
    assert server.dump() == before


def test_an_update_needs_the_urls_id(server: Running) -> None:
    before = server.dump()
    for sent in (patient(), patient("other")):
        answer = server.http.put("/Patient/mine", json=sent)
        assert (answer.status_code, issues(answer.json())) == (400, [("value", "Patient.id")])
    assert server.dump() == before


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "Patient/x", "GET, HEAD, PUT, DELETE"),
        ("DELETE", "Patient", "GET, HEAD, POST, PUT"),
        ("POST", "Patient/x", "GET, HEAD, PUT, DELETE"),
        ("POST", "GuidanceResponse", "GET, HEAD"),
        ("DELETE", "Task/x", "GET, HEAD, PUT, PATCH"),
        ("DELETE", "Provenance/x", "GET, HEAD"),
        ("PUT", "Patient/x/_history/1", "GET, HEAD"),
        ("DELETE", "metadata", "GET, HEAD"),
        ("GET", "", "POST"),
    ],
)
def test_a_method_that_has_no_place_is_refused(server: Running, method: str, path: str, allowed: str) -> None:
    answer = server.http.request(method, f"/{path}", json=patient("x"))
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert issues(answer.json()) == [("not-supported", "")]


@pytest.mark.parametrize(
    "path",
    [
        "Sickness",
        "Sickness/1",
        "Claim/1",
        "Patient/1/2/3",
        "Patient/x/$everything",
        "Patient/never-was/_history",
        "Patient/x/_history/first",
        "Patient/a b",
        "Patient/x/Organization",
    ],
)
def test_an_address_that_leads_nowhere_is_not_found(server: Running, path: str) -> None:
    answer = server.http.get(f"/{path}")
    assert answer.status_code == 404
    assert issues(answer.json())[0][0] in ("not-found", "not-supported")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/fhir+json; charset=UTF-8; fhirVersion=4.0",
        "application/json",
        "application/json+fhir",
        "text/json",
    ],
)
def test_json_is_taken_under_all_its_names(server: Running, content_type: str) -> None:
    body = json.dumps(patient())
    headers = {"content-type": content_type, "accept": content_type}
    assert server.http.post("/Patient", content=body, headers=headers).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/fhir+xml"},
        {"content-type": "application/fhir+json; charset=latin-1"},
        {"content-type": "application/fhir+json; fhirVersion=5.0"},
        {"content-type": FHIR_JSON, "content-encoding": "gzip"},
    ],
)
def test_other_bodies_are_refused(server: Running, headers: dict[str, str]) -> None:
    answer = server.http.post("/Patient", content=json.dumps(patient()), headers=headers)
    assert (answer.status_code, issues(answer.json())) == (415, [("not-supported", "")])


@pytest.mark.parametrize("accept", ["*/*", "text/html, */*;q=0.1", "application/*", "application/json", ""])
def test_whoever_takes_json_is_served(server: Running, accept: str) -> None:
    assert server.http.get("/Patient", headers={"accept": accept}).status_code == 200


@pytest.mark.parametrize(
    ("accept", "asked"),
    [("application/fhir+xml", ""), ("application/json;q=0", ""), ("*/*", "xml"), ("", "ttl")],
)
def test_whoever_does_not_is_told(server: Running, accept: str, asked: str) -> None:
    parameters = {"_format": asked} if asked else {}
    answer = server.http.get("/Patient", params=parameters, headers={"accept": accept})
    assert (answer.status_code, issues(answer.json())) == (406, [("not-supported", "")])


@pytest.mark.parametrize("asked", ["json", "application/fhir+json", "application/json"])
def test_the_format_asked_for_goes_before_the_header(server: Running, asked: str) -> None:
    headers = {"accept": "application/fhir+xml"}
    assert server.http.get(f"/Patient?_format={asked}", headers=headers).status_code == 200


def test_a_history_is_counted_in_numbers(server: Running) -> None:
    answer = server.http.get("/Patient/x/_history?_count=few")
    assert (answer.status_code, issues(answer.json())) == (400, [("value", "")])


def test_a_write_may_insist_on_a_version_s_not_being_there(server: Running) -> None:
    who = new_id()
    assert server.put(patient(who), if_none_match='W/"1"').status_code == 201
    assert server.put(patient(who, gender="male"), if_none_match='W/"9", "1"').status_code == 412
    assert server.put(patient(who, gender="male"), if_none_match='W/"2"').status_code == 200


def test_tags_are_compared_letter_by_letter(server: Running) -> None:
    who = new_id()
    server.put(patient(who))
    assert server.put(patient(who, gender="male"), if_match='W/"01"').status_code == 412
    assert server.put(patient(who, gender="male"), if_match='W/"7", "1"').status_code == 200


def test_a_body_over_the_limit_is_refused(server: Running) -> None:
    before = server.dump()
    large = b'{"resourceType":"Patient","x":"' + b"y" * (16 * 1024 * 1024) + b'"}'
    headers = {"content-type": FHIR_JSON}
    announced = server.http.post("/Patient", content=large, headers=headers)
    streamed = server.http.post(
        "/Patient", content=iter([large[:9_000_000], large[9_000_000:]]), headers=headers
    )
    for answer in (announced, streamed):
        assert (answer.status_code, issues(answer.json())) == (413, [("too-long", "")])
    assert server.dump() == before


def test_a_form_over_its_own_limit_is_refused(server: Running) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    filled = b"code=" + b"y" * (1024 * 1024 - len("code="))
    path = "/Condition/_search"
    assert server.http.post(path, content=filled, headers=headers).status_code == 200
    for large in (filled + b"y", iter([filled, b"y"])):
        answer = server.http.post(path, content=large, headers=headers)
        assert (answer.status_code, issues(answer.json())) == (413, [("too-long", "")])


def test_a_request_keeps_its_id(server: Running) -> None:
    for own in ("abc-1.2_3", "Root=1-6789:a/b+c==", "|4bf92f35.00f0;1,2~@", "x" * 200):
        kept = server.http.get("/metadata", headers={"x-request-id": own})
        assert kept.headers["x-request-id"] == own
    for odd in ("a b", "x" * 201, "<script>"):
        made = server.http.get("/Nothing", headers={"x-request-id": odd}).headers["x-request-id"]
        assert made != odd and len(made) == 36
