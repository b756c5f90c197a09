"""The id space of one of several EHRs of a tenant: its Patient/1 is our Patient/NAME.1, and back again.

Ids and references change, nothing else: whatever ends in "Type/id" names a resource of that EHR, on whichever
of its addresses. What the service wrote has the same id for everybody.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from referral_service.fhir.definitions import R4_TYPES
from referral_service.fhir.search.escapes import plain, split
from referral_service.fhir.search.table import KINDS, TAKEN_IN, Sort

Json = dict[str, Any]
# What is not kept here needs no name of its own; of the one type that both sides write, ours have such ids.
_TURNED: Final = TAKEN_IN
# Of operations, which no search has.
_OF_OPERATIONS: Final = ("subject", "patient")
# Before the id of what is of another EHR of the tenant, or of none; no EHR's own ids begin so.
_ANOTHERS: Final = "-."
_SHARED: Final = "ServiceRequest"
_OUR_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_REFERENCE: Final = re.compile(
    r"(?P<before>(?:.*/)?(?P<type>[A-Z][A-Za-z]{1,40})/)(?P<id>[A-Za-z0-9\-.]{1,64})(?P<after>(?:/_history/[^/?#]+)?)"
)
# An id may look like a type, and an address's own path like both.
_PLACE: Final = re.compile(
    rf"(?P<before>(?:(?![A-Z])[^?]*/)?(?P<type>{'|'.join(sorted(R4_TYPES))})/)"
    r"(?P<id>[A-Za-z0-9\-.]{1,64})(?P<after>(?:[/?].*)?)",
    re.DOTALL,
)
_SPECIAL: Final = re.compile(r"[\\,|$]")
_AS_PEOPLE_WRITE: Final = "/|:,$"
_Turn = Callable[[str, str], str]


class Space:
    """One EHR's; `name` is short, of lower-case letters, digits and hyphens."""

    def __init__(self, name: str, *, sees_others: bool = False) -> None:
        """ "" is the space of a tenant that has one EHR: ids stay as they are.

        `sees_others`: what is not that EHR's may be named too; else whatever is said is said of its own.
        """
        self.name = name
        self._sees_others = sees_others
        self._prefix = f"{name}." if name else ""

    def inner(self, type: str, id: str) -> str:
        """The id here of a resource there; longer than R4 allows where theirs is about that long."""
        if not self._prefix or _is_common(type, id):
            return id
        is_others = self._sees_others and id.startswith(_ANOTHERS)
        return id.removeprefix(_ANOTHERS) if is_others else self._prefix + id

    def outer(self, type: str, id: str) -> str:
        """The id there of a resource here; another EHR's, or nobody's, has a name that none of theirs has."""
        if not self._prefix or _is_common(type, id):
            return id
        return id.removeprefix(self._prefix) if id.startswith(self._prefix) else _ANOTHERS + id

    def holds(self, reference: str) -> bool:
        """Whether "Type/id" as it is here is that EHR's, or the service's own."""
        type, _, id = reference.partition("/")
        return id.startswith(self._prefix) or _is_common(type, id)

    def enter(self, resource: Json) -> Json:
        """A resource or Bundle of theirs, as it is here; the same object where nothing changes."""
        return _resource(resource, self.inner) if self._prefix else resource

    def leave(self, resource: Json) -> Json:
        """A resource or Bundle of ours, as they know it; also what its sentences name."""
        if not self._prefix:
            return resource
        named = re.compile(rf"\b({'|'.join(sorted(_TURNED))})/{re.escape(self._prefix)}")
        return dict(_reworded(_resource(resource, self.outer), named))

    def asked(self, type: str, parameters: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """The parameters of a search or operation of theirs."""
        return _parameters(type, parameters, self.inner)

    def entered(self, reference: str) -> str:
        """A reference, or an address below a base, of theirs."""
        return _turned(reference, self.inner, _PLACE) if self._prefix else reference

    def left(self, reference: str) -> str:
        """A reference, or an address below a base, of ours."""
        return _turned(reference, self.outer, _PLACE) if self._prefix else reference


def _is_common(type: str, id: str) -> bool:
    """Whether a resource has one name for everybody: what is not kept here, and what the service wrote."""
    return type not in _TURNED or (type == _SHARED and _OUR_ID.fullmatch(id) is not None)


def _reworded(value: Any, named: re.Pattern[str]) -> Any:
    """With the ids in the texts of notes and the like as the other side has them."""
    if isinstance(value, list):
        return [_reworded(one, named) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: named.sub(r"\1/", one) if key == "text" and isinstance(one, str) else _reworded(one, named)
        for key, one in value.items()
    }


def type_of(path: str) -> str:
    """The type that is asked for at a path below a base: of a compartment's, the last one; "" for none."""
    return next((part for part in reversed(path.split("/")) if part in R4_TYPES), "")


def _parameters(type: str, parameters: Iterable[tuple[str, str]], turn: _Turn) -> list[tuple[str, str]]:
    return [
        (name, ",".join(_alternative(one, turned) for one in split(value, ",")))
        if (turned := _valued(type, name, turn))
        else (name, value)
        for name, value in parameters
    ]


def _alternative(one: str, turned: Callable[[str], str]) -> str:
    """What is escaped is read as the search will read it."""
    return turned(one) if "\\" not in one else _SPECIAL.sub(r"\\\g<0>", turned(plain(one)))


def _valued(type: str, name: str, turn: _Turn) -> Callable[[str], str] | None:
    """What is done to a value of a parameter that names resources; None for any other parameter."""
    plain, _, modifier = name.partition(":")
    if plain == "_id":
        return lambda id: turn(type, id) if id else id
    known = (it for it in KINDS[type].parameters if it.name == plain) if type in KINDS else ()
    targets = next((it.targets for it in known if it.sort is Sort.REFERENCE), ())
    if not targets and plain in _OF_OPERATIONS:
        targets = ("Patient",)
    if not targets:
        return None
    of = modifier or targets[0]
    return lambda one: _turned(one, turn, _REFERENCE) if "/" in one or not one else turn(of, one)


def _searched(address: str, turn: _Turn, left_as_said: str = _AS_PEOPLE_WRITE) -> str:
    """An address below a base, which may be a search, all but these characters percent-encoded."""
    path, _, query = address.partition("?")
    if not query or not (type := type_of(path)):
        return _turned(address, turn, _PLACE)
    parameters = _parameters(type, parse_qsl(query, keep_blank_values=True), turn)
    return f"{_turned(path, turn, _PLACE)}?{urlencode(parameters, safe=left_as_said)}"


def _resource(resource: Json, turn: _Turn) -> Json:
    """Of a resource also its own id; of a Bundle everything in it."""
    type, id = resource.get("resourceType"), resource.get("id")
    if type == "Bundle":
        return {key: _of_bundle(key, value, turn) for key, value in resource.items()}
    turned = {key: _value(value, turn) for key, value in resource.items()}
    if type == "Subscription" and isinstance(turned.get("criteria"), str):
        turned["criteria"] = _searched(turned["criteria"], turn)
    if type == "Parameters" and isinstance(turned.get("parameter"), list):
        turned["parameter"] = [_parameter(one, turn) for one in turned["parameter"]]
    if isinstance(type, str) and isinstance(id, str):
        turned["id"] = turn(type, id)
    return turned


def _parameter(parameter: Any, turn: _Turn) -> Any:
    """An operation may be told its subject as a text."""
    if not isinstance(parameter, dict) or parameter.get("name") not in _OF_OPERATIONS:
        return parameter
    text = parameter.get("valueString")
    return (
        {**parameter, "valueString": _turned(text, turn, _REFERENCE)} if isinstance(text, str) else parameter
    )


def _of_bundle(key: str, value: Any, turn: _Turn) -> Any:
    if key == "link" and isinstance(value, list):
        return [
            {**one, "url": _searched(one["url"], turn, left_as_said="")}
            if isinstance(one, dict) and isinstance(one.get("url"), str)
            else one
            for one in value
        ]
    return [_entry(one, turn) for one in value] if key == "entry" and isinstance(value, list) else value


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
            found[part] = {**found[part], name: _searched(found[part][name], turn)}
    request = found.get("request")
    if isinstance(request, dict) and isinstance(request.get("ifNoneExist"), str):
        found["request"] = {**request, "ifNoneExist": _condition(request, turn)}
    return found


def _condition(request: Json, turn: _Turn) -> str:
    type, condition = request.get("url"), request["ifNoneExist"]
    if not isinstance(type, str) or not condition:
        return str(condition)
    return _searched(f"{type}?{condition.removeprefix('?')}", turn).partition("?")[2]


def _value(value: Any, turn: _Turn) -> Any:
    if isinstance(value, list):
        return [_value(one, turn) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _referred(one, turn) if key == "reference" and isinstance(one, str) else _value(one, turn)
        for key, one in value.items()
    }


def _referred(reference: str, turn: _Turn) -> str:
    return _searched(reference, turn) if "?" in reference else _turned(reference, turn, _REFERENCE)


def _turned(reference: str, turn: _Turn, form: re.Pattern[str]) -> str:
    found = form.fullmatch(reference)
    if found is None or reference.startswith(("#", "urn:")):
        return reference
    return f"{found['before']}{turn(found['type'], found['id'])}{found['after']}"
