"""Notifications as servers send them."""

from typing import Any

Json = dict[str, Any]


def event(number: int | str | None, focus: str = "", *context: str) -> Json:
    """An event as the R5 backport has it in R4: a parameter."""
    part: list[Json] = []
    if number is not None:
        part.append({"name": "event-number", "valueString": str(number)})
    part.append({"name": "timestamp", "valueInstant": f"2026-06-01T08:00:{int(number or 0) % 60:02d}Z"})
    if focus:
        part.append({"name": "focus", "valueReference": {"reference": focus}})
    part += [{"name": "additional-context", "valueReference": {"reference": one}} for one in context]
    return {"name": "notification-event", "part": part}


def status(kind: str, total: int | str | None, *events: Json, of: str = "s1", state: str = "active") -> Json:
    """The first entry's resource in R4."""
    said: list[Json] = [
        {
            "name": "subscription",
            "valueReference": {"reference": f"https://ehr.example/fhir/Subscription/{of}"},
        },
        {"name": "topic", "valueCanonical": "https://ehr.example/topics/chart"},
        {"name": "status", "valueCode": state},
        {"name": "type", "valueCode": kind},
    ]
    if total is not None:
        said.append({"name": "events-since-subscription-start", "valueString": str(total)})
    return {"resourceType": "Parameters", "parameter": [*said, *events]}


def bundle(*resources: Json, kind: str = "history", **more: Any) -> Json:
    """A Bundle of these; entries may be given as they are."""
    entries = [one if "resourceType" not in one else {"resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": kind, "entry": entries, **more}


def told(number: int, focus: str = "", *context: str, of: str = "s1") -> Json:
    """An event-notification of one event, by its number."""
    return bundle(status("event-notification", number, event(number, focus, *context), of=of))


def athena(name: str, *events: Json, of: str = "a1") -> Json:
    """athenahealth's: SubscriptionStatus, ids only, numbers that begin anew in each Bundle."""
    numbered = [{"eventNumber": str(n), **one} for n, one in enumerate(events, start=1)]
    said = {
        "resourceType": "SubscriptionStatus",
        "id": f"status-{name}",
        "status": "active",
        "type": "event-notification",
        "eventsSinceSubscriptionStart": str(len(events)),
        "eventsInNotification": len(events),
        "subscription": {"reference": f"Subscription/{of}"},
        "topic": "https://ehr.example/fhir/SubscriptionTopic/Patient.update",
        "notificationEvent": numbered,
    }
    request = {"method": "GET", "url": f"Subscription/{of}/$status"}
    entry = {
        "fullUrl": f"urn:uuid:{name}",
        "resource": said,
        "request": request,
        "response": {"status": "200"},
    }
    return bundle(entry, id=name, timestamp="2026-06-01T08:00:01.123Z")


def focus(reference: str, *context: str) -> Json:
    """An event of such a Bundle, with its proprietary identifiers."""
    return {
        "id": "cb6cc377-ee38-31ba-9482-f93f821cd169",
        "timestamp": "2026-06-01T08:00:00Z",
        "focus": {"reference": reference, "identifier": {"system": "urn:ehr", "value": "5"}},
        "additionalContext": [{"reference": one} for one in context],
    }
