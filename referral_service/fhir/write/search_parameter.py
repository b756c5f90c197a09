"""How stored resources are searched, as SearchParameters: made from the table that searches are read by."""

import re
from collections.abc import Iterator
from typing import Any, Final

from referral_service.fhir.search.dates import COMPARISONS
from referral_service.fhir.search.table import KINDS, Kind, Parameter, Sort

Json = dict[str, Any]
TYPE: Final = "SearchParameter"
# Elements of R4 that have a choice of types, with the type that is looked at.
_CHOICE = re.compile(r"(effective|medication|onset|performed)([A-Z]\w+)")
_PRIMITIVES: Final = {"DateTime": "dateTime", "Instant": "instant"}


def search_parameters(base: str) -> Iterator[Json]:
    """One for each type and parameter; `base` is that of our canonicals."""
    for kind in KINDS.values():
        for parameter in kind.parameters:
            yield _search_parameter(base, kind, parameter)


def canonical(base: str, kind: Kind, parameter: Parameter) -> str:
    """Its url."""
    return f"{base}/{TYPE}/{_id(kind, parameter)}"


def _id(kind: Kind, parameter: Parameter) -> str:
    return f"{kind.type}-{parameter.name}"


def _search_parameter(base: str, kind: Kind, parameter: Parameter) -> Json:
    found: Json = {
        "resourceType": TYPE,
        "id": _id(kind, parameter),
        "url": canonical(base, kind, parameter),
        "name": kind.type + "".join(word.capitalize() for word in parameter.name.split("-")),
        "status": "active",
        "experimental": False,
        "description": f"As this service searches {kind.type} by {parameter.name}.",
        "code": parameter.name,
        "base": [kind.type],
        "type": parameter.sort.value,
        "expression": " | ".join(_expression(kind, parameter, element) for element in parameter.elements),
    }
    if parameter.sort is Sort.REFERENCE:
        found |= {"target": list(parameter.targets), "modifier": ["type"]}
    found |= {"multipleOr": True, "multipleAnd": True}
    return found | ({"comparator": list(COMPARISONS)} if parameter.sort is Sort.DATE else {})


def _expression(kind: Kind, parameter: Parameter, element: str) -> str:
    """The element as FHIRPath; of a patient, as far as it is one."""
    choice = _CHOICE.fullmatch(element)
    if choice:
        return f"{kind.type}.{choice[1]}.ofType({_PRIMITIVES.get(choice[2], choice[2])})"
    # Where the element may hold others than patients, another parameter finds these.
    is_shared = any(one.elements == parameter.elements for one in kind.parameters if one is not parameter)
    is_narrowed = parameter.name == "patient" and is_shared
    return f"{kind.type}.{element}" + (".where(resolve() is Patient)" if is_narrowed else "")
