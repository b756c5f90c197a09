"""A partner who subscribed hears of what people and fulfillers do, by id alone, in order."""

import json
from typing import Any

import pytest

from referral_service.fhir.check import check
from referral_service.fhir.notification import read
from tests.api.people import CAUDA, EXHAUSTED, UNCLEAR, code
from tests.subscriptions.conftest import Wire
from tests.subscriptions.partner import beat, plain, subscription

Json = dict[str, Any]
REPORT = [{"type": {"text": "report"}, "valueReference": {"reference": "DiagnosticReport/r1"}}]


def names(*resources: Json) -> set[str]:
    return {f"{one['resourceType']}/{one['id']}" for one in resources}


def named(requests: list[Json], intent: str) -> Json:
    return next(one for one in requests if one["intent"] == intent)


def coded(tasks: list[Json], code: str) -> Json:
    return next(one for one in tasks if one["code"]["coding"][0]["code"] == code)


def proposal(wire: Wire, *given: Json) -> tuple[str, Json]:
    """A patient with a drafted proposal, before anybody has subscribed."""
    patient = wire.house.chart(*(given or (CAUDA,)))
    (drafted,) = wire.house.ours(patient, "ServiceRequest")
    return patient, drafted


def test_it_is_active_after_a_handshake(wire: Wire) -> None:
    created = wire.house.server.post(
        subscription(wire.partner, channel={"header": ["Authorization: Bearer pst", "X-For: spine"]})
    )
    id = created.json()["id"]
    assert (created.status_code, created.json()["status"]) == (201, "requested")
    assert wire.look()[0] == "active"
    (told,) = wire.partner.told
    assert (told.kind, told.path) == ("handshake", "/hook?for=us")
    assert told.said["status"] == "requested"
    assert told.said["events-since-subscription-start"] == "0"
    assert told.said["subscription"] == {"reference": f"{wire.house.server.address}/fhir/Subscription/{id}"}
    assert told.headers["Content-Type"] == "application/fhir+json"
    assert (told.headers["Authorization"], told.headers["X-For"]) == ("Bearer pst", "spine")
    active = wire.read(id)
    assert (active["status"], active["meta"]["versionId"]) == ("active", "2")
    assert wire.house.server.search("Subscription", status="active", _id=id)["total"] == 1
    assert wire.look() == []


def test_without_the_backport_it_is_active_at_once(wire: Wire) -> None:
    created = wire.house.server.post(plain(wire.partner))
    assert wire.look()[0] == "active"
    assert wire.partner.told == []
    assert wire.read(created.json()["id"])["status"] == "active"


def test_what_people_and_fulfillers_do_is_told(wire: Wire) -> None:
    """Each step changes resources of which the ledger names one alone; all of them are told of."""
    patient, drafted = proposal(wire, *EXHAUSTED)
    wire.subscribe(subscription(wire.partner, "Task?"))
    wire.subscribe(subscription(wire.partner, "ServiceRequest?"))

    def news() -> set[str]:
        wire.look()
        focuses = wire.partner.focuses
        assert len(focuses) == len(set(focuses)), "each once"
        wire.partner.told.clear()
        return {*focuses}

    assert wire.house.say("approve", drafted).is_success
    requests, tasks = wire.house.ours(patient, "ServiceRequest"), wire.house.ours(patient, "Task")
    assert len(requests) == len(tasks) == 2
    assert news() == names(*requests, *tasks)
    wire.house.judge()
    assert news() == set()
    wire.deliver()
    fulfill = coded(tasks, "fulfill")
    assert news() == names(fulfill)
    address = f"/Task/{fulfill['id']}"
    for status, more, changed in (
        ("accepted", {}, names(fulfill)),
        ("completed", {"output": REPORT}, names(fulfill, named(requests, "order"))),
    ):
        told = wire.house.server.http.get(address).json()
        assert wire.house.server.http.put(address, json={**told, "status": status, **more}).is_success
        assert news() == changed
    wire.house.judge()
    assert news() == set()


def test_a_new_draft_and_a_refusal_are_told(wire: Wire) -> None:
    wire.subscribe(subscription(wire.partner, "ServiceRequest?intent=proposal"))
    _, drafted = proposal(wire)
    wire.look()
    assert wire.partner.focuses == [f"ServiceRequest/{drafted['id']}"]
    assert wire.house.say("decline", drafted, code("not-now")).is_success
    wire.look()
    assert wire.partner.focuses[1:] == [f"ServiceRequest/{drafted['id']}"]
    assert [number for one in wire.partner.told for number, _ in one.events] == [1, 2]
    assert wire.partner.told[-1].said["events-since-subscription-start"] == "2"


def test_what_has_not_changed_is_not_told(wire: Wire) -> None:
    patient, _ = proposal(wire)
    wire.subscribe(subscription(wire.partner, "ServiceRequest?"))
    (task,) = wire.house.ours(patient, "Task")
    assert wire.house.say("claim", task).is_success
    wire.look()
    assert wire.partner.told == []


def test_a_review_that_says_something_else_is_told(wire: Wire) -> None:
    """The ledger names the decision alone."""
    patient = wire.house.chart(*UNCLEAR)
    (task,) = wire.house.ours(patient, "Task")
    wire.subscribe(subscription(wire.partner, "Task?"))
    other = {**EXHAUSTED[4], "value": 10, "id": "other"}
    wire.house.chart(*UNCLEAR, other, patient=patient)
    (again,) = wire.house.ours(patient, "Task")
    assert again["reasonCode"] != task["reasonCode"]
    wire.look()
    assert wire.partner.focuses == [f"Task/{task['id']}"]


def test_a_patients_changes_are_told_in_their_order(wire: Wire) -> None:
    wire.subscribe(subscription(wire.partner, "ServiceRequest?"))
    request = {"resourceType": "ServiceRequest", "status": "active", "intent": "order"}
    request["subject"] = {"reference": "Patient/orderly"}
    for id in ("zeta", "alpha", "mu", "beta", "zeta"):
        text = {"text": f"after {len(request)}"} if id == "zeta" else {"text": id}
        assert wire.house.server.put({**request, "id": id, "code": text}).is_success
        request["priority"] = "routine"
    wire.look()
    assert wire.partner.focuses == [f"ServiceRequest/{id}" for id in ("alpha", "mu", "beta", "zeta")]


def test_a_backlog_is_told_to_its_end(wire: Wire) -> None:
    wire.subscribe(subscription(wire.partner, "ServiceRequest?"))
    wire.subscribe(plain(wire.partner, "ServiceRequest?"))
    ids = [f"backlog-{number:03}" for number in range(230)]
    sent = [
        {
            "request": {"method": "PUT", "url": f"ServiceRequest/{id}"},
            "resource": {
                "resourceType": "ServiceRequest",
                "id": id,
                "status": "active",
                "intent": "order",
                "subject": {"reference": f"Patient/{id}"},
            },
        }
        for id in ids
    ]
    assert wire.house.server.send("transaction", *sent).is_success
    wire.look()
    assert sorted(wire.partner.focuses) == [f"ServiceRequest/{id}" for id in ids]
    assert [number for one in wire.partner.told for number, _ in one.events] == [*range(1, 231)]


def test_only_what_the_criteria_find_is_told(wire: Wire) -> None:
    patient, drafted = proposal(wire)
    other, declined = proposal(wire)
    wire.subscribe(subscription(wire.partner, f"ServiceRequest?intent=order&patient={patient}"))
    wire.subscribe(subscription(wire.partner, "Task?status=draft,accepted"))
    assert wire.house.say("decline", declined, code("not-now")).is_success
    wire.look()
    assert wire.partner.told == []
    assert wire.house.say("approve", drafted).is_success
    wire.look()
    order = named(wire.house.ours(patient, "ServiceRequest"), "order")
    fulfill = coded(wire.house.ours(patient, "Task"), "fulfill")
    assert {*wire.partner.focuses} == names(order, fulfill)
    assert other != patient


def test_what_is_told_of_the_other_systems_own_requests(wire: Wire) -> None:
    """Those that an EHR sent in are ServiceRequests here as well."""
    wire.subscribe(subscription(wire.partner, "ServiceRequest?status=active"))
    request = {"resourceType": "ServiceRequest", "id": "theirs", "status": "active", "intent": "order"}
    request["subject"] = {"reference": "https://ehr.example/r4/Patient/somebody"}
    assert wire.house.server.put(request).is_success
    assert wire.house.server.put({**request, "id": "draft", "status": "draft"}).is_success
    wire.look()
    assert wire.partner.focuses == ["ServiceRequest/theirs"]
    assert wire.house.server.http.delete("/ServiceRequest/theirs").is_success
    wire.look()
    assert wire.partner.focuses == ["ServiceRequest/theirs"]


def test_a_bundle_is_valid_and_says_nothing_of_a_patient(wire: Wire) -> None:
    wire.subscribe(subscription(wire.partner, "ServiceRequest?"))
    wire.subscribe(plain(wire.partner, "ServiceRequest?"))
    patient, drafted = proposal(wire, *EXHAUSTED)
    wire.look()
    empty, told = sorted(wire.partner.told, key=lambda one: len(one.body))
    assert (empty.body, empty.headers.get("Content-Type")) == (b"", None)
    bundle = told.bundle
    assert check(bundle) == []
    assert bundle["type"] == "history"
    ours = read(bundle)
    assert ours.status is not None and ours.status.kind == "event-notification"
    assert [event.focus for event in ours.status.events] == [f"ServiceRequest/{drafted['id']}"]
    assert ours.resources == () and ours.named == ()
    parameters = json.dumps(bundle)
    for word in (patient, "Patient", "M51", "subject", "97110", 'status":"draft', *_words(drafted)):
        assert word not in parameters, word
    (event,) = (one for one in bundle["entry"][0]["resource"]["parameter"] if "part" in one)
    assert {one["name"] for one in event["part"]} == {"event-number", "timestamp", "focus"}


def _words(request: Json) -> list[str]:
    """Texts and codes of a request."""
    return [request["code"]["text"], request["identifier"][0]["value"], request["note"][0]["text"][:20]]


@pytest.mark.parametrize("kind", [subscription, plain])
def test_many_changes_are_one_notification(wire: Wire, kind: Any) -> None:
    wire.subscribe(kind(wire.partner, "ServiceRequest?intent=proposal"))
    drafted = [proposal(wire)[1]["id"] for _ in range(5)]
    wire.look()
    (told,) = wire.partner.told
    if kind is subscription:
        assert told.events == [(n, f"ServiceRequest/{id}") for n, id in enumerate(drafted, 1)]


def test_no_more_events_in_a_bundle_than_asked_for(wire: Wire) -> None:
    few = {"extension": [beat(2, "max-count", "valuePositiveInt")]}
    wire.subscribe(subscription(wire.partner, "ServiceRequest?intent=proposal", channel=few))
    drafted = [proposal(wire)[1]["id"] for _ in range(5)]
    wire.look()
    assert [len(one.events) for one in wire.partner.told] == [2, 2, 1]
    assert wire.partner.focuses == [f"ServiceRequest/{id}" for id in drafted]


def test_a_heartbeat_comes_when_nothing_else_does(wire: Wire) -> None:
    every = {"extension": [beat(60)]}
    wire.subscribe(subscription(wire.partner, "ServiceRequest?", channel=every))
    wire.pass_by(seconds=59)
    assert wire.look() == []
    wire.house.chart()
    assert wire.look() == ["quiet"], "a patient is no news, and puts no heartbeat off"
    wire.pass_by(seconds=2)
    assert wire.look() == ["told"]
    (told,) = wire.partner.told
    assert (told.kind, told.events, told.said["status"]) == ("heartbeat", [], "active")
    wire.pass_by(seconds=30)
    proposal(wire)
    wire.look()
    wire.pass_by(seconds=45)
    wire.look()
    assert [one.kind for one in wire.partner.told] == ["heartbeat", "event-notification"]
    wire.pass_by(seconds=30)
    wire.look()
    assert wire.partner.told[-1].said["events-since-subscription-start"] == "1"
    assert wire.partner.told[-1].kind == "heartbeat"
