"""A transaction as ordered operations: identities settled, references rewritten; pure.

The order of use: `links` and `conditions` to learn what must be looked up, then `plan` with the answers.
Source: https://hl7.org/fhir/R4/http.html#trules.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

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
            elif key in _LINKING or key == "div":
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
    moved = _moved(operations)
    for link in found:
        fault = _rewrite(link, moved, matches, operations)
        faults += [fault] if fault else []
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


def _moved(operations: Iterable[Operation]) -> dict[str, str]:
    """What each written entry may be called by the others, and what it is called here."""
    return {
        entry.full_url: f"{entry.type}/{identity}"
        for entry, identity, _ in operations
        if entry.full_url and entry.resource is not None and not entry.is_passed_by
    }


def _rewrite(
    link: Link,
    moved: Mapping[str, str],
    matches: Mapping[Condition, Sequence[str]],
    operations: Sequence[Operation],
) -> Issue | None:
    text = link.holder[link.key]
    if link.key == "div":
        link.holder["div"] = _IN_NARRATIVE.sub(lambda m: m[1] + moved.get(m[2], m[2]) + m[3], text)
        return None
    condition = _conditional(link)
    if condition is None:
        link.holder[link.key] = moved.get(_absolute(text, link.entry), text)
        return None
    ids = set(matches.get(condition, ())) | set(_written(condition, operations))
    if len(ids) == 1:
        link.holder[link.key] = f"{condition.type}/{ids.pop()}"
        return None
    if ids:
        return _multiple(link.entry.path)
    return Issue("not-found", "Nothing matches this conditional reference.", link.entry.path)


def _absolute(text: str, entry: Entry) -> str:
    """A relative reference as R4 resolves it: against the address of the server that the fullUrl names."""
    home = _RESTFUL.match(entry.full_url)
    return (home[1] or "") + text if home and _RESTFUL.match(text) and "://" not in text else text


def _written(condition: Condition, operations: Iterable[Operation]) -> Iterator[str]:
    """Those of this Bundle that a condition on one identifier matches: R4 resolves it after the writes."""
    name, _, value = condition.query.partition("=")
    for entry, identity, _ in operations:
        if entry.type != condition.type or entry.resource is None:
            continue
        if entry.condition == condition or (name == "identifier" and value in _identifiers(entry.resource)):
            yield identity


def _identifiers(resource: Json) -> Iterator[str]:
    for identifier in values(resource, "identifier"):
        yield f"{identifier.get('system', '')}|{identifier.get('value', '')}"
