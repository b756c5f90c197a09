"""What every interaction shares: the service's parts, writing and waiting, looking up conditions."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool

from referral_service.api.fhir import subscribing
from referral_service.api.fhir.exchange import Ask
from referral_service.api.limits import busy
from referral_service.core.problem import Category, Issue, Problem, problem
from referral_service.fhir.audit import AUDIT
from referral_service.fhir.bundle import Condition
from referral_service.fhir.overlap import borne, wanted
from referral_service.fhir.search.query import Query, parse
from referral_service.fhir.search.table import KINDS
from referral_service.store.answers import Answers
from referral_service.store.search import Search
from referral_service.store.turns import PLACES
from referral_service.wiring import Service, build_subscribers, build_track
from referral_service.workflow.ingest import Change, Ingest, happenings
from referral_service.workflow.ports import Happening, Stored, Tenant, Write

_BIG = 100
# Searches and histories at once, and how many wait for theirs.
_LOOKING = 4
_MOST_WAITING = 256
T = TypeVar("T")
Json = dict[str, Any]
# Both kinds of request are ours, and can be sent in by an EHR too.
_SHARED_TYPE = "ServiceRequest"


class Face:
    """One for each application."""

    def __init__(self, service: Service) -> None:
        """`service` is shared with the pages and the operators' endpoints."""
        self.service = service
        self.search = Search(service.store.engine)
        self.answers = Answers(service.store.engine, service.clock)
        self.track = build_track(service.settings, service.store, service.pathway)
        self.ingest = Ingest(service.store, service.reader)
        self.subscribers = build_subscribers(service.settings)
        self.published = service.clock.now().date().isoformat()
        self._locks = [asyncio.Lock() for _ in range(PLACES)]
        self._waiting = CapacityLimiter(PLACES)
        self._looking = CapacityLimiter(_LOOKING)

    def writes(self, ask: Ask, changes: Sequence[Change]) -> list[Write]:
        """The changes as writes; Problem where a patient is missing, or for what nobody may subscribe to."""
        subscribing.require(changes, self.subscribers, ask.principal, self.service.clock.as_of())
        writes = self.ingest.writes(changes)
        if ask.wait_seconds and not any(write.is_pressing for write in writes):
            raise busy(ask.wait_seconds)
        return writes

    async def store(self, ask: Ask, writes: Sequence[Write]) -> list[Stored]:
        """Durable when it returns. A client that leaves does not undo what was begun."""
        address = ask.visit.address if ask.visit else ""
        future = self.ingest.submit(ask.tenant, writes, ask.actor, address)
        stored = await asyncio.wrap_future(future)
        if ask.visit:
            ask.visit.is_told = True
            await self._tell_unchanged(ask, writes, stored)
        if any(write.facts is not None for write in writes):
            self.service.doorbell.ring()
        return stored

    async def _tell_unchanged(self, ask: Ask, writes: Sequence[Write], stored: Sequence[Stored]) -> None:
        """What changed nothing has left no line with the write."""
        assert ask.visit is not None
        same = [write for write, one in zip(writes, stored, strict=True) if not one.is_new]
        lines = [
            Happening(AUDIT, one.subject, one.actor, one.detail)
            for one in happenings(same, ask.actor, ask.visit.address)
        ]
        if lines:
            future = self.service.store.submit(ask.tenant, [], lines)
            await asyncio.wrap_future(future)

    async def guard(self, tenant: Tenant, writes: Mapping[tuple[str, str], str]) -> None:
        """FORBIDDEN if one of these (type, id) is the service's own; the values are FHIRPaths for the answer.

        What the service wrote, its own verbs change; a client's write never does.
        """
        paths = {identity: path for (kind, identity), path in writes.items() if kind == _SHARED_TYPE}
        if not paths:
            return
        emitted = await run_in_threadpool(self.search.is_emitted, tenant, _SHARED_TYPE, list(paths))
        if emitted:
            sentence = "The service wrote this ServiceRequest; its operations change it, a client cannot."
            issues = (Issue("forbidden", sentence, paths[identity]) for identity in sorted(emitted))
            raise Problem(Category.FORBIDDEN, *issues)

    def understand(self, condition: Condition, where: str = "") -> Query:
        """A condition as a search; INCORRECT, at the FHIRPath `where`, unless all of it is understood."""
        asked = parse_qsl(condition.query, keep_blank_values=True)
        if not all(value for _, value in asked):
            # A search does without an empty parameter; a condition would then match more than was meant.
            raise problem(Category.INCORRECT, "A condition's parameter needs a value.", where, "value")
        as_of = self.service.clock.as_of()
        try:
            understood = parse(KINDS[condition.type], asked, as_of=as_of, is_strict=True)
        except Problem as error:
            issues = (Issue(issue.code, issue.diagnostics, where) for issue in error.issues)
            raise Problem(error.category, *issues) from None
        if not understood.tests:
            raise problem(Category.INCORRECT, "A condition needs a search parameter.", where, "value")
        return understood

    async def find(self, tenant: Tenant, query: Query, most: int = 2) -> list[str]:
        """The ids that a condition, understood, matches; at most `most`."""
        return await run_in_threadpool(self.search.ids, tenant, query, most)

    async def look(self, function: Callable[[], T]) -> T:
        """Runs what may read much, in a thread: few at once, so that short requests have theirs; BUSY."""
        if self._looking.statistics().tasks_waiting >= _MOST_WAITING:
            raise busy(1.0)
        return await to_thread.run_sync(function, limiter=self._looking)

    @staticmethod
    async def work(size: int, function: Callable[[], T]) -> T:
        """Runs what costs time for each of `size` entries; in a thread if they are many: others go on."""
        return await run_in_threadpool(function) if size > _BIG else function()

    @asynccontextmanager
    async def alone(
        self, tenant: Tenant, asked: Collection[Query], written: Collection[Json]
    ) -> AsyncIterator[None]:
        """Requests one after the other, in whichever process, if what one writes another may look up.

        `asked` are all of its conditions, `written` is what it may write under them. UNAVAILABLE if its turn
        does not come.
        """
        if not asked:
            yield
            return
        size = len(asked) + len(written)
        turns = await self.work(size, lambda: sorted(set(_turns(tenant, asked, written))))
        async with AsyncExitStack() as stack:
            for place in sorted({turn % PLACES for turn in turns}):
                await stack.enter_async_context(self._locks[place])
            # Waiting for another process must keep no thread from those that it waits for.
            take = self.service.store.turns.take
            stack.callback(await to_thread.run_sync(take, turns, limiter=self._waiting))
            yield


def _turns(tenant: Tenant, asked: Iterable[Query], written: Iterable[Json]) -> Iterator[int]:
    """Of those that each type has, as many as there are PLACES: all, or those of the identifiers alone.

    Whoever writes what another's condition finds has a turn in common with them. The condition has either
    every turn of the type or that of an identifier of what is written.
    """
    for query in asked:
        values = wanted(query)
        yield from _named(tenant, query.type, values) if values else _all(tenant, query.type)
    for resource in written:
        yield from _named(tenant, resource["resourceType"], borne(resource))


def _all(tenant: Tenant, kind: str) -> range:
    first = _number(tenant, kind) * PLACES
    return range(first, first + PLACES)


def _named(tenant: Tenant, kind: str, values: Iterable[str]) -> Iterator[int]:
    every = _all(tenant, kind)
    return (every[_number(tenant, kind, value) % PLACES] for value in values)


def _number(*said: str) -> int:
    """The same in every process; of 56 bits."""
    return int.from_bytes(sha256(repr(said).encode()).digest()[:7])
