"""A transaction as ordered operations: identities settled, references rewritten; pure.

The order of use: `links` and `conditions` to learn what must be looked up, then `plan` with the answers.
Source: https://hl7.org/fhir/R4/http.html#trules.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir.bundle import Condition, Entry
from referral_service.fhir.search import terms
from referral_service.fhir.search.query import Query, Test, plain, split
from referral_service.fhir.search.table import KINDS

Json = dict[str, Any]
ORDER: Final = {"DELETE": 0, "POST": 1, "PUT": 2, "GET": 3, "HEAD": 3}
# Issue codes of a condition that the store's content does not meet: HTTP's 412.
PRECONDITIONS: Final = frozenset({"multiple-matches", "not-found"})
_RESTFUL = re.compile(r"(\S+/)?([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})\Z")
_IN_NARRATIVE = re.compile(r"""(\b(?:href|src)\s*=\s*(["']))([^"'<>]+)(\2)""")
# References, and R4's elements of type uri or url that may point at another entry. Canonicals, and systems of
# codes and identifiers, name no entry. R4 has uuid and oid here too, but Type/id would be neither.
_LINKING: Final = {"reference", "url", "uri", "source", "authority", "definition"} | {
    "implicitRules",
    "instantiatesUri",
    "valueUri",
    "valueUrl",
}


class Operation(NamedTuple):
    """One entry, its identity settled; `is_matched`: a conditional create whose resource exists already."""

    entry: Entry
    id: str
    is_matched: bool = False


class Match(NamedTuple):
    """A condition understood, and the ids that it finds in the store as it is before the transaction."""

    query: Query
    ids: Sequence[str]


class Link(NamedTuple):
    """One string that may point at another entry: what holds it, its key there, and the entry it is in."""

    holder: Any
    key: Any
    entry: Entry


def links(entries: Iterable[Entry]) -> list[Link]:
    """Every place in the resources to be written from which another entry may be pointed at."""
    found: list[Link] = []
    for entry in entries:
        if entry.resource is not None and not entry.is_passed_by:
            found.extend(Link(holder, key, entry) for holder, key in _places(entry.resource))
    return found


def _places(value: Any, name: str = "") -> Iterator[tuple[Any, Any]]:
    """`name` is that of the element which an array is the value of."""
    places: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in places:
        element = key if isinstance(value, dict) else name
        if isinstance(item, dict | list):
            yield from _places(item, element)
        elif isinstance(item, str) and (element in _LINKING or element == "div"):
            yield value, key


def conditions(entries: Iterable[Entry], found: Iterable[Link]) -> dict[Condition, str]:
    """Every conditional identity that must be looked up before the plan can be made, and where it stands."""
    needed: dict[Condition, str] = {}
    for entry in entries:
        if entry.condition and not entry.is_passed_by:
            needed.setdefault(entry.condition, f"Bundle.entry[{entry.index}].request")
    for link in found:
        if condition := _conditional(link):
            needed.setdefault(condition, link.entry.path)
    return needed


def _conditional(link: Link) -> Condition | None:
    """A conditional reference, "Patient?identifier=..."."""
    text = link.holder[link.key]
    if link.key != "reference" or "?" not in text:
        return None
    kind, _, query = text.partition("?")
    return Condition(kind, query) if kind in KINDS and query else None


def sameness(query: Query) -> Hashable:
    """Equal for two searches that ask the same, however they are written; it looks the same in every process."""
    tests = {
        (test.name, *(tuple(sorted(map(repr, set(some)))) for some in (test.tokens, test.systems, test.dates)))
        for test in query.tests
    }
    return query.type, tuple(sorted(tests))


def plan(
    entries: Sequence[Entry],
    found: Sequence[Link],
    matches: Mapping[Condition, Match],
    mint: Callable[[], str],
) -> list[Operation]:
    """Operations in the order DELETE, POST, PUT, GET, their resources with ids and with references rewritten.

    `matches` holds every condition, its ids two more than the entries that write, if there are so many. The
    resources are changed in place. Raises INCORRECT or CONFLICT with one issue a fault.
    """
    operations, faults = _identified(entries, matches, mint)
    faults += _overlaps(operations)
    _rewrite(operations, found)
    outcome = _Outcome(operations, matches)
    faults += [fault for link in found if (fault := outcome.follow(link))]
    if faults:
        raise Problem(_category(faults), *faults)
    return sorted(operations, key=lambda operation: ORDER.get(operation.entry.method, 0))


def _category(faults: Iterable[Issue]) -> Category:
    """CONFLICT when nothing is wrong with the Bundle itself, but with what the store holds."""
    is_precondition = all(fault.code in PRECONDITIONS for fault in faults)
    return Category.CONFLICT if is_precondition else Category.INCORRECT


def _identified(
    entries: Sequence[Entry], matches: Mapping[Condition, Match], mint: Callable[[], str]
) -> tuple[list[Operation], list[Issue]]:
    operations: list[Operation] = []
    faults: list[Issue] = []
    deleted = {(entry.type, entry.id) for entry in entries if entry.method == "DELETE"}
    known = {
        sameness(query): [one for one in ids if (query.type, one) not in deleted]
        for query, ids in matches.values()
    }
    for entry in entries:
        if entry.is_passed_by or entry.id or entry.resource is None:
            operations.append(Operation(entry, entry.id))
            continue
        same = sameness(matches[entry.condition].query) if entry.condition else None
        ids = known.get(same, [])
        # A conditional update may bring an id of its own; a create never does.
        own = entry.resource.get("id", "") if entry.method == "PUT" else ""
        if len(ids) > 1:
            faults.append(_multiple(f"Bundle.entry[{entry.index}].request"))
        elif own and ids and own != ids[0]:
            faults.append(
                Issue("value", "The condition matches a resource of another id.", f"{entry.path}.id")
            )
        else:
            identity = ids[0] if ids else own or mint()
            operations.append(Operation(entry, identity, is_matched=bool(ids) and entry.method == "POST"))
            if entry.condition:
                known[same] = [identity]
            entry.resource["id"] = identity
    return operations, faults


def _multiple(where: str) -> Issue:
    return Issue("multiple-matches", "More than one resource matches this condition.", where)


def _overlaps(operations: Iterable[Operation]) -> list[Issue]:
    seen: set[tuple[str, str]] = set()
    faults = []
    for entry, identity, is_matched in operations:
        if entry.is_passed_by or is_matched or entry.method not in ("DELETE", "POST", "PUT"):
            continue
        if (entry.type, identity) in seen:
            where = f"Bundle.entry[{entry.index}].request.url"
            faults.append(Issue("duplicate", "Another entry writes this resource already.", where))
        seen.add((entry.type, identity))
    return faults


def _rewrite(operations: Sequence[Operation], found: Iterable[Link]) -> None:
    """Makes every link, but for conditional references, point at what is kept here."""
    written = [op for op in operations if op.entry.resource is not None and not op.entry.is_passed_by]
    moved = {op.entry.full_url: f"{op.entry.type}/{op.id}" for op in written if op.entry.full_url}
    # The id of what is posted names nothing where another entry puts that very identity.
    kept = (f"{op.entry.type}/{op.id}" for op in written if op.entry.method == "PUT")
    moved |= {identity: identity for identity in kept}

    def anchor(match: re.Match[str]) -> str:
        return match[1] + moved.get(match[3], match[3]) + match[4]

    for link in found:
        text = link.holder[link.key]
        if link.key == "div":
            link.holder["div"] = _IN_NARRATIVE.sub(anchor, text)
        elif _conditional(link) is None:
            link.holder[link.key] = moved.get(_absolute(text, link.entry), text)


class _Outcome:
    """What conditional references mean: R4 resolves them after the writes."""

    def __init__(self, operations: Iterable[Operation], matches: Mapping[Condition, Match]) -> None:
        """The other links have been rewritten: resources are found by their references too."""
        self._matches = matches
        self._ids: defaultdict[Hashable, set[str]] = defaultdict(set)
        self._changed: set[tuple[str, str]] = set()
        for entry, identity, is_matched in operations:
            if entry.is_passed_by or is_matched or entry.method not in ("DELETE", "POST", "PUT"):
                continue
            self._changed.add((entry.type, identity))
            if entry.resource is not None:
                self._add(entry.resource, identity)

    def _add(self, resource: Json, identity: str) -> None:
        kind = resource["resourceType"]
        self._ids[kind, "_id", identity].add(identity)
        for name, code, system, *_ in terms.entries(resource):
            self._ids[kind, name, code].add(identity)
            self._ids[kind, name, system, code].add(identity)
            self._ids[kind, name, system, ""].add(identity)

    def follow(self, link: Link) -> Issue | None:
        """Makes a conditional reference a literal one; the fault if it cannot."""
        condition = _conditional(link)
        if condition is None:
            return None
        query, stored = self._matches[condition]
        ids = {one for one in stored if (condition.type, one) not in self._changed}
        ids |= set.intersection(*(self._passing(query.type, test) for test in query.tests))
        if len(ids) == 1:
            link.holder[link.key] = f"{condition.type}/{next(iter(ids))}"
            return None
        where = f"{_path(link.entry.resource, link.holder, link.entry.path)}.{link.key}"
        if ids:
            return _multiple(where)
        return Issue("not-found", "Nothing matches this conditional reference.", where)

    def _passing(self, kind: str, test: Test) -> set[str]:
        """The ids of what is written here that passes; by a date, nothing does."""
        keys: set[Hashable] = {(kind, test.name, system, "") for system in test.systems}
        for one in test.tokens:
            # As in the store: a token without a bar is a code of any system.
            system, *code = split(one, "|", limit=1)
            if code:
                keys.add((kind, test.name, plain(system), plain(code[0])))
            else:
                keys.add((kind, test.name, plain(one)))
        return {identity for key in keys for identity in self._ids.get(key, ())}


def _absolute(text: str, entry: Entry) -> str:
    """A relative reference as R4 resolves it: against the address of the server that the fullUrl names."""
    home = _RESTFUL.match(entry.full_url)
    return (home[1] or "") + text if home and _RESTFUL.match(text) and "://" not in text else text


def _path(value: Any, holder: Any, path: str) -> str:
    """Where in a resource an object stands; looked for only once it is at fault. Empty: not there."""
    if value is holder:
        return path
    if isinstance(value, list):
        steps = [(item, f"{path}[{index}]") for index, item in enumerate(value)]
    elif isinstance(value, dict):
        steps = [(item, f"{path}.{key}") for key, item in value.items()]
    else:
        return ""
    return next((found for item, step in steps if (found := _path(item, holder, step))), "")
