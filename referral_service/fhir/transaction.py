"""A transaction as ordered operations: identities settled, references rewritten; pure.

The order of use: `links` and `conditions` to learn what must be looked up, then `plan` with the answers.
Source: https://hl7.org/fhir/R4/http.html#trules.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from typing import Any, Final, NamedTuple

import msgspec

from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir.bundle import RESTFUL, Condition, Entry
from referral_service.fhir.conditional import (
    SEVERAL,
    Coming,
    Lost,
    Match,
    can_be_asked,
    located,
    resolve,
    search_in,
)
from referral_service.fhir.links import NARRATIVE, Link, relinked
from referral_service.fhir.search.query import Query

Json = dict[str, Any]
ORDER: Final = {"DELETE": 0, "POST": 1, "PUT": 2, "GET": 3, "HEAD": 3}
# Issue codes of a condition that the store's content does not meet: HTTP's 412.
PRECONDITIONS: Final = frozenset({"multiple-matches", "not-found"})
_VERSION: Final = "/_history/"
_UNKNOWN_VERSION: Final = "Which version this becomes is known once it is written: refer to it without one."
_DOUBLED: Final = "Another entry writes a resource that this condition finds."


class Operation(NamedTuple):
    """One entry, its identity settled; `is_matched`: a conditional create whose resource exists already."""

    entry: Entry
    id: str
    is_matched: bool = False

    @property
    def identity(self) -> str:
        """What is written or read, as Type/id."""
        return f"{self.entry.type}/{self.id}"

    @property
    def is_write(self) -> bool:
        """Whether it changes its resource."""
        entry = self.entry
        return entry.method in ("DELETE", "POST", "PUT") and not (entry.is_passed_by or self.is_matched)


def conditions(entries: Iterable[Entry], found: Iterable[Link]) -> dict[Condition, str]:
    """Every conditional identity that must be looked up before the plan can be made, and where it stands."""
    needed: dict[Condition, str] = {}
    for entry in entries:
        if entry.condition and not entry.is_passed_by:
            needed.setdefault(entry.condition, f"Bundle.entry[{entry.index}].request")
    for link in found:
        if link.key == "reference" and (search := search_in(link.holder[link.key])) and can_be_asked(search):
            needed.setdefault(search, link.entry.path)
    return needed


def sameness(query: Query) -> Hashable:
    """Equal for two searches that ask the same, however they are written; the same in every process."""
    tests = {
        (
            test.name,
            *(tuple(sorted(map(repr, set(some)))) for some in (test.tokens, test.systems, test.dates)),
        )
        for test in query.tests
    }
    return query.type, tuple(sorted(tests))


def plan(
    entries: Sequence[Entry],
    found: Sequence[Link],
    matches: Mapping[Condition, Match],
    mint: Callable[[str], str],
    base: str = "",
    stored: Set[str] = frozenset(),
) -> list[Operation]:
    """Operations in the order DELETE, POST, PUT, GET, their resources with ids and with references rewritten.

    `matches` holds every condition, its ids two more than the entries that write, if there are so many. The
    resources are changed in place; `base` is the address that the Bundle was sent to; `stored` has those that
    are there of the identities by which posted entries are pointed at. Raises INCORRECT or CONFLICT with one
    issue a fault.
    """
    operations, faults = _identified(entries, matches, mint)
    names = _Names(operations, stored)
    searching: list[tuple[Link, Condition]] = []
    lost: list[Lost] = []
    for link in found:
        text = link.holder[link.key]
        if link.key == "reference" and (search := search_in(text, base)):
            searching.append((link, search))
        elif not names.rewrite(link, text):
            lost.append(Lost(link, "value", _UNKNOWN_VERSION))
    faults += [*_overlaps(operations), *names.faults]
    if searching or matches:
        written = {(op.entry.type, op.id): op.entry.resource for op in operations if op.is_write}
        coming = Coming(written, matches)
        lost += resolve(coming, searching, matches)
        faults += _doubled(operations, coming)
    faults += located(lost)
    if faults:
        raise Problem(_category(faults), *faults)
    return sorted(operations, key=lambda operation: ORDER.get(operation.entry.method, 0))


def _category(faults: Iterable[Issue]) -> Category:
    """CONFLICT when nothing is wrong with the Bundle itself, but with what the store holds."""
    is_precondition = all(fault.code in PRECONDITIONS for fault in faults)
    return Category.CONFLICT if is_precondition else Category.INCORRECT


def _identified(
    entries: Sequence[Entry], matches: Mapping[Condition, Match], mint: Callable[[str], str]
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
        if entry.method == "PUT" and entry.condition and _is_deleted(matches[entry.condition], deleted):
            faults.append(_written_twice(entry))
        elif len(ids) > 1:
            faults.append(_multiple(f"Bundle.entry[{entry.index}].request"))
        elif own and ids and own != ids[0]:
            faults.append(
                Issue("value", "The condition matches a resource of another id.", f"{entry.path}.id")
            )
        else:
            identity = ids[0] if ids else own or mint(entry.type)
            # Update as create, where there is none: else another's record would be overwritten.
            done = msgspec.structs.replace(entry, if_none_match="*") if own and not ids else entry
            operations.append(Operation(done, identity, is_matched=bool(ids) and entry.method == "POST"))
            if entry.condition:
                known[same] = [identity]
            entry.resource["id"] = identity
    return operations, faults


def _is_deleted(match: Match, deleted: Set[tuple[str, str]]) -> bool:
    """Whether the Bundle deletes what a conditional update finds."""
    return any((match.query.type, one) in deleted for one in match.ids)


def _written_twice(entry: Entry) -> Issue:
    where = f"Bundle.entry[{entry.index}].request.url"
    return Issue("duplicate", "Another entry writes this resource already.", where)


def _multiple(where: str) -> Issue:
    return Issue("multiple-matches", SEVERAL, where)


def _overlaps(operations: Iterable[Operation]) -> list[Issue]:
    seen: set[str] = set()
    faults = []
    for one in operations:
        if not one.is_write:
            continue
        identity = one.identity
        if identity in seen:
            faults.append(_written_twice(one.entry))
        seen.add(identity)
    return faults


def _unclear(entry: Entry, why: str) -> Issue:
    where = f"Bundle.entry[{entry.index}]"
    return Issue("duplicate", f"{why}: what points at it may mean either.", where)


class _Names:
    """By what the written entries are pointed at, and where each is kept; `faults` if that is not clear."""

    def __init__(self, operations: Sequence[Operation], stored: Set[str]) -> None:
        written = [
            (op, op.identity)
            for op in operations
            if op.entry.resource is not None and not op.entry.is_passed_by
        ]
        # The id of what is posted names nothing where another entry puts that very identity.
        put = {identity: identity for op, identity in written if op.entry.method == "PUT"}
        self.faults: list[Issue] = []
        self._kept = dict(put)
        self._created: set[str] = set()
        self._homes: dict[str, str] = {}
        self._unclear: dict[str, Entry] = {}
        for (entry, _, is_matched), identity in written:
            if entry.method == "POST" and not is_matched:
                self._created.add(identity)
            name = entry.full_url
            if not name or name in put:
                continue
            if name in stored and name != identity:
                self._unclear[name] = entry
            elif self._kept.setdefault(name, identity) != identity:
                self.faults.append(_unclear(entry, "Another entry has this identity too"))

    def rewrite(self, link: Link, text: str) -> bool:
        """Makes a link that is no search point at what is kept here; False for a reference that cannot."""
        if link.key == NARRATIVE:
            link.holder[NARRATIVE] = relinked(text, lambda name: self._meant(name, link.entry) or name)
            return True
        meant = self._meant(text, link.entry)
        if meant is not None:
            link.holder[link.key] = meant
        return meant is not None or link.key != "reference"

    def _meant(self, text: str, entry: Entry) -> str | None:
        """What is kept here under that name, or the name itself; None if its version cannot be known yet.

        A version of what is created is its first. One under an address that stays as it is, is a version that
        this service had already.
        """
        kept = self._kept.get(self._resolved(text, entry))
        if kept is not None or not (self._unclear or _VERSION in text):
            return kept or text
        name = self._resolved(text.partition(_VERSION)[0], entry)
        if name in self._unclear:
            self.faults.append(_unclear(self._unclear.pop(name), "A resource of this id is stored already"))
        if _VERSION not in text:
            return text
        kept = self._kept.get(name)
        if kept is None or kept == name:
            return text
        return f"{kept}{_VERSION}1" if kept in self._created else None

    def _resolved(self, text: str, entry: Entry) -> str:
        """A relative reference as R4 resolves it: against the address of the server in the fullUrl."""
        home = self._homes.get(entry.full_url)
        if home is None:
            address = RESTFUL.match(entry.full_url)
            home = self._homes[entry.full_url] = (address[1] or "") if address else ""
        return home + text if home and "://" not in text and RESTFUL.match(text) else text


def _doubled(operations: Iterable[Operation], coming: Coming) -> list[Issue]:
    """Where another entry writes what a conditional create or update finds: there would be two of it."""
    return [
        Issue("duplicate", _DOUBLED, f"Bundle.entry[{op.entry.index}].request")
        for op in operations
        if op.entry.condition and not op.entry.is_passed_by and coming.found(op.entry.condition) - {op.id}
    ]
