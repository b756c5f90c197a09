"""A notification's Bundle: what happened in another system, which resources it names and which it brings.

R4 has no resource for it. The first entry says what the notification is: `Parameters` as in the Subscriptions
R5 Backport, or `SubscriptionStatus` as in R4B and R5. A Bundle without it is one of bare resources. Source:
https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/notifications.html and payloads.html. Pure.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, NamedTuple, cast, get_args

from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir.definitions import R4_TYPES
from referral_service.fhir.search.reference import local

Json = dict[str, Any]
Kind = Literal["handshake", "heartbeat", "event-notification", "query-status", "query-event"]
_KINDS: Final = get_args(Kind)
_BUNDLES: Final = (
    *("history", "subscription-notification"),
    *("collection", "transaction", "batch", "searchset"),
)
_STATUSES: Final = ("Parameters", "SubscriptionStatus")
_LONGEST_NUMBER: Final = 19  # digits of R5's integer64


class Event(NamedTuple):
    """One event. `focus` and `patient` are "Type/id", where the notification names them literally."""

    number: int | None
    focus: str | None
    patient: str | None


class Status(NamedTuple):
    """What the first entry says. `total`: all events since the subscription began, this one's included.

    `subscription` is its reference as it was sent; `state` R4's status of the Subscription, "" if not said.
    """

    kind: Kind
    subscription: str
    state: str
    total: int | None
    events: tuple[Event, ...]

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the events that are told here; none where nothing is counted."""
        said = frozenset(event.number for event in self.events if event.number is not None)
        if said or self.total is None:
            return said
        return frozenset(range(self.total - max(len(self.events) - 1, 0), self.total + 1))


class Placed(NamedTuple):
    """A resource and its FHIRPath in what was sent."""

    path: str
    resource: Json


class Notification(NamedTuple):
    """`named` are the "Type/id" of entries that bring no resource, or tell of a deletion.

    `is_told_apart`: another notification would differ from this one, so that the same again is a repetition.
    """

    status: Status | None
    resources: tuple[Placed, ...]
    named: tuple[str, ...]
    is_told_apart: bool


def read(bundle: Json) -> Notification:
    """Raises Problem INCORRECT, an issue a fault; the resources themselves are not checked here."""
    faults: list[Issue] = []
    if bundle.get("type") not in _BUNDLES:
        faults.append(Issue("value", "Not a type of Bundle that brings news.", "Bundle.type"))
    entries = bundle.get("entry")
    if not isinstance(entries, list) or not entries:
        faults.append(Issue("required", "A notification has entries.", "Bundle.entry"))
        raise Problem(Category.INCORRECT, *faults)
    for index, entry in enumerate(entries):
        faults += _entry_faults(entry, f"Bundle.entry[{index}]")
    if faults:
        raise Problem(Category.INCORRECT, *faults)
    status, apart = None, "timestamp" in bundle or "id" in bundle
    first = entries[0].get("resource", {})
    if first.get("resourceType") in _STATUSES:
        said = _Said("Bundle.entry[0].resource", faults)
        status = said.status(first)
        apart = apart or said.has_instants
        if faults:
            raise Problem(Category.INCORRECT, *faults)
    others = list(enumerate(entries))[1 if status else 0 :]
    resources = tuple(
        Placed(f"Bundle.entry[{index}].resource", entry["resource"])
        for index, entry in others
        if "resource" in entry and _method(entry) != "DELETE"
    )
    return Notification(status, resources, tuple(_named(entry for _, entry in others)), apart)


def _entry_faults(entry: Any, path: str) -> Iterator[Issue]:
    if not isinstance(entry, dict):
        yield Issue("structure", "An entry is an object.", path)
        return
    for part in ("resource", "request"):
        if part in entry and not isinstance(entry[part], dict):
            yield Issue("structure", "The element is an object.", f"{path}.{part}")
    resource = entry.get("resource")
    if isinstance(resource, dict):
        kind = resource.get("resourceType")
        if not isinstance(kind, str) or kind not in R4_TYPES | {"SubscriptionStatus"}:
            yield Issue("value", "Not a resource type of R4.", f"{path}.resource.resourceType")


def _method(entry: Json) -> str:
    return str(entry.get("request", {}).get("method", ""))


def _named(entries: Iterable[Json]) -> Iterator[str]:
    for entry in entries:
        if "resource" in entry and _method(entry) != "DELETE":
            continue
        reference = local(entry.get("request", {}).get("url")) or local(entry.get("fullUrl"))
        if reference:
            yield reference


class _Said:
    """Reads the first entry in either of its forms; `faults` takes what is wrong with it."""

    def __init__(self, path: str, faults: list[Issue]) -> None:
        """`path` is the FHIRPath of the resource."""
        self._path = path
        self._faults = faults
        self.has_instants = False

    def status(self, resource: Json) -> Status:
        """What it says; not to be used where there are faults."""
        if resource["resourceType"] == "Parameters":
            said = self._parameters(resource, "parameter", _NAMES)
            events = [self._parameters(event, "part", _PARTS) for event in said.get("event", ())]
        else:
            said, events = resource, resource.get("notificationEvent", [])
            if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
                self._faults.append(
                    Issue("structure", "Not a list of events.", self._at("notificationEvent"))
                )
                events = []
        kind = said.get("type")
        if kind not in _KINDS:
            code = "value" if kind else "required"
            self._faults.append(Issue(code, "Not a type of notification.", self._at("type")))
        return Status(
            kind=cast(Kind, kind),
            subscription=self._reference(said.get("subscription"), "subscription", is_needed=True),
            state=str(said.get("status", "")),
            total=self._number(said.get("eventsSinceSubscriptionStart"), "eventsSinceSubscriptionStart"),
            events=tuple(map(self._event, events)),
        )

    def _event(self, event: Json) -> Event:
        self.has_instants = self.has_instants or "timestamp" in event
        focus = local(self._reference(event.get("focus"), "focus"))
        context = event.get("additionalContext", [])
        named = [focus, *(local(self._reference(one, "context")) for one in _listed(context))]
        patient = next((one for one in named if one and one.startswith("Patient/")), None)
        return Event(self._number(event.get("eventNumber"), "eventNumber"), focus, patient)

    def _parameters(self, holder: Json, element: str, names: dict[str, str]) -> Json:
        """Its parameters under the names that SubscriptionStatus has; those that may repeat as lists."""
        found: Json = {}
        for one in _listed(holder.get(element)):
            name = names.get(str(one.get("name", ""))) if isinstance(one, dict) else None
            if name is None:
                continue
            if name in _REPEATING:
                found.setdefault(name, []).append(one if name == "event" else _value(one))
            elif name in found:
                self._faults.append(Issue("structure", "Said twice.", self._at(name)))
            else:
                found[name] = _value(one)
        return found

    def _reference(self, value: Any, name: str, *, is_needed: bool = False) -> str:
        """The text of a literal reference, "" for a logical one."""
        if value is None and not is_needed:
            return ""
        if not isinstance(value, dict):
            code = "structure" if value else "required"
            self._faults.append(Issue(code, "Not a Reference.", self._at(name)))
            return ""
        reference = value.get("reference", "")
        if not isinstance(reference, str) or (is_needed and not reference):
            self._faults.append(Issue("value", "Not a literal reference.", self._at(name)))
            return ""
        return reference

    def _number(self, value: Any, name: str) -> int | None:
        """R5 writes its 64 bits as text."""
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER:
            return int(text)
        if value is not None:
            self._faults.append(Issue("value", "Not a whole number.", self._at(name)))
        return None

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}"


# The backport's names of parameters, and SubscriptionStatus's of the same.
_NAMES: Final = {
    "subscription": "subscription",
    "status": "status",
    "type": "type",
    "events-since-subscription-start": "eventsSinceSubscriptionStart",
    "notification-event": "event",
}
_PARTS: Final = {
    "event-number": "eventNumber",
    "timestamp": "timestamp",
    "focus": "focus",
    "additional-context": "additionalContext",
}
_REPEATING: Final = frozenset({"event", "additionalContext"})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _value(parameter: Json) -> Any:
    return next((value for name, value in parameter.items() if name.startswith("value")), None)
