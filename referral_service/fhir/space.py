"""The id space of one of several EHRs of a tenant: its Patient/1 is our Patient/NAME.1, and back again.

Ids and references change, nothing else: whatever ends in "Type/id" names a resource of that EHR, on whichever
of its addresses. What the service wrote has the same id for everybody.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

Json = dict[str, Any]
# Only the service has these; of the one type that both sides write, it alone has ids of this form.
_OURS: Final = frozenset({"Task", "GuidanceResponse", "DetectedIssue", "Provenance", "AuditEvent"})
_SHARED: Final = "ServiceRequest"
_OUR_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_REFERENCE: Final = re.compile(
    r"(?P<before>(?:.*/)?(?P<type>[A-Z][A-Za-z]{1,40})/)(?P<id>[A-Za-z0-9\-.]{1,64})(?P<after>(?:/_history/[^/?#]+)?)"
)
_PLACE: Final = re.compile(
    r"(?P<before>(?:[^?]*/)?(?P<type>[A-Z][A-Za-z]{1,40})/)(?P<id>[A-Za-z0-9\-.]{1,64})(?P<after>(?:[/?].*)?)"
)
_Turn = Callable[[str, str], str]


class Space:
    """One EHR's; `name` is short, of lower-case letters, digits and hyphens."""

    def __init__(self, name: str) -> None:
        """ "" is the space of a tenant that has one EHR: ids stay as they are."""
        self.name = name
        self._prefix = f"{name}." if name else ""

    def inner(self, type: str, id: str) -> str:
        """The id here of a resource there; longer than R4 allows where theirs is about that long."""
        is_ours = type in _OURS or (type == _SHARED and _OUR_ID.fullmatch(id))
        return id if is_ours else self._prefix + id

    def outer(self, type: str, id: str) -> str:
        """The id there of a resource here; of another EHR's, the id that it has here."""
        return id.removeprefix(self._prefix)

    def holds(self, reference: str) -> bool:
        """Whether "Type/id" as it is here is that EHR's, or the service's own."""
        type, _, id = reference.partition("/")
        return id.startswith(self._prefix) or self.inner(type, id) == id

    def enter(self, resource: Json) -> Json:
        """A resource or Bundle of theirs, as it is here; the same object where nothing changes."""
        return _resource(resource, self.inner) if self._prefix else resource

    def leave(self, resource: Json) -> Json:
        """A resource or Bundle of ours, as they know it."""
        return _resource(resource, self.outer) if self._prefix else resource

    def entered(self, reference: str) -> str:
        """A reference, or an address below a base, of theirs."""
        return _turned(reference, self.inner, _PLACE) if self._prefix else reference

    def left(self, reference: str) -> str:
        """A reference, or an address below a base, of ours."""
        return _turned(reference, self.outer, _PLACE) if self._prefix else reference


def _resource(resource: Json, turn: _Turn) -> Json:
    """Of a resource also its own id; of a Bundle everything in it."""
    type, id = resource.get("resourceType"), resource.get("id")
    if type == "Bundle" and isinstance(resource.get("entry"), list):
        return {**resource, "entry": [_entry(one, turn) for one in resource["entry"]]}
    turned = {key: _value(value, turn) for key, value in resource.items()}
    if isinstance(type, str) and isinstance(id, str):
        turned["id"] = turn(type, id)
    return turned


def _entry(entry: Any, turn: _Turn) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    found = dict(entry)
    if isinstance(found.get("resource"), dict):
        found["resource"] = _resource(found["resource"], turn)
    if isinstance(found.get("fullUrl"), str):
        found["fullUrl"] = _turned(found["fullUrl"], turn, _REFERENCE)
    for part, name in (("request", "url"), ("response", "location")):
        if isinstance(found.get(part), dict) and isinstance(found[part].get(name), str):
            found[part] = {**found[part], name: _turned(found[part][name], turn, _PLACE)}
    return found


def _value(value: Any, turn: _Turn) -> Any:
    if isinstance(value, list):
        return [_value(one, turn) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _turned(one, turn, _REFERENCE)
        if key == "reference" and isinstance(one, str)
        else _value(one, turn)
        for key, one in value.items()
    }


def _turned(reference: str, turn: _Turn, form: re.Pattern[str]) -> str:
    found = form.fullmatch(reference)
    if found is None or reference.startswith(("#", "urn:")):
        return reference
    return f"{found['before']}{turn(found['type'], found['id'])}{found['after']}"
