"""Indexing: what one resource can be found by, as the table of types says."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from referral_service.fhir.search.dates import span_of
from referral_service.fhir.search.reference import local
from referral_service.fhir.search.table import KINDS, Kind, Parameter, Sort


class Entry(msgspec.Struct, frozen=True):
    """One line of the index: the parameter's indexed name, and a code with its system or a range of instants.

    The system is as `Parameter.kept` has it. A reference is kept as the code "Type/id".
    """

    name: str
    code: str = ""
    system: str = ""
    start: datetime | None = None
    end: datetime | None = None


Read = Callable[[Parameter, Any, list[Entry]], None]


def entries(resource: dict[str, Any]) -> list[Entry]:
    """Every line by which this resource can be found; values of an unexpected form are left out."""
    found: list[Entry] = []
    for element, rest, parameter, read in _PLANS.get(resource["resourceType"], ()):
        value = resource.get(element)
        if value is None:
            continue
        if rest:
            for one in values(resource, f"{element}.{rest}"):
                read(parameter, one, found)
        elif isinstance(value, list):
            for one in value:
                read(parameter, one, found)
        else:
            read(parameter, value, found)
    return found


def values(resource: dict[str, Any], element: str) -> Iterator[Any]:
    """Every value at a path of element names with dots, arrays opened."""
    first, _, rest = element.partition(".")
    value = resource.get(first)
    for one in value if isinstance(value, list) else (value,):
        if one is None:
            continue
        if not rest:
            yield one
        elif isinstance(one, dict):
            yield from values(one, rest)


def _tokens(parameter: Parameter, value: Any, found: list[Entry]) -> None:
    name = parameter.indexed
    if isinstance(value, str):
        found.append(Entry(name, value))
    elif isinstance(value, dict):
        for coding in value.get("coding") or (value,):
            code, system = coding.get("code") or coding.get("value"), coding.get("system", "")
            if not isinstance(code, str):
                if not system:
                    continue
                code = ""  # it is of its system all the same
            found.append(Entry(name, code, parameter.kept(system) if parameter.system else system))


def _references(parameter: Parameter, value: Any, found: list[Entry]) -> None:
    reference = local(value.get("reference")) if isinstance(value, dict) else None
    if reference:
        found.append(Entry(parameter.indexed, reference))


def _dates(parameter: Parameter, value: Any, found: list[Entry]) -> None:
    covered = span_of(value)
    if covered:
        found.append(Entry(parameter.indexed, "", "", covered.start, covered.end))


_READ: dict[Sort, Read] = {Sort.TOKEN: _tokens, Sort.REFERENCE: _references, Sort.DATE: _dates}


def _plan(kind: Kind) -> list[tuple[str, str, Parameter, Read]]:
    """Each element with its parameter; those that share an indexed name (patient, subject) come once."""
    once = {parameter.indexed: parameter for parameter in kind.parameters}
    return [
        (*element.partition(".")[::2], parameter, _READ[parameter.sort])
        for parameter in once.values()
        for element in parameter.elements
    ]


_PLANS = {kind.type: _plan(kind) for kind in KINDS.values()}
