"""Canaries: resources with a mark in every element that the checker knows, and a look for the marks."""

import re
from collections.abc import Iterator
from copy import deepcopy
from importlib import import_module
from typing import Any

from referral_service.fhir import definitions, shapes
from referral_service.fhir.check import check
from referral_service.fhir.search.table import TAKEN_IN
from tests.api.hostile import MARK, MARKED_ID
from tests.fhir.bases import UCUM
from tests.fhir.more_bases import BASES

Json = dict[str, Any]

DAY, NUMBER, DECIMAL, PACKED = "1887-03-19", 774177741, 77417.7417, "WnF4Nzc0MSBNYXJrZXI="
SIGNS = re.compile(f"zqx7741|{DAY}|{NUMBER}|{DECIMAL}|{PACKED[:8]}", re.IGNORECASE)
_URI = f"http://{MARKED_ID}.example/{MARKED_ID}"
_XHTML = f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{MARK}</p></div>'
_PRIMITIVES: Json = {
    "boolean": True,
    "time": "07:41:17",
    "base64Binary": PACKED,
    "date": DAY,
    "decimal": DECIMAL,
    "oid": f"urn:oid:1.{NUMBER}",
    "xhtml": _XHTML,
    **dict.fromkeys(("canonical", "uri", "url"), _URI),
    **dict.fromkeys(("code", "id"), MARKED_ID),
    **dict.fromkeys(("dateTime", "instant"), f"{DAY}T07:41:17Z"),
    **dict.fromkeys(("integer", "positiveInt", "unsignedInt"), NUMBER),
    **dict.fromkeys(("markdown", "string"), MARK),
}
_EXTENSION: Json = {"url": _URI, "valueString": MARK}
_TO_CONTAINED: Json = {"url": _URI, "valueReference": {"reference": f"#{MARKED_ID}"}}
_CONTAINED: Json = {"resourceType": "Organization", "id": MARKED_ID, "name": MARK}
# What R4's invariants forbid beside the others, or ask for.
# A resource with rules of its own is read no further, so nothing of it could come out anywhere.
_LEFT_OUT = {"comparator", "timeOfDay", "implicitRules"}
_BY_TURNS = ({("Observation", "dataAbsentReason"), ("Observation", "component")}, {("Observation", "value")})
_ASKED_FOR: Json = {
    ("Age", "system"): UCUM,
    ("Duration", "system"): UCUM,
    ("Attachment", "contentType"): f"text/{MARKED_ID}",
    ("Signature", "sigFormat"): f"text/{MARKED_ID}",
    ("Signature", "targetFormat"): f"text/{MARKED_ID}",
    ("Money", "currency"): "USD",
    ("Subscription", "status"): "requested",
    ("Subscription", "criteria"): f"Task?patient={MARKED_ID}",
    ("Subscription", "end"): "2999-03-19T07:41:17Z",
    ("SubscriptionChannel", "type"): "rest-hook",
    ("SubscriptionChannel", "endpoint"): f"http://127.0.0.1:9/{MARKED_ID}",
    ("SubscriptionChannel", "payload"): "application/fhir+json",
    ("SubscriptionChannel", "header"): f"Authorization: {MARK}",
}
_DEEPEST = 5


class Whole:
    """A resource with every element that R4 knows; of each choice the type whose `turn` it is.

    `turns` is how many turns the largest choice needs, once a resource is made.
    """

    def __init__(self, patient: str, turn: int = 0) -> None:
        """`patient` is whose it is."""
        self._patient = patient
        self._turn = turn
        self.turns = 1

    def resource(self, kind: str) -> Json:
        """One of that type; with it something contained, and each primitive's own extension."""
        made = self._object(f"fhir.resources.R4B.{kind.lower()}.{kind}", ())
        primitive = [name for name, value in made.items() if type(value) in (str, int, float, bool)]
        for name in set(primitive) - {"id"}:
            made[f"_{name}"] = {"id": MARKED_ID, "extension": [_EXTENSION]}
        made |= {"resourceType": kind, "contained": [_CONTAINED], "extension": [_TO_CONTAINED]}
        made["id"] = f"{MARKED_ID}-{kind}-{self._turn}"
        return made

    def _object(self, path: str, above: tuple[str, ...]) -> Json:
        module, _, owner = path.rpartition(".")
        made: Json = {}
        choices: dict[str, list[tuple[str, Any]]] = {}
        for element in shapes.elements_of(getattr(import_module(module), owner)):
            said = {(owner, element.name), (owner, element.choice)}
            if element.name in _LEFT_OUT or said & _BY_TURNS[self._turn % 2]:
                continue
            value = self._value(owner, element, (*above, path))
            if value is None:
                continue
            value = [value] if element.repeats else value
            choices.setdefault(element.choice or element.name, []).append((element.name, value))
        for found in choices.values():
            self.turns = max(self.turns, len(found))
            name, value = found[self._turn % len(found)]
            made[name] = value
        return made

    def _value(self, owner: str, element: shapes.Element, above: tuple[str, ...]) -> Any:
        key = (owner, element.name)
        if key in _ASKED_FOR:
            return _ASKED_FOR[key]
        if element.codes:
            return "work" if "work" in element.codes else min(element.codes)
        if key in definitions.REQUIRED_CONCEPTS:
            system, known = definitions.REQUIRED_CONCEPTS[key]
            code = "inactive" if "inactive" in known else min(known)
            return {"coding": [{"system": system, "code": code}], "text": MARK}
        if element.type in _PRIMITIVES:
            return MARKED_ID if element.name == "id" else _PRIMITIVES[element.type]
        return self._complex(element, above)

    def _complex(self, element: shapes.Element, above: tuple[str, ...]) -> Json | None:
        kind = element.type.rpartition(".")[2]
        if kind == "Extension":
            return _EXTENSION if element.name == "extension" else None
        if kind == "Reference":
            targets = element.targets or {"Patient"}
            target = "Patient" if "Patient" in targets else min(targets)
            return {"reference": f"{target}/{self._patient}", "display": MARK}
        if kind == "Resource" or element.type in above or len(above) > _DEEPEST:
            return None
        return self._object(element.type, above)


def whole(patient: str) -> list[Json]:
    """Resources of every type that is taken in, with every element, and every type of each choice."""
    made = []
    for kind in sorted(TAKEN_IN):
        first = Whole(patient)
        made.append(first.resource(kind))
        made += [Whole(patient, turn).resource(kind) for turn in range(1, max(2, first.turns))]
    return made


def coded(patient: str) -> list[Json]:
    """Resources whose codes and days the pathway reads, with a mark in every text that stays right by it."""
    made = []
    for name, one in BASES.items():
        if one["resourceType"] not in TAKEN_IN - {"Subscription"}:
            continue  # a Subscription's texts all mean something
        resource = deepcopy(one) | {"id": f"{MARKED_ID}-{name.replace('_', '-')}"}
        for holder, key in list(_texts(resource)):
            was = holder[key]
            for mark in (f"Patient/{patient}", MARK, MARKED_ID, _URI, _XHTML):
                holder[key] = mark
                if (key == "reference") == ("/" in mark and ":" not in mark) and not check(resource):
                    break
                holder[key] = was
        made.append(resource)
    return made


def _texts(value: Any) -> Iterator[tuple[Any, Any]]:
    """The holder and the key of every text that is no code, no day and no type."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inside:
        if isinstance(child, str) and key not in ("resourceType", "id", "system", "code", "contentType"):
            if not re.match(r"\d{4}(-|$)", child):
                yield value, key
        else:
            yield from _texts(child)


def seen(where: str, text: bytes | str) -> list[str]:
    """What of the marks is in it: the place, the mark and what stands around it."""
    read = text if isinstance(text, str) else text.decode("utf-8", "replace")
    return [f"{where}: {read[max(0, one.start() - 60) : one.end() + 20]!r}" for one in SIGNS.finditer(read)]
