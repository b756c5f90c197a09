"""Resources with one value of the wrong JSON type, or of the right type and absurd."""

import copy
from collections.abc import Iterator
from typing import Any

from tests.api.hostile import MARK, Attack, Json, posted

_CODED = {"coding": [{"system": "urn:x", "code": "x", "display": MARK}], "text": MARK}
_WHO = {"reference": "Patient/x", "display": MARK}
WHOLE: tuple[Json, ...] = (
    {
        "resourceType": "Patient",
        "id": "x",
        "meta": {"tag": [{"system": "urn:x", "code": "x"}]},
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
        "extension": [{"url": "urn:x", "valueDecimal": 1.5}],
        "identifier": [{"system": "urn:x", "value": MARK}],
        "active": True,
        "name": [{"family": MARK, "given": [MARK]}],
        "birthDate": "1970-01-01",
        "_birthDate": {"extension": [{"url": "urn:x", "valueString": MARK}]},
        "multipleBirthInteger": 2,
    },
    {
        "resourceType": "Observation",
        "status": "final",
        "code": _CODED,
        "subject": _WHO,
        "effectivePeriod": {"start": "2026-01-01"},
        "valueQuantity": {"value": 7, "unit": MARK},
        "note": [{"text": MARK}],
    },
    {
        "resourceType": "Procedure",
        "contained": [{"resourceType": "Condition", "id": "c", "subject": _WHO}],
        "status": "completed",
        "code": _CODED,
        "subject": _WHO,
        "performedDateTime": "2026-01-01",
        "reasonReference": [{"reference": "#c"}],
    },
)
_WRONG: dict[type, tuple[Any, ...]] = {
    str: (7, True, None, {}, [], [MARK], {MARK: MARK}, ""),
    bool: (MARK, 1, None, {}, [], [True], "true"),
    int: (MARK, True, None, {}, [], [1], "1", 1.5, 10**400),
    float: (MARK, True, None, {}, [], "1.5"),
    list: (MARK, 7, None, {}, [], [None], [[]], [7], [{}], [{MARK: 1}]),
    dict: (MARK, 7, None, {}, [], [{}], {MARK: {MARK: MARK}}, {"resourceType": MARK}),
}
# A decimal takes any JSON number.
_DECIMALS = {"valueQuantity.value"}


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inside:
        yield from _places(child, (*path, key))


def _replaced(resource: Json, path: tuple[Any, ...], value: Any) -> Json:
    changed = copy.deepcopy(resource)
    holder: Any = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return changed


def _at(resource: Json, path: tuple[Any, ...]) -> Any:
    value: Any = resource
    for step in path:
        value = value[step]
    return value


def mistyped() -> list[Attack]:
    """Every element of three resources, as every JSON type that it is not."""
    found = []
    for resource in WHOLE:
        kind = resource["resourceType"]
        for path in _places(resource):
            name = ".".join(map(str, path))
            for wrong in _WRONG[type(_at(resource, path))]:
                if name in _DECIMALS and isinstance(wrong, float | int):
                    continue
                changed = _replaced(resource, path, wrong)
                found.append(posted(f"{kind}.{name} is {str(wrong)[:20]}", changed, kind))
    return found


_ABSURD: dict[str, Json] = {
    "a birth date of no calendar": {"birthDate": "1970-02-30"},
    "a birth date with a null": {"birthDate": "1970-01-01\x00"},
    "a birth date in other digits": {"birthDate": "١٩٧٠-٠١-٠١"},
    "a birth date that is marked": {"birthDate": MARK},
    "a code that is marked": {"gender": MARK},
    "a text of control characters": {"name": [{"family": f"{MARK}\x00\x01\x1b"}]},
    "a text of white space": {"name": [{"family": "\u2003"}]},
    "an address with white space": {"extension": [{"url": MARK, "valueString": MARK}]},
    "an extension without an address": {"extension": [{"valueString": MARK}]},
    "an extension of two values": {"extension": [{"url": "urn:x", "valueString": MARK, "valueCode": "x"}]},
    "an extension within its value": {
        "extension": [
            {"url": "urn:x", "valueString": MARK, "extension": [{"url": "urn:y", "valueCode": "x"}]}
        ]
    },
    "a script in the narrative": {
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><script>{MARK}</script></div>',
        }
    },
    "an entity in the narrative": {
        "text": {"status": "generated", "div": '<!DOCTYPE d [<!ENTITY a "b">]><div>&a;</div>'}
    },
    "a bomb of entities in the narrative": {
        "text": {
            "status": "generated",
            "div": "<!DOCTYPE d ["
            + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
            + "]><div>&a9;</div>",
        }
    },
    "a narrative that never ends": {"text": {"status": "generated", "div": "<div>" * 10_000}},
    "a contained resource without a type": {"contained": [{"id": "c", "name": MARK}]},
    "a contained resource of no type": {"contained": [{"resourceType": MARK, "id": "c"}]},
    "a contained resource within another": {
        "contained": [{"resourceType": "Patient", "id": "c", "contained": [{"resourceType": "Patient"}]}]
    },
    "a contained resource twice": {
        "contained": [{"resourceType": "Group", "id": "c"}, {"resourceType": "Group", "id": "c"}]
    },
    "an id of 65 characters": {"id": "x" * 65},
    "an id that climbs": {"id": "../../etc/passwd"},
    "an id that is marked": {"id": MARK},
    "an id with a null": {"id": "a\x00"},
    "both forms of a choice": {"multipleBirthInteger": 1, "multipleBirthBoolean": True},
    "no type": {"resourceType": None},
    "a type of another case": {"resourceType": "patient"},
    "a type that is marked": {"resourceType": MARK},
    "a type of many": {"resourceType": ["Patient"]},
    "a reference to nothing contained": {"managingOrganization": {"reference": "#nothing"}},
    "arrays of unlike length": {"name": [{"given": ["a", "b"], "_given": [None]}]},
    "a thousand wrong codes": {"identifier": [{"use": MARK}] * 1000},
}


def absurd() -> list[Attack]:
    """Values of the right JSON type that R4 does not allow."""
    patient = {"resourceType": "Patient", "id": "x"}
    return [posted(says, {**patient, **more}) for says, more in _ABSURD.items()]
