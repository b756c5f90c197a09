"""What a subscriber is sent: a history Bundle that names what has changed, and brings nothing of it.

Source: Subscriptions R5 Backport, STU 1.1: notifications.html, payloads.html (id-only), and the profiles
backport-subscription-notification-r4 and backport-subscription-status-r4.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from referral_service.fhir.subscription import BACKPORT
from referral_service.fhir.write.names import instant, reference

Json = dict[str, Any]
Kind = Literal["handshake", "heartbeat", "event-notification"]


class Event(NamedTuple):
    """One change: "Type/id", and the instant at which it was stored."""

    focus: str
    at: datetime


class Occasion(NamedTuple):
    """Whose notification it is: the Subscription's id and status; `base` is where clients find /fhir.

    `number` is how many events there were before, and `at` now.
    """

    base: str
    subscription: str
    status: str
    number: int
    at: datetime


def notification(kind: Kind, occasion: Occasion, events: Sequence[Event] = ()) -> Json:
    """The Bundle; its events are numbered from `occasion.number` plus one."""
    address = f"{occasion.base}/Subscription/{occasion.subscription}"
    id = str(uuid4())
    parameters: list[Json] = [
        {"name": "subscription", "valueReference": reference(address)},
        {"name": "status", "valueCode": occasion.status},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(occasion.number + len(events))},
    ]
    for number, event in enumerate(events, occasion.number + 1):
        part = [
            {"name": "event-number", "valueString": str(number)},
            {"name": "timestamp", "valueInstant": instant(event.at)},
            {"name": "focus", "valueReference": reference(f"{occasion.base}/{event.focus}")},
        ]
        parameters.append({"name": "notification-event", "part": part})
    status = {
        "resourceType": "Parameters",
        "id": id,
        "meta": {"profile": [f"{BACKPORT}/backport-subscription-status-r4"]},
        "parameter": parameters,
    }
    entry = {
        "fullUrl": f"urn:uuid:{id}",
        "resource": status,
        "request": {"method": "GET", "url": f"{address}/$status"},
        "response": {"status": "200"},
    }
    return {
        "resourceType": "Bundle",
        "id": str(uuid4()),
        "meta": {"profile": [f"{BACKPORT}/backport-subscription-notification-r4"]},
        "type": "history",
        "timestamp": instant(occasion.at),
        "entry": [entry],
    }
