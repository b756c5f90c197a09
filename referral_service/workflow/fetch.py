"""Fetch: what a source has told of is read there and admitted: one resource, or a patient's whole chart.

A 404 alone deletes nothing, since a gateway in trouble says that too: the source must also answer a search
for the resource, with nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from referral_service.core.problem import Category, Problem, problem
from referral_service.fhir.notification import Placed
from referral_service.fhir.outcome import is_failure
from referral_service.fhir.search.table import KINDS
from referral_service.workflow.admit import KEPT, TASK, Admit, Admitted, Feed

Json = dict[str, Any]
# Told before each request: may wait, keeps the errand ours, and raises to end the work.
Step = Callable[[], None]
# What a source demands of each search of a type, in parameters: one search for each; by type.
Queries = Mapping[str, Sequence[Sequence[tuple[str, str]]]]

_PATIENT: Final = "Patient"
# What a patient search is made of; the Patient itself is read.
_OF_PATIENTS: Final = tuple(sorted(kind for kind in KEPT if KINDS[kind].patient))
# How a server says that it has no such type, or no such search of it, or not for us.
_NOT_OFFERED: Final = frozenset(
    {
        Category.INCORRECT,
        Category.NOT_FOUND,
        Category.UNSUPPORTED,
        Category.REFUSED,
        Category.FORBIDDEN,
    }
)


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """Something to fetch, leased at `at`; `what` is "Type/id" or "poll:Type"; `asked` counts requests."""

    feed: Feed
    what: str
    token: int
    asked: int
    attempts: int
    since: datetime
    at: datetime


class Ehr(Protocol):
    """The part of ehr.client.EhrClient that is asked here."""

    def read(self, reference: str) -> Json | None:
        """The resource; None where it is not, or was deleted."""

    def pages(self, type: str, parameters: Sequence[tuple[str, str]]) -> Iterator[Json]:
        """The Bundles of a search, each asked for when it is due."""


class Belongings(Protocol):
    """The part of store.origins.SqlOrigins that knows whose a resource is."""

    def of_patient(self, feed: Feed, identity: str) -> set[str]:
        """The "Type/id" of a patient's living resources that came from this source."""


class Fetched(Protocol):
    """What hears of each page: it is counted, refusals are shown to operators, workers are woken."""

    def __call__(self, feed: Feed, admitted: Admitted, reached: Mapping[str, str] = ...) -> None:
        """What was admitted is durable already; `reached` are marks, which move with its counts."""


class Fetch:
    """The verb, for one source."""

    def __init__(
        self, ehr: Ehr, admit: Admit, belongings: Belongings, fetched: Fetched, queries: Queries
    ) -> None:
        """Keeps nothing between errands; `queries`: what the source demands of a patient search of a type."""
        self._queries = queries
        self._ehr = ehr
        self._admit = admit
        self._belongings = belongings
        self._fetched = fetched

    def run(self, errand: Errand, step: Step) -> set[str]:
        """Durable on return; raises Problem. The ids of patients of whom this is only a part."""
        kind, _, identity = errand.what.partition("/")
        admitted = self._one(errand, step)
        if kind == _PATIENT:
            self._chart(errand.feed, identity, step)
        for refusal in admitted.refused:
            raise Problem(refusal.category, *refusal.issues)
        return set() if kind == _PATIENT else admitted.patients

    def _one(self, errand: Errand, step: Step) -> Admitted:
        step()
        found = self._ehr.read(errand.what)
        if found is not None:
            return self._take(errand.feed, [found])
        step()
        return self._gone(errand)

    def _gone(self, errand: Errand) -> Admitted:
        """Deletes what the source has no more; raises UNAVAILABLE unless it says so twice."""
        kind, _, identity = errand.what.partition("/")
        try:
            pages = self._ehr.pages(kind, [("_id", identity)])
            there = [one for page in pages for one in resources(page) if one.get("id") == identity]
        except Problem as error:
            if error.category is Category.NOT_FOUND:
                raise _in_doubt() from None
            raise
        if there:
            raise _in_doubt()
        deleted = self._admit.delete(errand.feed, [errand.what])
        self._fetched(errand.feed, deleted)
        return deleted

    def _chart(self, feed: Feed, identity: str, step: Step) -> None:
        searched: set[str] = set()
        seen: set[str] = set()
        for kind in (*_OF_PATIENTS, *((TASK,) if self._admit.takes_tasks else ())):
            try:
                for page in self._pages(kind, identity, step):
                    found = list(resources(page))
                    seen |= {f"{one['resourceType']}/{one.get('id')}" for one in found}
                    self._take(feed, found)
            except Problem as error:
                if error.category not in _NOT_OFFERED:
                    raise
                self._fetched(feed, Admitted(counts=Counter({"not-offered": 1})))
            else:
                searched.add(kind)
        self._absent(feed, identity, searched, seen, step)

    def _pages(self, kind: str, identity: str, step: Step) -> Iterator[Json]:
        for query in self._queries.get(kind, ((),)):
            step()
            for page in self._ehr.pages(kind, [("patient", f"{_PATIENT}/{identity}"), *query]):
                yield page
                if has_next(page):
                    step()

    def _absent(self, feed: Feed, identity: str, searched: set[str], seen: set[str], step: Step) -> None:
        """What came from there once and was not found now is gone, or another patient's."""
        ours = self._belongings.of_patient(feed, identity)
        gone = []
        for name in sorted(ours - seen):
            if name.partition("/")[0] not in searched:
                continue
            step()
            found = self._ehr.read(name)
            if found is None:
                gone.append(name)
            else:
                self._take(feed, [found])
        if gone:
            self._fetched(feed, self._admit.delete(feed, gone))

    def _take(self, feed: Feed, found: Sequence[Json]) -> Admitted:
        placed = (Placed(one["resourceType"], one) for one in found)
        admitted = self._admit.run(feed, placed)
        self._fetched(feed, admitted)
        return admitted


def resources(page: Json) -> Iterator[Json]:
    """What a page of a search brings, OperationOutcomes left out; raises UNAVAILABLE for one of an error."""
    for entry in page.get("entry", ()):
        resource = entry.get("resource") or {}
        if is_failure(resource):
            raise problem(Category.UNAVAILABLE, "The source says that it has not answered the whole search.")
        if isinstance(resource.get("resourceType"), str) and resource["resourceType"] != "OperationOutcome":
            yield resource


def has_next(page: Json) -> bool:
    """Whether another page follows."""
    return any(link.get("relation") == "next" for link in page.get("link", ()))


def _in_doubt() -> Problem:
    return problem(Category.UNAVAILABLE, "The source contradicts itself on whether it has the resource.")
