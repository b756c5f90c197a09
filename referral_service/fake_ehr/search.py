"""Searches: the parameters that this EHR knows, each alternative and each precision as R4 says.

What it does not know it refuses: an EHR that passes a parameter by answers with more than was asked.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from referral_service.fake_ehr.answer import Refused
from referral_service.fake_ehr.elements import ABOUT, by_reference, by_value, references, tokens
from referral_service.fake_ehr.store import Store, Version
from referral_service.fhir.check import R4_TYPES
from referral_service.fhir.search.dates import During, Span, span
from referral_service.fhir.search.escapes import plain, split
from referral_service.fhir.search.reference import is_id, local

Test = Callable[[Version], bool]

TOKENS: Final = {
    "identifier": "identifier",
    "status": "status",
    "code": "code",
    "category": "category",
    "intent": "intent",
    "clinical-status": "clinicalStatus",
    "business-status": "businessStatus",
}
REFERENCES: Final = {
    "patient": ABOUT,
    "subject": ABOUT,
    "focus": ("focus",),
    "based-on": ("basedOn",),
    "owner": ("owner",),
    "requester": ("requester",),
    "encounter": ("encounter",),
}
_COMPARISONS: Final = ("eq", "gt", "ge", "lt", "le")
_TICK: Final = timedelta(milliseconds=1)
_IGNORED: Final = ("_format", "_pretty")
LARGEST_PAGE: Final = 1000


class Query(msgspec.Struct, kw_only=True):
    """A search, understood. `among` are keys of the store of which each match has one; None: any.

    `includes` are the elements whose targets come along.
    """

    type: str
    tests: list[Test] = []
    among: list[str] | None = None
    includes: list[tuple[str, ...]] = []
    count: int = 0
    is_newest_first: bool = False
    is_counted_only: bool = False


def parse(type: str, asked: Iterable[tuple[str, str]]) -> Query:
    """Reads a search's parameters; raises Refused (404 for a type that there is not, else 400)."""
    if type not in R4_TYPES:
        raise Refused(404, "not-supported", "There is no such resource type.")
    query = Query(type=type)
    for name, value in asked:
        if not value:
            continue
        if name in TOKENS:
            _token(query, name, value)
        elif name in REFERENCES:
            _reference(query, name, value)
        elif name in _CONTROLS:
            _CONTROLS[name](query, value)
        elif name not in _IGNORED:
            raise Refused(400, "not-supported", "This search parameter is not supported here.")
    return query


def parse_text(type: str, text: str) -> Query:
    """The same of a query string, as If-None-Exist or the address of a conditional write has it."""
    address, mark, rest = text.partition("?")
    asked = parse_qsl(rest if mark and "=" not in address else text)
    if not asked:
        raise Refused(400, "value", "A condition needs a search parameter.")
    return parse(type, asked)


def matches(store: Store, query: Query, unseen_seconds: float = 0.0) -> list[Version]:
    """What the search finds, the oldest change first, without what changed in the last `unseen_seconds`."""
    found = [
        one for one in store.find(query.type, query.among, unseen_seconds) if all(t(one) for t in query.tests)
    ]
    found.sort(key=lambda one: (one.at, one.id), reverse=query.is_newest_first)
    return found


def included(store: Store, query: Query, found: Sequence[Version]) -> list[Version]:
    """What comes along with the matches of one page, each once."""
    wanted = {
        reference: None
        for one in found
        for elements in query.includes
        for reference in references(one.resource or {}, *elements)
    }
    named = (reference.partition("/") for reference in wanted)
    there = [store.latest(type, id) for type, _, id in named]
    return [one for one in there if one is not None and one.resource is not None]


def _token(query: Query, name: str, value: str) -> None:
    element = TOKENS[name]
    wanted = [[plain(part) for part in split(one, "|")] for one in split(value, ",")]
    if any(len(parts) > 2 for parts in wanted):
        raise Refused(400, "value", f"{name}: a bar in a value needs a backslash before it.")
    if name == "identifier" and all(parts[-1] for parts in wanted):
        _narrow(query, [by_value(parts[-1]) for parts in wanted])
    query.tests.append(
        lambda version: any(
            _is_meant(found, parts) for found in tokens(version.resource or {}, element) for parts in wanted
        )
    )


def _is_meant(found: tuple[str, str], parts: Sequence[str]) -> bool:
    """R4: "code" of any system, "|code" of none, "system|code", "system|" any of it."""
    if len(parts) == 1:
        return found[1] == parts[0]
    return found[0] == parts[0] and parts[1] in ("", found[1])


def _reference(query: Query, name: str, value: str) -> None:
    elements = REFERENCES[name]
    wanted: set[str] = set()
    for one in map(plain, split(value, ",")):
        if reference := local(one):
            wanted.add(reference)
        elif is_id(one):
            wanted |= {f"Patient/{one}"} if elements is ABOUT else {f"{type}/{one}" for type in R4_TYPES}
        else:
            raise Refused(400, "value", f"{name}: not an id and not a reference.")
    if name == "patient":
        wanted = {one for one in wanted if one.startswith("Patient/")}
    if elements is ABOUT:
        _narrow(query, [by_reference(one) for one in wanted])
    query.tests.append(
        lambda version: not wanted.isdisjoint(references(version.resource or {}, *elements)),
    )


def _narrow(query: Query, among: list[str]) -> None:
    if query.among is None:
        query.among = among


def _id(query: Query, value: str) -> None:
    ids = set(split(value, ","))
    query.tests.append(lambda version: version.id in ids)


def _last_updated(query: Query, value: str) -> None:
    known = value[:2] in _COMPARISONS
    covered = span(value[2:] if known else value)
    if covered is None:
        raise Refused(400, "value", "_lastUpdated: not a date, or not after one of eq, gt, ge, lt, le.")
    during = During(value[:2] if known else "eq", covered)
    query.tests.append(lambda version: during.holds(Span(version.at, version.at + _TICK)))


def _count(query: Query, value: str) -> None:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise Refused(400, "value", "_count: not a whole number.")
    query.count = min(int(value), LARGEST_PAGE)
    query.is_counted_only = query.count == 0


def _sort(query: Query, value: str) -> None:
    if value.removeprefix("-") != "_lastUpdated":
        raise Refused(400, "not-supported", "_sort: only by _lastUpdated.")
    query.is_newest_first = value.startswith("-")


def _include(query: Query, value: str) -> None:
    type, _, name = value.partition(":")
    if type != query.type or name not in REFERENCES:
        raise Refused(400, "not-supported", "_include: not this type and one of its references.")
    query.includes.append(REFERENCES[name])


def _summary(query: Query, value: str) -> None:
    if value != "count":
        raise Refused(400, "not-supported", "_summary: only count.")
    query.is_counted_only = True


_CONTROLS: Final[dict[str, Callable[[Query, str], None]]] = {
    "_id": _id,
    "_lastUpdated": _last_updated,
    "_count": _count,
    "_sort": _sort,
    "_include": _include,
    "_summary": _summary,
}
