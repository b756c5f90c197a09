"""Broken notifications: each is refused with what is wrong, and nothing is stored."""

from typing import Any, NamedTuple

import pytest

from referral_service.fhir.parse import dump
from referral_service.workflow.ports import PatientId, Write
from tests.api.charts import CANONICAL, condition, order, patient
from tests.kit.writes import TENANT, received
from tests.notify.news import bundle, event, status, told
from tests.notify.partners import Json, Town, hub, plain

DISC = condition("Patient/mia", id="disc")
EVENT = status("event-notification", 1, event(1, "Patient/mia"))


class Broken(NamedTuple):
    """What is sent, and how it is answered: status, issue code and, where there is one, the expression."""

    body: Json | bytes
    status: int
    code: str
    expression: str = ""
    at: str = ""
    source: str = "hubbed"
    method: str = "POST"


def said(name: str, **value: Any) -> Json:
    """A status with another parameter of that name; without a value none of that name."""
    left = [one for one in EVENT["parameter"] if one["name"] != name]
    return bundle({**EVENT, "parameter": [*left, *([{"name": name, **value}] if value else [])]})


def r5(**more: Any) -> Json:
    """The same with SubscriptionStatus."""
    whole = {
        "type": "event-notification",
        "subscription": {"reference": "Subscription/1"},
        "status": "active",
    }
    changed = {name: it for name, it in {**whole, **more}.items() if it is not None}
    return bundle({"resourceType": "SubscriptionStatus", **changed})


STATUS = "Bundle.entry[0].resource"
BROKEN = {
    "no JSON": Broken(b"{", 400, "structure"),
    "a list": Broken(b"[]", 400, "structure"),
    "text": Broken(b'"Patient/1"', 400, "structure"),
    "not UTF-8": Broken(b'{"resourceType":"Patient","id":"\xff"}', 400, "structure"),
    "a key twice": Broken(b'{"resourceType":"Patient","resourceType":"Patient"}', 400, "structure"),
    "no type": Broken(b'{"id":"1"}', 400, "required", "resourceType"),
    "an empty object": Broken(b"{}", 400, "required", "resourceType"),
    "no type of R4": Broken({"resourceType": "Pet", "id": "1"}, 400, "value", "resourceType"),
    "a status alone": Broken({"resourceType": "SubscriptionStatus"}, 400, "value", "resourceType"),
    "a type not kept": Broken({"resourceType": "Claim", "id": "1"}, 404, "not-supported"),
    "a subscription": Broken({"resourceType": "Subscription", "id": "1"}, 404, "not-supported"),
    "an invalid resource": Broken({**patient("mia"), "birthDate": "x"}, 400, "value", "Patient.birthDate"),
    "no id": Broken(patient(), 400, "required", "Patient.id"),
    "a bad id": Broken({**patient("mia"), "id": "m/a"}, 400, "value", "Patient.id"),
    "nobody's Condition": Broken(
        {**DISC, "subject": {"reference": "Group/1"}}, 422, "business-rule", "Condition.subject"
    ),
    "another id than addressed": Broken(
        patient("mia"), 400, "value", "Patient.id", at="/Patient/tom", method="PUT"
    ),
    "another type than addressed": Broken(
        patient("mia"), 400, "value", "Patient.id", at="/Condition/mia", method="PUT"
    ),
    "a type alone": Broken(patient("mia"), 404, "not-found", at="/Patient"),
    "too deep an address": Broken(patient("mia"), 404, "not-found", at="/Patient/mia/_history/1"),
    "no id in the address": Broken(patient("mia"), 404, "not-found", at="/Patient/m%20a"),
    "deleting everything": Broken(b"", 405, "not-supported", method="DELETE"),
    "deleting what is not kept": Broken(b"", 404, "not-supported", at="/Claim/1", method="DELETE"),
    "reading": Broken(b"", 405, "not-supported", method="GET"),
    "patching": Broken(b"[]", 405, "not-supported", method="PATCH"),
    "an empty Bundle": Broken({"resourceType": "Bundle", "type": "history"}, 400, "required", "Bundle.entry"),
    "no entries": Broken(bundle(), 400, "required", "Bundle.entry"),
    "entries that are none": Broken(
        {"resourceType": "Bundle", "type": "history", "entry": ["x"]}, 400, "structure", "Bundle.entry[0]"
    ),
    "a resource that is none": Broken(bundle({"resource": 5}), 400, "structure", STATUS),
    "a request that is none": Broken(bundle({"request": []}), 400, "structure", "Bundle.entry[0].request"),
    "no type inside": Broken(bundle({"resource": {}}), 400, "value", f"{STATUS}.resourceType"),
    "a strange type inside": Broken(
        bundle({"resource": {"resourceType": "Pet"}}), 400, "value", f"{STATUS}.resourceType"
    ),
    "no type of Bundle": Broken(
        {"resourceType": "Bundle", "entry": [{"resource": EVENT}]}, 400, "value", "Bundle.type"
    ),
    "a Bundle of many kinds": Broken({**bundle(EVENT), "type": ["history"]}, 400, "value", "Bundle.type"),
    "a Bundle of another kind": Broken(bundle(EVENT, kind="document"), 400, "value", "Bundle.type"),
    "an answer": Broken(bundle(EVENT, kind="batch-response"), 400, "value", "Bundle.type"),
    "no kind": Broken(said("type"), 400, "required", f"{STATUS}.type"),
    "a strange kind": Broken(said("type", valueCode="party"), 400, "value", f"{STATUS}.type"),
    "no subscription": Broken(said("subscription"), 400, "required", f"{STATUS}.subscription"),
    "a subscription by name": Broken(
        said("subscription", valueReference={"display": "x"}), 400, "value", f"{STATUS}.subscription"
    ),
    "a subscription as text": Broken(
        said("subscription", valueString="s"), 400, "structure", f"{STATUS}.subscription"
    ),
    "a count in words": Broken(
        said("events-since-subscription-start", valueString="two"),
        400,
        "value",
        f"{STATUS}.eventsSinceSubscriptionStart",
    ),
    "a count below nothing": Broken(
        said("events-since-subscription-start", valueString="-1"),
        400,
        "value",
        f"{STATUS}.eventsSinceSubscriptionStart",
    ),
    "a count without end": Broken(
        said("events-since-subscription-start", valueString="9" * 5000),
        400,
        "value",
        f"{STATUS}.eventsSinceSubscriptionStart",
    ),
    "two kinds": Broken(
        bundle({**EVENT, "parameter": [*EVENT["parameter"], {"name": "type", "valueCode": "heartbeat"}]}),
        400,
        "structure",
        f"{STATUS}.type",
    ),
    "a number that is none": Broken(
        said("notification-event", part=[{"name": "event-number", "valueString": "first"}]),
        400,
        "value",
        f"{STATUS}.eventNumber",
    ),
    "a focus that is none": Broken(
        said("notification-event", part=[{"name": "focus", "valueString": "Patient/1"}]),
        400,
        "structure",
        f"{STATUS}.focus",
    ),
    "R5: no kind": Broken(r5(type=None), 400, "required", f"{STATUS}.type"),
    "R5: no subscription": Broken(r5(subscription=None), 400, "required", f"{STATUS}.subscription"),
    "R5: events that are none": Broken(
        r5(notificationEvent="x"), 400, "structure", f"{STATUS}.notificationEvent"
    ),
    "R5: an event that is none": Broken(
        r5(notificationEvent=[5]), 400, "structure", f"{STATUS}.notificationEvent"
    ),
    "R5: a context that is none": Broken(
        r5(notificationEvent=[{"additionalContext": [5]}]), 400, "structure", f"{STATUS}.context"
    ),
    "all resources are invalid": Broken(
        bundle({**patient("mia"), "gender": "x"}, {**DISC, "onsetDateTime": "x"}, kind="collection"),
        400,
        "code-invalid",
        "Bundle.entry[0].resource.gender",
    ),
    "ids from whom nothing can be fetched": Broken(
        told(1, "Patient/mia"), 422, "business-rule", source="plain"
    ),
    "nothing from whom nothing can be fetched": Broken(b"", 422, "business-rule", source="plain"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_notification_is_refused_and_stores_nothing(town: Town, name: str) -> None:
    broken = BROKEN[name]
    before = town.served.dump()
    answer = town.send(broken.source, broken.body, broken.at, broken.method)
    assert answer.status_code == broken.status, answer.text
    issues = answer.json()["issue"]
    found = [(one["code"], one.get("expression", [""])[0]) for one in issues]
    assert (broken.code, broken.expression) in found, found
    assert "mia" not in answer.text
    assert town.served.dump() == before


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/fhir+xml"}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/fhir+json; charset=latin1"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
    ],
)
def test_another_form_is_refused(town: Town, headers: dict[str, str], status: int) -> None:
    body = dump(patient("mia"))
    before = town.served.dump()
    answer = town.send("plain", body, headers={**plain(body), **headers})
    assert answer.status_code == status
    assert town.served.dump() == before


def test_a_body_that_is_too_large_is_not_even_checked(town: Town) -> None:
    body = b" " * (town.served.service.settings.max_body_mb * 1024 * 1024 + 1)
    assert town.send("hubbed", body, headers=hub(body)).status_code == 413


def test_what_the_service_wrote_stays(town: Town) -> None:
    service = town.served.service
    named = [{"system": f"{CANONICAL}/referral", "value": "1"}]
    ours = order("Patient/own", id="ours", status="draft", intent="proposal", identifier=named)
    write = Write(type="ServiceRequest", id="ours", body=dump(ours), patient=PatientId("own"))
    service.store.commit(TENANT, [write], [received(write)])
    before = town.served.dump()
    theirs = {**ours, "status": "revoked"}
    assert town.send("plain", theirs).status_code == 403
    assert town.served.dump() == before
    town.told("plain", bundle(theirs, kind="collection"))
    assert town.served.http.get("/ServiceRequest/ours").json()["status"] == "draft"


def test_one_bad_resource_of_a_bundle_keeps_no_other_out(town: Town) -> None:
    bad = {**condition("Patient/half", id="half-bad"), "onsetDateTime": "last week"}
    answer = town.send("plain", bundle(patient("half"), bad, kind="collection"))
    assert answer.status_code == 200
    (issue,) = answer.json()["issue"]
    assert issue["severity"] == "warning"
    assert issue["expression"] == ["Bundle.entry[1].resource.onsetDateTime"]
    assert town.has("Patient/half") and not town.has("Condition/half-bad")
    parked = town.errands()["Condition/half-bad"]
    assert (parked.category, parked.parked_at is not None) == ("incorrect", True)
    town.told("plain", condition("Patient/half", id="half-bad"))
    assert town.errands() == {}
