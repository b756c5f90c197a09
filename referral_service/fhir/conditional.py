"""Conditional references, "Patient?identifier=...": allowed in a transaction, where each becomes literal.

Source: https://hl7.org/fhir/R4/http.html#trules; they are resolved after the writes.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from itertools import chain, islice
from typing import Any, Final, NamedTuple

from referral_service.core.problem import Category, Issue, problem
from referral_service.fhir.bundle import Condition
from referral_service.fhir.definitions import R4_TYPES
from referral_service.fhir.links import Link, paths, places
from referral_service.fhir.objects import MOST
from referral_service.fhir.search import terms
from referral_service.fhir.search.dates import Span
from referral_service.fhir.search.escapes import plain, split
from referral_service.fhir.search.query import Query, Test
from referral_service.fhir.search.table import KINDS

Json = dict[str, Any]
_SEARCH = re.compile(r"([A-Z][A-Za-z]+)\?(.*)\Z", re.DOTALL)
SEVERAL: Final = "More than one resource matches this condition."
_TOO_MANY: Final = "There are too many searches that stand for references."
# As of 2,000 searches by one date each among 5,000 resources that nothing else tells apart: some seconds.
MOST_COMPARED: Final = 10_000_000
_TOO_MUCH: Final = f"The searches take over {MOST_COMPARED:,} comparisons with what this transaction writes."
_NOT_HERE: Final = "A search stands for a reference in a transaction only."


class Lost(NamedTuple):
    """A reference that cannot be made literal, with the code and the sentence of its issue."""

    link: Link
    code: str
    sentence: str


class Match(NamedTuple):
    """A condition understood, and the ids that it finds in the store as it is before the transaction."""

    query: Query
    ids: Sequence[str]


def search_in(reference: str, base: str = "") -> Condition | None:
    """The search that a reference is; None for any other reference.

    With a slash before it, or the address `base` of this service, it is one without a query: R4 has it
    relative.
    """
    if "?" not in reference:
        return None
    search = _SEARCH.match(reference.removeprefix(base).removeprefix("/"))
    if search is None or search[1] not in R4_TYPES:
        return None
    return Condition(search[1], search[2] if reference.startswith(search[1]) else "")


def can_be_asked(search: Condition) -> bool:
    """Whether there is anything to look up, and anything to look among."""
    return bool(search.query) and search.type in KINDS


def out_of_place(resource: Json, path: str, base: str) -> list[Issue]:
    """An issue for each conditional reference in a resource that no transaction brings."""
    holders = [
        holder
        for holder, key in places(resource)
        if key == "reference" and search_in(holder[key], base) is not None
    ]
    found = paths(resource, path, holders) if holders else {}
    issues = [Issue("not-supported", _NOT_HERE, f"{found[id(holder)]}.reference") for holder in holders]
    # Of a batch with so many no entry is answered by itself.
    return [*issues[:MOST], Issue("too-costly", _TOO_MANY, path)] if len(issues) > MOST else issues


class Coming:
    """What conditional references find once the transaction is carried out."""

    def __init__(
        self, changed: Mapping[tuple[str, str], Json | None], matches: Mapping[Condition, Match]
    ) -> None:
        """`changed` has what is written by type and id, None for a deletion.

        Their links have been rewritten: resources are found by their references too. Only what is of a type
        asked for is indexed.
        """
        self._changed = changed
        self._matches = matches
        self._ids: defaultdict[Hashable, set[str]] = defaultdict(set)
        self._spans: defaultdict[tuple[str, str], defaultdict[str, list[Span]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._indexed: set[str] = set()
        self._found: dict[Condition, frozenset[str]] = {}
        self._left = MOST_COMPARED

    def found(self, search: Condition) -> frozenset[str]:
        """The ids that it finds, two of them if there are more; KeyError for one that `matches` has not.

        INCORRECT once all the searches together have compared too much.
        """
        if search not in self._found:
            query, stored = self._matches[search]
            if query.type not in self._indexed:
                self._index(query.type)
            self._spend(len(stored))
            kept = (one for one in stored if (search.type, one) not in self._changed)
            self._found[search] = frozenset(islice(chain(kept, self._written(query)), 2))
        return self._found[search]

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise problem(Category.INCORRECT, _TOO_MUCH, code="too-costly")

    def _index(self, kind: str) -> None:
        self._indexed.add(kind)
        for (type, identity), resource in self._changed.items():
            if type == kind and resource is not None:
                self._add(resource, identity)

    def _add(self, resource: Json, identity: str) -> None:
        kind = resource["resourceType"]
        self._ids[kind].add(identity)
        self._ids[kind, "_id", identity].add(identity)
        for one in terms.entries(resource):
            if one.start is not None and one.end is not None:
                self._spans[kind, one.name][identity].append(Span(one.start, one.end))
                continue
            self._ids[kind, one.name, one.code].add(identity)
            self._ids[kind, one.name, one.system, one.code].add(identity)
            self._ids[kind, one.name, one.system, ""].add(identity)

    def _written(self, query: Query) -> Iterable[str]:
        """The ids of what is written here that passes every test; the rarest code goes first, dates last."""
        coded = [self._having(query.type, test) for test in query.tests if not test.dates]
        first, *others = sorted(coded, key=_size) or [[self._ids[query.type]]]
        among: Set[str] = first[0] if len(first) == 1 else set[str]().union(*first)
        self._spend(_size(first) if len(first) > 1 else 0)
        for several in others:
            self._spend(len(among) * len(several))
            among = {one for one in among if any(one in some for some in several)}
        for test in query.tests:
            if test.dates:
                among = self._during(among, query.type, test)
        return among

    def _having(self, kind: str, test: Test) -> list[set[str]]:
        """The ids of what is written here by each code that passes."""
        return [self._ids[key] for key in {*_keys(kind, test)} if key in self._ids]

    def _during(self, among: Set[str], kind: str, test: Test) -> Set[str]:
        """Those among these whose dates pass."""
        dated = self._spans[kind, test.name]
        self._spend(len(test.dates) * sum(len(dated[one]) if one in dated else 1 for one in among))
        return {
            one for asked in test.dates for one in among for span in dated.get(one, ()) if asked.holds(span)
        }


def _size(several: Iterable[set[str]]) -> int:
    return sum(map(len, several))


def _keys(kind: str, test: Test) -> Iterable[Hashable]:
    for system in test.systems:
        yield kind, test.name, system, ""
    for one in test.tokens:
        # As in the store: a token without a bar is a code of any system.
        system, *code = split(one, "|", limit=1)
        yield (kind, test.name, plain(system), plain(code[0])) if code else (kind, test.name, plain(one))


def resolve(
    coming: Coming,
    searching: Iterable[tuple[Link, Condition]],
    matches: Mapping[Condition, Match],
) -> list[Lost]:
    """Makes conditional references literal ones; those that cannot be."""
    lost = []
    for link, search in searching:
        if unanswerable := _unanswerable(search, matches):
            lost.append(Lost(link, *unanswerable))
            continue
        ids = coming.found(search)
        if len(ids) == 1:
            link.holder[link.key] = f"{search.type}/{next(iter(ids))}"
        elif ids:
            lost.append(Lost(link, "multiple-matches", SEVERAL))
        else:
            lost.append(Lost(link, "not-found", "Nothing matches this conditional reference."))
    return lost


def _unanswerable(search: Condition, matches: Mapping[Condition, Match]) -> tuple[str, str] | None:
    """The issue's code and sentence of a conditional reference that cannot be asked."""
    if not search.query:
        return "value", "A conditional reference has the form Type?search."
    if search not in matches:
        return "not-supported", "The service keeps no resources of the type that this reference searches."
    if any(test.name == "_lastUpdated" for test in matches[search].query.tests):
        # What is written along will have a time that nobody knows yet.
        return "not-supported", "A conditional reference cannot ask for the time of an update."
    return None


def located(lost: Iterable[Lost]) -> list[Issue]:
    """The faults, each at its place; every resource is looked through once."""
    by_entry: dict[int, list[Lost]] = {}
    for one in lost:
        by_entry.setdefault(one.link.entry.index, []).append(one)
    issues = []
    for several in by_entry.values():
        entry = several[0].link.entry
        assert entry.resource is not None
        places = paths(entry.resource, entry.path, (one.link.holder for one in several))
        for link, code, sentence in several:
            issues.append(Issue(code, sentence, f"{places[id(link.holder)]}.{link.key}"))
    return issues
