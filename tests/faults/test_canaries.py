"""Marks in all that a sender may send: none is ever seen in a log, metric, trace, broker or refusal."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from referral_service.clinic.chart import build
from referral_service.clock import SystemClock, local_day
from referral_service.fhir.search.table import KINDS, TAKEN_IN
from tests.api.hostile import MARK, MARKED_ID
from tests.api.people import CAUDA, EXHAUSTED
from tests.faults.canaries import DAY, SIGNS, coded, whole
from tests.faults.observed import Observed, observed
from tests.kit.processes import is_ready, until

pytestmark = pytest.mark.xdist_group("processes")

Json = dict[str, Any]
PATIENT = f"{MARKED_ID}-p"
NOBODY = {"resourceType": "Patient", "id": f"{MARKED_ID}-nobody", "birthDate": MARK}
STRICT = {"Prefer": "handling=strict"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """One for each database; its end is looked at too."""
    with_it = observed(tmp_path_factory.mktemp("observed"), request.param)
    with with_it as watched:
        yield watched


def person(name: str) -> str:
    return f"{MARKED_ID}-{name}"


def chart(service: Observed, name: str, *given: Json) -> str:
    """A patient with this story; the id."""
    today = local_day(SystemClock().now(), "UTC")
    for resource in build({"id": person(name), "given": list(given)}, today):
        service.put(
            {
                **resource,
                "text": {
                    "status": "generated",
                    "div": f"<div xmlns='http://www.w3.org/1999/xhtml'>{MARK}</div>",
                },
            }
        )
    return person(name)


def proposal(service: Observed, name: str) -> tuple[Json, Json]:
    """The drafted request of somebody whose care is exhausted, and its Task."""
    patient = chart(service, name, *EXHAUSTED)
    service.settle()
    found = [
        service.ask("GET", f"/{kind}?patient=Patient/{patient}&status={status}").json()["entry"][0][
            "resource"
        ]
        for kind, status in (("ServiceRequest", "draft"), ("Task", "requested"))
    ]
    return found[0], found[1]


def test_what_is_taken_in_stays_inside(service: Observed) -> None:
    sent = [{"resourceType": "Patient", "id": PATIENT, "birthDate": DAY}, *whole(PATIENT), *coded(PATIENT)]
    for resource in sent:
        service.put(resource)
        kept = service.ask("GET", f"/{resource['resourceType']}/{resource['id']}", 200)
        assert len(SIGNS.findall(kept.text)) >= len(SIGNS.findall(str(resource))) - 2, resource["id"]
    assert sum(len(SIGNS.findall(str(resource))) for resource in sent) > 15_000
    assert {resource["resourceType"] for resource in sent} == TAKEN_IN
    service.ask("GET", f"/Patient/{PATIENT}/$assess", 200)
    service.settle()
    assert service.leaks() == []


def test_what_is_asked_for_is_not_told(service: Observed) -> None:
    for kind in KINDS.values():
        for parameter in kind.parameters:
            for name in (parameter.name, f"{parameter.name}:{MARKED_ID}", f"{parameter.name}.{MARKED_ID}"):
                query = f"{name}={quote(MARK)}"
                service.ask("GET", f"/{kind.type}?{query}", 200, 400, headers=STRICT)
                form = {"content": query, "headers": {"content-type": "application/x-www-form-urlencoded"}}
                service.ask("POST", f"/{kind.type}/_search", 200, 400, **form)
    for query in ("_sort", "_include", "_format", "_count", "_page", "_lastUpdated", MARKED_ID):
        service.ask("GET", f"/Condition?{query}={MARKED_ID}", headers=STRICT)
    for path in (
        "",
        "/_history",
        "/_history/1",
        f"/_history/{MARKED_ID}",
        f"/{MARKED_ID}",
        "/$assess?asOf=" + MARKED_ID,
    ):
        for method in ("GET", "DELETE", "PATCH", "POST"):
            service.ask(method, f"/Patient/{person('nobody')}{path}")
    for path in (f"/{MARKED_ID}/{MARKED_ID}", f"/Patient/{quote(MARK)}", f"/ValueSet/{MARKED_ID}"):
        service.ask("GET", path, 404)
    assert service.leaks() == []


def test_what_is_refused_is_not_repeated(service: Observed) -> None:
    patient = {"resourceType": "Patient", "id": person("ann"), "name": [{"family": MARK}]}
    stale, twice = {"If-Match": 'W/"99"'}, {"If-None-Exist": f"identifier=urn:x|{MARKED_ID}"}
    service.put(patient, 201)
    service.put(patient, 412, headers=stale)
    service.ask("PUT", f"/Patient/{person('bob')}", 400, json=patient)
    for other in ("bob", "mia"):
        service.put({**patient, "id": person(other), "identifier": [{"system": "urn:x", "value": MARKED_ID}]})
    service.ask("POST", "/Patient", 412, json=patient, headers=twice)
    service.ask("POST", "/Patient", 400, json=patient, headers={"If-None-Exist": f"{MARKED_ID}={MARKED_ID}"})
    service.ask("PUT", f"/Patient?identifier={MARKED_ID}", 412, json=patient)
    service.ask("DELETE", f"/Patient/{person('mia')}", 204)
    service.ask("GET", f"/Patient/{person('mia')}", 410)
    for wrong in (
        NOBODY,
        {**patient, MARK: MARK},
        {**patient, "name": MARK},
        {**patient, "gender": MARKED_ID},
        {**patient, "resourceType": MARKED_ID},
        {"resourceType": "Condition", "subject": {"reference": f"Group/{MARKED_ID}", "display": MARK}},
        {"resourceType": "Condition", "subject": {"display": MARK}},
        {"resourceType": "Task", "status": "draft", "intent": "order", "description": MARK},
    ):
        for path in {f"/{wrong['resourceType']}", "/Patient"}:
            service.ask("POST", path, 400, 404, 405, 422, json=wrong)
    json = {"content-type": "application/fhir+json"}
    for body in (MARK, f'{{"{MARK}": ', f'{{"resourceType":"Patient","id":"{MARKED_ID}\x00"}}', f'"{MARK}"'):
        service.ask("POST", "/Patient", 400, content=body, headers=json)
    service.ask("POST", "/Patient", 415, content=MARK, headers={"content-type": f"text/{MARKED_ID}"})
    for header in ("accept", "prefer", "content-encoding", "if-match", "if-modified-since"):
        service.ask("POST", "/Patient", json=NOBODY, headers={header: MARK})
    assert service.leaks() == []


def test_what_is_sent_together_is_not_told_apart(service: Observed) -> None:
    def entry(method: str, url: str, resource: Json | None = None, **more: str) -> Json:
        return {"request": {"method": method, "url": url, **more}} | (
            {"resource": resource} if resource else {}
        )

    fine = [entry("POST", one["resourceType"], one) for one in coded(PATIENT)]
    wrong = [
        entry("POST", "Patient", NOBODY),
        entry("PUT", f"Patient/{MARKED_ID}", NOBODY),
        entry("GET", f"Patient/{person('nobody')}"),
        entry("DELETE", f"{MARKED_ID}/{MARKED_ID}"),
        entry("POST", "Patient", {"resourceType": "Patient"}, ifNoneExist=f"{MARKED_ID}={MARKED_ID}"),
        entry("PUT", f"Patient?{MARKED_ID}={MARKED_ID}", {"resourceType": "Patient"}),
        entry(MARKED_ID, MARKED_ID),
    ]
    for kind, entries, expected in (
        ("batch", fine + wrong, 200),
        ("transaction", fine, 200),
        *(("transaction", [*fine[:2], one], 400) for one in wrong),
    ):
        bundle = {"resourceType": "Bundle", "type": kind, "id": MARKED_ID, "entry": entries}
        answer = service.ask("POST", "", expected, 404, json=bundle, headers={"Prefer": "return=minimal"})
        service.keep(kind, answer.content)
    service.settle()
    assert service.leaks() == []


def test_what_people_say_is_not_told(service: Observed) -> None:
    (asked, task), (other, _) = proposal(service, "nora"), proposal(service, "otto")
    note, reason = {"name": "note", "valueString": MARK}, {"name": "reason", "valueCode": MARKED_ID}
    owner = {"name": "owner", "valueReference": {"reference": f"Practitioner/{MARKED_ID}", "display": MARK}}

    def say(to: Json, verb: str, expected: int, *parameters: Json, **headers: str) -> None:
        sent = {"resourceType": "Parameters", **({"parameter": parameters} if parameters else {})}
        path = f"/{to['resourceType']}/{to['id']}/${verb}"
        service.ask("POST", path, expected, json=sent, headers={**STRICT, **headers})

    say(asked, "approve", 400, {"name": MARK, "valueString": MARK})
    say(asked, "approve", 403, note, **{"X-Actor": f"Device/{MARKED_ID}"})
    say(asked, "approve", 412, note, **{"If-Match": 'W/"99"'})
    say(other, "decline", 400, {"name": "reason", "valueCode": f"{MARKED_ID} {MARKED_ID}"})
    say(task, "reassign", 400, {"name": "owner", "valueString": MARK})
    say(task, "claim", 200)
    say(task, "reassign", 200, owner)
    say(asked, "approve", 200, note)
    say(asked, "approve", 409, note)
    say(other, "decline", 200, reason, note)
    service.put({**other, "note": [{"text": MARK}]}, 403)
    service.settle()
    assert service.leaks() == []


def test_what_pages_show_is_not_told_elsewhere(service: Observed) -> None:
    _, task = proposal(service, "vera")
    mine = f"/worklist/referral/{task['id']}"
    asked = "&".join(f"{name}={MARKED_ID}" for name in ("owner", "target", MARKED_ID))
    for page in (mine, f"/worklist/patient/{person('vera')}", f"/worklist/list/ready?{asked}"):
        assert service.http.get(page).status_code == 200, page
    for path in ("list", "patient", "referral", "static/x", f"referral/{task['id']}", "list/ready?after="):
        answer = service.http.get(f"/worklist/{path}/{MARKED_ID}")
        assert answer.status_code in (400, 404, 405), path
        service.keep(f"/worklist/{path}", answer.content)
    seen = re.search(r'name="version" value="([^"]+)"', service.http.get(mine).text)
    assert seen
    form = {"token": service.http.cookies["worklist-token"], "version": seen[1]}
    form |= {
        "identifier": MARKED_ID,
        "name": MARKED_ID,
        "note": MARK,
        "reason": MARKED_ID,
        "owner": MARKED_ID,
    }
    for path, status, wrong in (
        ("/worklist/list/ready", 200, {}),
        ("/worklist/list/ready/file.csv", 200, {}),
        ("/worklist/list/ready", 403, {"token": MARK}),
        ("/worklist/me", 403, {"token": MARK}),
        ("/worklist/me", 303, {}),
        (f"{mine}/{MARKED_ID}", 404, {}),
        (f"{mine}/decline", 422, {}),
        (f"{mine}/reassign", 409, {"version": MARKED_ID}),
        (f"{mine}/approve", 303, {}),
    ):
        assert service.http.post(path, data={**form, **wrong}).status_code == status, path
    service.settle()
    assert service.leaks() == []


def test_what_the_database_says_is_not_passed_on(service: Observed) -> None:
    goal = next(one for one in coded(PATIENT) if one["resourceType"] == "Goal")
    if service.store.engine.dialect.name == "sqlite":
        refuse = f"BEGIN SELECT RAISE(ABORT, '{MARK}'); END"
        service.sql(f"CREATE TRIGGER canary BEFORE INSERT ON resource WHEN NEW.id LIKE '%-refused' {refuse}")
        allow = "DROP TRIGGER canary"
    else:
        service.sql("ALTER TABLE resource ADD CONSTRAINT canary CHECK (id NOT LIKE '%-refused') NOT VALID")
        allow = "ALTER TABLE resource DROP CONSTRAINT canary"
    service.put({**goal, "id": person("refused")}, 500)
    service.sql(allow)
    for table in ("resource_version", "episode", "patient"):
        service.sql(f"ALTER TABLE {table} RENAME TO canary")
        service.put({**goal, "description": {"text": f"{MARK} without {table}"}}, 200, 503)
        service.put(
            {"resourceType": "Patient", "id": PATIENT, "gender": "other", "language": table[:2]}, 200, 503
        )
        service.ask("GET", f"/Goal/{goal['id']}/_history/1", 200, 404, 503)
        if table == "episode":
            until(lambda: service.heard("an evaluation failed"), "an evaluation that fails")
        if table == "patient":
            until(lambda: service.heard("patients cannot be evaluated now"), "a claim that fails")
        service.sql(f"ALTER TABLE canary RENAME TO {table}")
    service.settle()
    assert service.leaks() == []


def test_what_cannot_be_evaluated_is_parked_in_silence(service: Observed) -> None:
    asked, _ = proposal(service, "paul")
    unwritten, unread = person("paul"), chart(service, "rita", *EXHAUSTED)
    service.settle()
    # The decoder's complaint quotes the kind that there is not.
    fact, resource = f'{{"kind":"{MARK}"}}'.encode(), MARK.encode()
    with service.worker_stopped():
        chart(service, "paul", CAUDA)
        chart(service, "rita", CAUDA)
        service.sql("UPDATE fact SET body = :body WHERE patient = :id", body=fact, id=unread)
        service.sql("UPDATE resource SET body = :body WHERE id = :id", body=resource, id=asked["id"])
        service.sql("UPDATE patient SET attempts = 4 WHERE id IN (:one, :two)", one=unread, two=unwritten)
        waiting = [path.read_bytes() for path in service.files() if "broker" in path.parts]
        assert any(b"evaluate" in message for message in waiting)
        assert service.leaks() == []
    service.settle()
    assert "\npatients_parked 2.0" in service.http.get("/metrics").text
    service.ask("GET", f"/Patient/{unread}/$assess", 500)
    service.ask("GET", f"/ServiceRequest?patient=Patient/{unwritten}")
    service.sql("UPDATE resource SET found_by = :body WHERE id = :id", body=resource, id=unread)
    service.put({"resourceType": "Patient", "id": unread, "gender": "other"}, 500, 503)
    assert service.heard("unforeseen failure")
    assert service.leaks() == []


def test_what_is_no_http_is_not_told(service: Observed) -> None:
    head = f"PUT /fhir/Patient/{MARKED_ID} HTTP/1.1\r\nHost: here\r\n".encode()
    body = f'{{"resourceType": "Patient", "id": "{MARKED_ID}'.encode()
    service.raw(head, b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n", body)
    service.raw(head, f"{MARKED_ID}\r\n\r\n".encode())
    service.raw(f"{MARKED_ID} /fhir/Patient/{MARKED_ID} HTTP/1.1\r\n\r\n".encode())
    service.raw(f"GET /fhir/Patient/{MARKED_ID} HTTP/{MARKED_ID}\r\n\r\n".encode())
    assert is_ready(service.settings)
    assert service.leaks() == []


def test_every_line_says_which_request_and_trace_it_is_of(service: Observed) -> None:
    of_requests = [line for line in service.said() if line["logger"].startswith("referral_service.api")]
    failed = [line for line in service.said() if line["event"] == "an evaluation failed"]

    assert len(of_requests) > 1000 and failed
    assert [line for line in of_requests if {"request_id", "trace_id"} - line.keys()] == []
    assert [line for line in failed if {"exception", "passed", "trace_id"} - line.keys()] == []
