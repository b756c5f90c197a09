"""Poll: what has changed at a source since we last asked, a type at a time, told by `_lastUpdated`.

The mark is the latest `meta.lastUpdated` below which nothing was missed: the source's own time, never ours.
It moves once a page is durably stored, so that a poll which ends anywhere goes on from there. A time that is
still to come when we ask moves it nowhere: one wrong date would hide all that is written until then.

Pages shift while others write: what changes moves to the end of an order by time, and with pages counted
from the beginning whatever stood at a page's edge is never seen. So where the source sorts by time, each page
is a search of its own, from the last instant of the page before. Where it does not, all pages are read, and
the mark is no later than the moment at which the first one was.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit

from referral_service.core.problem import Category, Problem
from referral_service.fhir.notification import Placed
from referral_service.fhir.search.dates import span
from referral_service.fhir.write.names import instant
from referral_service.workflow.admit import KEPT, TASK, Admit, Feed, sortable
from referral_service.workflow.fetch import Ehr, Errand, Fetched, Queries, Step, has_next, resources

Json = dict[str, Any]

PREFIX: Final = "poll:"
# What may be asked for; of Tasks those alone count that we want fulfilled.
POLLED: Final = KEPT | {TASK}
_SORT: Final = ("_sort", "_lastUpdated")
_COUNT: Final = ("_count", "200")
# Before it nothing was written: some servers say the year 1 where they know no time.
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Marks(Protocol):
    """How far we have come: values of `sortable`, "" without one."""

    def mark(self, feed: Feed, name: str) -> str:
        """The value of a mark."""

    def put_back(self, feed: Feed, name: str, value: str) -> None:
        """The mark stands there now."""


def polls(types: Sequence[str]) -> set[str]:
    """The errands that ask for these types; without any, for all that are kept."""
    return {PREFIX + kind for kind in types or KEPT}


class _NotSorted(Exception):
    """The source said that it sorts, and did not."""


class _Sweep(NamedTuple):
    """One poll of one type: whether the source is asked to sort, and trusted to."""

    errand: Errand
    step: Step
    asks: bool
    trusts: bool
    query: Sequence[tuple[str, str]]

    @property
    def mark(self) -> str:
        """Each query has its own."""
        return "?".join(filter(None, (self.errand.what, "&".join(map("=".join, self.query)))))

    @property
    def type(self) -> str:
        """What is polled for."""
        return self.errand.what.removeprefix(PREFIX)


class Poll:
    """The verb, for one source."""

    def __init__(
        self, ehr: Ehr, admit: Admit, marks: Marks, overlap: timedelta, fetched: Fetched, queries: Queries
    ) -> None:
        """`overlap`: what was written that long before the mark is asked for again: it may show late.

        `queries`: what the source demands of a search of a type.
        """
        self._queries = queries
        self._ehr = ehr
        self._admit = admit
        self._marks = marks
        self._overlap = overlap
        self._fetched = fetched

    def run(self, errand: Errand, step: Step) -> None:
        """Durable on return; raises Problem."""
        for query in self._queries.get(errand.what.removeprefix(PREFIX), ((),)):
            self._poll(_Sweep(errand, step, True, True, query))

    def _poll(self, sweep: _Sweep) -> None:
        feed = sweep.errand.feed
        stood = self._marks.mark(feed, sweep.mark)
        since = datetime.fromisoformat(stood) - self._overlap if stood else None
        ways: tuple[tuple[bool, bool], ...] = ((True, True), (True, False), (False, False))
        for asks, trusts in ways:
            try:
                self._run(sweep._replace(asks=asks, trusts=trusts), since)
            except _NotSorted:
                self._marks.put_back(feed, sweep.mark, stood)
            except Problem as error:
                # A source that does not know how to sort may say so, rather than pass it by.
                if not asks or error.category not in (Category.INCORRECT, Category.UNSUPPORTED):
                    raise
            else:
                return

    def _run(self, sweep: _Sweep, since: datetime | None) -> None:
        onward, is_done = since, False
        while not is_done:
            onward, is_done = self._read(sweep, onward)

    def _read(self, sweep: _Sweep, since: datetime | None) -> tuple[datetime | None, bool]:
        """Stores what changed since then, page by page; from when on to search anew, unless that was all."""
        pages = self._pages(sweep, since)
        first = next(pages)
        if not (sweep.trusts and _says_sorted(first)):
            self._read_all(sweep, chain([first], pages))
            return None, True
        for page in chain([first], pages):
            times = _times(sweep, page)
            known = [at for at in times if at]
            if known != sorted(known) or len(known) < len(times):
                raise _NotSorted
            latest = known[-1] if known else None
            self._store(sweep, page, _reached(sweep, known))
            # As many as fill a page may be of one instant: these are read by their own links.
            if latest and has_next(page) and (since is None or latest > since):
                return latest, False
        return None, True

    def _read_all(self, sweep: _Sweep, pages: Iterator[Json]) -> None:
        bound: datetime | None = None
        for number, page in enumerate(pages):
            if number == 0:
                known = [at for at in (*_times(sweep, page), _updated_at(page)) if at]
                bound = _reached(sweep, known)
            self._store(sweep, page, None if has_next(page) else bound)

    def _pages(self, sweep: _Sweep, since: datetime | None) -> Iterator[Json]:
        asked = [*sweep.query, _COUNT]
        if sweep.asks:
            asked.append(_SORT)
        if since:
            asked.append(("_lastUpdated", f"ge{instant(since)}"))
        sweep.step()
        for page in self._ehr.pages(sweep.type, asked):
            yield page
            if has_next(page):
                sweep.step()

    def _store(self, sweep: _Sweep, page: Json, reached: datetime | None) -> None:
        """Durable on return, first the page and then the mark."""
        feed = sweep.errand.feed
        admitted = self._admit.run(feed, [Placed(one["resourceType"], one) for one in resources(page)])
        self._fetched(feed, admitted, {sweep.mark: sortable(reached)} if reached else {})


def _times(sweep: _Sweep, page: Json) -> list[datetime | None]:
    """When each match was last updated, in the page's order."""
    return [_updated_at(one) for one in resources(page) if one["resourceType"] == sweep.type]


def _updated_at(resource: Json) -> datetime | None:
    meta = resource.get("meta")
    updated = span(meta.get("lastUpdated")) if isinstance(meta, dict) else None
    return updated.start if updated and updated.start > _FIRST else None


def _reached(sweep: _Sweep, times: Sequence[datetime]) -> datetime | None:
    return max((at for at in times if at <= sweep.errand.at), default=None)


def _says_sorted(page: Json) -> bool:
    """Whether the link `self`, which R4 has name what was really used, holds the order that was asked for."""
    own = next((link.get("url", "") for link in page.get("link", ()) if link.get("relation") == "self"), "")
    return _SORT in parse_qsl(urlsplit(own).query)
