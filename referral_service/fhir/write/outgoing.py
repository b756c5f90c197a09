"""An approved order as it goes to another system: a transaction of the ServiceRequest and its Task.

The other system knows what it sent under its own ids. To everything else a literal reference would dangle
there, or point at a stranger's resource, so that is named by identifier alone.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from referral_service.fhir.write.names import Names

Json = dict[str, Any]
URI: Final = "urn:ietf:rfc:3986"
_OWN = ("id", "meta", "contained")


class Order(NamedTuple):
    """The two resources as we keep them, and the Patient, if we have one."""

    request: Json
    task: Json
    patient: Json | None = None


def outgoing(order: Order, is_theirs: Callable[[str], bool], names: Names) -> Json:
    """The transaction; `is_theirs` says of a reference "Type/id" whether the id is the other system's own."""
    request, task = order.request, order.task
    refer = _Referring(is_theirs, names, order.patient)
    focus = {"reference": f"urn:uuid:{request['id']}", "type": "ServiceRequest"}
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            _entry(refer.rewritten(request), request),
            _entry({**refer.rewritten(task), "status": "requested", "focus": focus}, task),
        ],
    }


def findable(resource: Json) -> Json:
    """The identifier by which a resource of an order is looked for, wherever it is.

    Its own value has a bar, which is a separator in a search. What R4 says to put before it one server needs,
    another takes for a part of the value, and a third knows neither way: so the order has one without.
    """
    own = resource["identifier"][0]
    return {"system": f"{own['system'].rpartition('/')[0]}/order", "value": own["value"].partition("|")[0]}


def _entry(sent: Json, kept: Json) -> Json:
    by = findable(kept)
    asked = f"identifier={by['system']}|{by['value']}"
    return {
        "fullUrl": f"urn:uuid:{kept['id']}",
        "resource": {**sent, "identifier": [*sent["identifier"], by]},
        "request": {"method": "POST", "url": kept["resourceType"], "ifNoneExist": asked},
    }


class _Referring(NamedTuple):
    """Writes references as the other system can read them."""

    is_theirs: Callable[[str], bool]
    names: Names
    patient: Json | None

    def rewritten(self, resource: Json) -> Json:
        """The resource without what is ours alone."""
        return {key: self._value(value) for key, value in resource.items() if key not in _OWN}

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(one) for one in value]
        if not isinstance(value, Mapping):
            return value
        if isinstance(value.get("authorReference"), Mapping):
            return self._authored(value)
        if isinstance(value.get("reference"), str):
            return self._reference(value["reference"])
        return {key: self._value(one) for key, one in value.items()}

    def _authored(self, note: Mapping[str, Any]) -> Json:
        """Who wrote a note, as text: whether they are known there is nobody's concern."""
        author = note["authorReference"]["reference"]
        return {"authorString": author, **{k: v for k, v in note.items() if k != "authorReference"}}

    def _reference(self, to: str) -> Json:
        kind, _, rest = to.partition("/")
        found: Json = {"reference": to} if self.is_theirs(to.partition("/_history/")[0]) else {}
        known = self.patient.get("identifier", ()) if self.patient and kind == "Patient" else ()
        named = next((one for one in known if one.get("value")), None)
        if named:
            found["identifier"] = {key: named[key] for key in ("system", "value") if key in named}
        if not found and kind == "Patient":
            # better refused there than sent about nobody
            return {"reference": to}
        if not found:
            found["identifier"] = {"system": URI, "value": f"{self.names.base}/{kind}/{rest}"}
        return {**found, "type": kind}
