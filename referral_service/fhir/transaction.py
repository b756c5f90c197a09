"""A transaction as ordered operations: identities settled, references rewritten; pure.

The order of use: `links` and `conditions` to learn what must be looked up, then `plan` with the answers.
Source: https://hl7.org/fhir/R4/http.html#trules.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir.bundle import Condition, Entry
from referral_service.fhir.search.table import KINDS
from referral_service.fhir.search.terms import values

Json = dict[str, Any]
ORDER: Final = {"DELETE": 0, "POST": 1, "PUT": 2, "GET": 3, "HEAD": 3}
# Issue codes of a condition that the store's content does not meet: HTTP's 412.
PRECONDITIONS: Final = frozenset({"multiple-matches", "not-found"})
_RESTFUL = re.compile(r"(\S+/)?([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})\Z")
_IN_NARRATIVE = re.compile(r'((?:href|src)=")([^"]+)(")')
# Where R4 has a URL that may point at another entry; canonicals and identifiers are never rewritten.
_LINKING: Final = frozenset({"reference", "url", "valueUri", "valueUrl", "valueUuid", "valueOid"})


class Operation(NamedTuple):
    """One entry, its identity settled; `is_matched`: a conditional create whose resource exists already."""

    entry: Entry
    id: str
    is_matched: bool = False


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


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _places(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, dict | list):
                yield from _places(item)
            elif (key in _LINKING or key == "div") and isinstance(item, str):
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


def plan(
    entries: Sequence[Entry],
    found: Sequence[Link],
    matches: Mapping[Condition, Sequence[str]],
    mint: Callable[[], str],
) -> list[Operation]:
    """Operations in the order DELETE, POST, PUT, GET, their resources with ids and with references rewritten.

    `matches` holds the ids that each condition found in the store. The resources are changed in place. Raises
    INCORRECT or CONFLICT with one issue a fault.
    """
    operations, faults = _identified(entries, matches, mint)
    faults += _overlaps(operations)
    rewriting = _Rewriting(operations, matches)
    faults += [fault for link in found if (fault := rewriting.follow(link))]
    if faults:
        raise Problem(_category(faults), *faults)
    return sorted(operations, key=lambda operation: ORDER.get(operation.entry.method, 0))


def _category(faults: Iterable[Issue]) -> Category:
    """CONFLICT when nothing is wrong with the Bundle itself, but with what the store holds."""
    is_precondition = all(fault.code in PRECONDITIONS for fault in faults)
    return Category.CONFLICT if is_precondition else Category.INCORRECT


def _identified(
    entries: Sequence[Entry], matches: Mapping[Condition, Sequence[str]], mint: Callable[[], str]
) -> tuple[list[Operation], list[Issue]]:
    operations: list[Operation] = []
    faults: list[Issue] = []
    known = dict(matches)
    for entry in entries:
        if entry.is_passed_by or entry.id or entry.resource is None:
            operations.append(Operation(entry, entry.id))
            continue
        ids = known.get(entry.condition, ()) if entry.condition else ()
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
                known[entry.condition] = (identity,)
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


class _Rewriting:
    """What the entries of one transaction are called here, and what its conditions mean."""

    def __init__(self, operations: Sequence[Operation], matches: Mapping[Condition, Sequence[str]]) -> None:
        written = [op for op in operations if op.entry.resource is not None and not op.entry.is_passed_by]
        self._moved = {op.entry.full_url: f"{op.entry.type}/{op.id}" for op in written if op.entry.full_url}
        self._meant = {condition: set(ids) for condition, ids in matches.items()}
        # R4 resolves conditional references after the writes, so those of this Bundle match too.
        by_identifier: dict[tuple[str, str], set[str]] = {}
        for entry, identity, _ in written:
            if entry.condition:
                self._meant.setdefault(entry.condition, set()).add(identity)
            for identifier in values(entry.resource or {}, "identifier"):
                token = f"{identifier.get('system', '')}|{identifier.get('value', '')}"
                by_identifier.setdefault((entry.type, token), set()).add(identity)
        for condition, ids in self._meant.items():
            match parse_qsl(condition.query):
                case [("identifier", token)]:
                    ids |= by_identifier.get((condition.type, token), set())

    def follow(self, link: Link) -> Issue | None:
        """Makes a link point at what is kept here; the fault if it cannot."""
        text = link.holder[link.key]
        condition = _conditional(link)
        if condition:
            return self._follow_condition(link, condition)
        if link.key == "div":
            link.holder["div"] = _IN_NARRATIVE.sub(self._moved_anchor, text)
        else:
            link.holder[link.key] = self._moved.get(_absolute(text, link.entry), text)
        return None

    def _follow_condition(self, link: Link, condition: Condition) -> Issue | None:
        ids = self._meant.get(condition, set())
        if len(ids) == 1:
            link.holder[link.key] = f"{condition.type}/{next(iter(ids))}"
            return None
        where = f"{_path(link.entry.resource, link.holder, link.entry.path)}.{link.key}"
        if ids:
            return _multiple(where)
        return Issue("not-found", "Nothing matches this conditional reference.", where)

    def _moved_anchor(self, anchor: re.Match[str]) -> str:
        return anchor[1] + self._moved.get(anchor[2], anchor[2]) + anchor[3]


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
