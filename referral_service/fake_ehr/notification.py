"""Notifications as HTTP requests, in the three styles that EHRs have; pure.

The Subscription chooses its style: with the backport's extension it is a history Bundle of ids; else the
whole resource if the channel has a payload, and an empty POST if it has none. Source: R4 Subscription, and
https://hl7.org/fhir/uv/subscriptions-backport/notifications.html.
"""

from hashlib import sha256
from hmac import new as hmac
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl
from uuid import NAMESPACE_URL, uuid5

from referral_service.fake_ehr.answer import FHIR_JSON
from referral_service.fake_ehr.manners import Manners
from referral_service.fake_ehr.search import Query, parse
from referral_service.fake_ehr.store import Version, instant
from referral_service.fhir.parse import dump

Json = dict[str, Any]
BACKPORT: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
CONTENT: Final = f"{BACKPORT}/backport-payload-content"
FILTER: Final = f"{BACKPORT}/backport-filter-criteria"
_BUNDLE: Final = f"{BACKPORT}/backport-subscription-notification-r4"
_STATUS: Final = f"{BACKPORT}/backport-subscription-status-r4"


class Call(NamedTuple):
    """One HTTP request to a subscriber."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


def is_backport(subscription: Json) -> bool:
    """Whether it asks for notifications as R5 has them."""
    payload = subscription["channel"].get("_payload", {})
    return any(one["url"] == CONTENT for one in payload.get("extension", ()))


def queries(subscription: Json) -> list[Query]:
    """What it is about, as searches, any of which may match; raises Refused for one that is not understood.

    In the backport `criteria` is a topic, and the searches are extensions of it: without any it is about
    everything.
    """
    criteria = [] if is_backport(subscription) else [subscription["criteria"]]
    for one in subscription.get("_criteria", {}).get("extension", ()):
        if one["url"] == FILTER:
            criteria.append(one["valueString"])
    return [parse(type, parse_qsl(query)) for type, _, query in (text.partition("?") for text in criteria)]


def is_meant(subscription: Json, version: Version) -> bool:
    """Whether the subscription is about this change."""
    asked = queries(subscription)
    return not asked or any(
        query.type == version.type and all(test(version) for test in query.tests) for query in asked
    )


def call(subscription: Version, body: Json | None, manners: Manners) -> Call:
    """The request that brings a body, or none, to the subscriber, signed if there is a secret."""
    said = subscription.resource or {}
    channel = said["channel"]
    content = dump(body) if body else b""
    headers = dict(line.split(": ", 1) for line in channel.get("header", ()) if ": " in line)
    if body:
        headers["Content-Type"] = FHIR_JSON
    if manners.secret:
        digest = hmac(manners.secret, content, sha256).hexdigest()
        headers |= {"X-Hub-Signature": f"sha256={digest}"} if is_backport(said) else {"X-Signature": digest}
    url = channel["endpoint"]
    if body and manners.hook == "put" and not is_backport(said):
        return Call("PUT", f"{url.rstrip('/')}/{body['resourceType']}/{body['id']}", headers, content)
    return Call("POST", url, headers, content)


def body(subscription: Version, event: Version, number: int, address: str) -> Json | None:
    """What a notification of a change brings: a Bundle, the resource, or nothing."""
    said = subscription.resource or {}
    if is_backport(said):
        return bundle(subscription, "event-notification", number, address, event)
    return event.resource if said["channel"].get("payload") else None


def bundle(subscription: Version, kind: str, number: int, address: str, event: Version | None = None) -> Json:
    """A notification as the backport has it: `kind` is handshake, heartbeat or event-notification."""
    status = _status(subscription, kind, number, address, event)
    name = uuid5(NAMESPACE_URL, f"{subscription.address} {kind} {number}")
    first: Json = {
        "fullUrl": f"urn:uuid:{name}",
        "resource": status,
        "request": {"method": "GET", "url": f"{subscription.name}/$status"},
        "response": {"status": "200"},
    }
    entries = [first]
    if event:
        is_new = event.number == 1
        entries.append(
            {
                "fullUrl": f"{address}/{event.name}",
                "request": {
                    "method": "POST" if is_new else "PUT",
                    "url": event.type if is_new else event.name,
                },
                "response": {"status": "201" if is_new else "200"},
            }
        )
    return {"resourceType": "Bundle", "meta": {"profile": [_BUNDLE]}, "type": "history", "entry": entries}


def _status(subscription: Version, kind: str, number: int, address: str, event: Version | None) -> Json:
    said = subscription.resource or {}
    parameters: list[Json] = [
        {"name": "subscription", "valueReference": {"reference": f"{address}/{subscription.name}"}},
        {"name": "topic", "valueCanonical": said["criteria"]},
        {"name": "status", "valueCode": said["status"]},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(number)},
    ]
    if event:
        part = [
            {"name": "event-number", "valueString": str(number)},
            {"name": "timestamp", "valueInstant": instant(event.at)},
            {"name": "focus", "valueReference": {"reference": f"{address}/{event.name}"}},
        ]
        parameters.append({"name": "notification-event", "part": part})
    return {"resourceType": "Parameters", "meta": {"profile": [_STATUS]}, "parameter": parameters}
