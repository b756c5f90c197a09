"""Read and search of what the service publishes of itself: in memory, and never changed by a client."""

from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec

from referral_service.api.fhir import paging, render
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.read import names
from referral_service.core.problem import Category, problem
from referral_service.fhir.published import IN_FILES, Definition
from referral_service.fhir.search import query
from referral_service.fhir.search.dates import Span
from referral_service.fhir.search.table import Kind, Parameter, Sort
from referral_service.fhir.write.search_parameter import TYPE as SEARCH_PARAMETER
from referral_service.workflow.ports import Stored

PLAN: Final = "PlanDefinition"
# R4's types of these parameters. All are read as tokens are; an address and a name have no system.
PARAMETERS: Final = {"url": "uri", "name": "string", "version": "token", "status": "token"}
_STATUS = "http://hl7.org/fhir/publication-status"
_SHORTEST = timedelta(microseconds=1)


def _kind(type: str) -> Kind:
    parameters = (
        Parameter(name, Sort.TOKEN, (name,), name, system=_STATUS if name == "status" else "")
        for name in PARAMETERS
    )
    return Kind(type=type, is_taken_in=False, parameters=tuple(parameters))


# The types that may be published, beside those that are stored.
CONFORMANCE: Final = {type: _kind(type) for type in sorted({PLAN, SEARCH_PARAMETER, *IN_FILES})}


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
    found.sort(key=lambda one: (one.updated_at, one.id), reverse=understood.sort[0].is_descending)
    start = place.passed if place else 0
    end = start + understood.count
    here = f"{ask.base}/{ask.type}"
    links = {"self": f"{here}?{urlencode(understood.used)}" if understood.used else here}
    if understood.count and end < len(found):
        links["next"] = paging.link(here, _Place(understood.used, end))
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


def _passes(one: Definition, understood: query.Query) -> bool:
    return all(_passes_test(one, test) for test in understood.tests)


def _passes_test(one: Definition, test: query.Test) -> bool:
    if test.name == "_lastUpdated":
        updated = Span(one.updated_at, one.updated_at + _SHORTEST)
        return any(during.holds(updated) for during in test.dates)
    value = one.id if test.name == "_id" else one.told.get(test.name, "")
    if PARAMETERS.get(test.name) == "string":
        # R4: a string matches from its beginning, whatever the case.
        return any(value.casefold().startswith(token.casefold()) for token in test.tokens)
    asked = {value, f"|{value}"}
    if test.name == "url":
        # As in a canonical, the version may stand behind a bar.
        asked.add(f"{value}|{one.told.get('version', '')}")
    return not asked.isdisjoint(test.tokens) or "" in test.systems
