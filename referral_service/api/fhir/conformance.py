"""Read and search of what the service publishes of itself: in memory, and never changed by a client."""

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec

from referral_service.api.fhir import paging, render
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.preconditions import names
from referral_service.core.problem import Category, problem
from referral_service.fhir.published import IN_FILES, Definition
from referral_service.fhir.search import query
from referral_service.fhir.search.dates import END, Span, span
from referral_service.fhir.search.table import Kind, Parameter, Sort
from referral_service.fhir.write.search_parameter import TYPE as SEARCH_PARAMETER
from referral_service.workflow.ports import Stored

PLAN: Final = "PlanDefinition"
# R4's types of these parameters. All but dates are read as tokens are; an address and a name have no system.
_OF_ALL: Final = {"url": "uri", "name": "string", "version": "token", "status": "token", "date": "date"}
_OF_SOME: Final = {
    PLAN: ("identifier",),
    "ValueSet": ("identifier", "code"),
    "CodeSystem": ("identifier", "code"),
    "StructureDefinition": ("identifier",),
    "OperationDefinition": ("code",),
    SEARCH_PARAMETER: ("code", "base"),
}
_STATUS = "http://hl7.org/fhir/publication-status"
_SHORTEST = timedelta(microseconds=1)


def parameters(type: str) -> dict[str, str]:
    """What a published type is searched by, with R4's type of the parameter."""
    return _OF_ALL | dict.fromkeys(_OF_SOME[type], "token")


def _kind(type: str) -> Kind:
    found = (
        Parameter(
            name,
            Sort.DATE if sort == "date" else Sort.TOKEN,
            (name,),
            name,
            system=_STATUS if name == "status" else "",
        )
        for name, sort in parameters(type).items()
    )
    return Kind(type=type, is_taken_in=False, parameters=tuple(found))


# The types that may be published, beside those that are stored.
CONFORMANCE: Final = {type: _kind(type) for type in sorted({PLAN, SEARCH_PARAMETER, *IN_FILES})}
PARAMETERS: Final = frozenset(one.name for kind in CONFORMANCE.values() for one in kind.parameters)


class _Place(msgspec.Struct, array_like=True):
    """Where a search goes on: its parameters, and how many matches came before."""

    parameters: tuple[tuple[str, str], ...]
    passed: Annotated[int, msgspec.Meta(ge=0)]


async def read(face: Face, ask: Ask) -> Answer:
    """200; 304 if If-None-Match names it; 404.

    If-Modified-Since is passed by: the date of a file says less than what is in it.
    """
    stored = _stored(definition(face, ask.type, ask.id))
    is_known = names(ask.if_none_match, render.etag(stored.version))
    return Answer(status=304 if is_known else 200, stored=stored)


async def search(face: Face, ask: Ask) -> Answer:
    """200 and a searchset, as for stored resources, with its total on every page."""
    place = paging.place_in(ask.parameters, _Place)
    asked = place.parameters if place else ask.parameters
    as_of = face.service.clock.as_of()
    understood = query.parse(CONFORMANCE[ask.type], asked, as_of=as_of, is_strict=ask.is_strict)
    found = [one for one in face.service.published.of(ask.type) if _passes(one, understood)]
    found.sort(key=lambda one: one.id, reverse=understood.sort[-1].is_descending)
    for order in reversed(understood.sort):
        found.sort(key=partial(_dated, order.name), reverse=order.is_descending)
    start = place.passed if place else 0
    end = start + understood.count
    here = f"{ask.base}/{ask.type}"
    links = {"self": f"{here}?{urlencode(understood.used)}" if understood.used else here}
    if understood.count and end < len(found):
        links["next"] = paging.link(ask, here, _Place(understood.used, end))
    members = (
        render.Member(f"{here}/{one.id}", render.resource(_stored(one)), {"search": {"mode": "match"}})
        for one in found[start:end]
    )
    return Answer(status=200, body=render.bundle("searchset", members, links, len(found)))


def definition(face: Face, type: str, id: str) -> Definition:
    """The published resource; NOT_FOUND."""
    found = face.service.published.read(type, id)
    if found is None:
        raise problem(Category.NOT_FOUND, "The service publishes no such resource.")
    return found


def _stored(one: Definition) -> Stored:
    return Stored(type=one.type, id=one.id, version=one.version, updated_at=one.updated_at, body=one.body)


def _dated(name: str, one: Definition) -> datetime:
    """What is sorted by; whatever has no date comes last."""
    dated = span(one.told.get("date"))
    return one.updated_at if name == "_lastUpdated" else dated.start if dated else END


def _passes(one: Definition, understood: query.Query) -> bool:
    return all(_passes_test(one, test) for test in understood.tests)


def _passes_test(one: Definition, test: query.Test) -> bool:
    if test.name == "_lastUpdated":
        updated = Span(one.updated_at, one.updated_at + _SHORTEST)
        return any(during.holds(updated) for during in test.dates)
    if test.name == "date":
        dated = span(one.told.get("date"))
        return dated is not None and any(during.holds(dated) for during in test.dates)
    if test.name in one.tokens:
        return any(
            system in test.systems or not {code, f"{system}|{code}"}.isdisjoint(test.tokens)
            for system, code in one.tokens[test.name]
        )
    value = one.id if test.name == "_id" else one.told.get(test.name, "")
    if _OF_ALL.get(test.name) == "string":
        # R4: a string matches from its beginning, whatever the case.
        return any(value.casefold().startswith(token.casefold()) for token in test.tokens)
    asked = {value, f"|{value}"}
    if test.name == "url":
        # As in a canonical, the version may stand behind a bar.
        asked.add(f"{value}|{one.told.get('version', '')}")
    return not asked.isdisjoint(test.tokens) or "" in test.systems
