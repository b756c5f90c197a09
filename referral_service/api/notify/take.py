"""Takes one notification: its resources go in, what must be fetched is kept as errands, then it is answered.

What is brought is stored first, and then in one transaction that the notification was seen, how far the
Subscription's events have come, and every errand. Whoever gets no 2xx sends again, and that changes nothing.
"""

from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import Connection

from referral_service.core.problem import Category, Issue, Problem, problem
from referral_service.fhir.notification import Notification, Placed, Status, read
from referral_service.fhir.search.reference import local
from referral_service.sources import Source
from referral_service.store import errands, marks, once
from referral_service.store.engine import reading, writing
from referral_service.store.tenancy import serving
from referral_service.wiring import Service
from referral_service.workflow.admit import Admit, Admitted, Feed
from referral_service.workflow.notice import Wanted, counted, is_broken, wanted
from referral_service.workflow.poll import polls
from referral_service.workflow.ports import Tenant

Json = dict[str, Any]
_KIND: Final = "notification"
# Longer than any sender is known to keep trying.
_KNOWN_FOR: Final = timedelta(days=8)
_log = structlog.get_logger(__name__)


class Addressed(NamedTuple):
    """Where a notification was sent below /notify/SOURCE: at Type/id, or "" for both."""

    type: str = ""
    id: str = ""

    @property
    def name(self) -> str:
        """As a reference."""
        return f"{self.type}/{self.id}" if self.type else ""


class Desk:
    """Where one source's notifications arrive."""

    def __init__(self, service: Service, admit: Admit, name: str, source: Source) -> None:
        """`name` is the source's in the file."""
        self._space = service.sources.space(name)
        self._service = service
        self._admit = admit
        self._source = source
        self._feed = Feed(Tenant(source.tenant), name)

    def hint(self, name: str) -> None:
        """Something happened to that resource, or, if that is "", to anything."""
        name = self._space.entered(name)
        if name and not self._admit.is_kept(name.partition("/")[0]):
            raise problem(Category.UNSUPPORTED, "This service keeps no resources of this type.")
        fetch = frozenset({name} if name else ())
        with serving(self._feed.tenant):
            self._ask(Wanted(fetch, polls=not name, passed_by=0))

    def take(self, addressed: Addressed, resource: Json, body: bytes) -> tuple[Issue, ...]:
        """Durable on return; issues of what was not taken of a Bundle. Raises Problem with nothing stored."""
        kind = resource["resourceType"]
        if addressed.type and (kind, resource.get("id")) != addressed:
            sentence = "The resource is not the one that the URL names."
            raise problem(Category.INCORRECT, sentence, f"{kind}.id", "value")
        resource = self._space.enter(resource)
        with serving(self._feed.tenant):
            if kind == "Bundle":
                return self._bundle(read(resource), body)
            self._one(Placed(kind, resource))
            return ()

    def _one(self, placed: Placed) -> None:
        if not self._admit.is_kept(placed.resource["resourceType"]):
            raise problem(Category.UNSUPPORTED, "This service keeps no resources of this type.")
        admitted = self._admitted([placed])
        for refusal in admitted.refused:
            raise Problem(refusal.category, *refusal.issues)
        if admitted.counts["own"]:
            raise problem(
                Category.FORBIDDEN, "The service wrote this; its operations change it.", placed.path
            )
        with writing(self._service.store.engine) as connection:
            self._keep(connection, admitted, self._beyond(admitted))

    def _admitted(self, placed: Iterable[Placed]) -> Admitted:
        # What was deleted may be told of late: where we can ask, only an answer brings it back.
        admitted = self._admit.run(self._feed, placed, may_revive=self._source.fhir is None)
        if admitted.counts["stored"]:
            self._service.doorbell.ring()
        return admitted

    def _beyond(self, admitted: Admitted) -> set[str]:
        """What to fetch beside what was brought: the charts of patients who are new here."""
        if self._source.fhir is None:
            return set()
        strangers = self._admit.strangers(self._feed.tenant, admitted.patients)
        return {f"Patient/{one}" for one in strangers} | set(admitted.buried)

    def _bundle(self, notification: Notification, body: bytes) -> tuple[Issue, ...]:
        asked = wanted(notification, self._admit.is_kept)
        if asked.fetch or asked.polls:
            self._needs_server()
        key = self._key(body) if notification.is_told_apart else ""
        if key and self._is_known(key):
            return ()
        admitted = self._admitted(notification.resources)
        faults = tuple(issue for refusal in admitted.refused for issue in refusal.issues)
        if faults and len(admitted.refused) == len(notification.resources) and not asked.fetch:
            raise Problem(Category.INCORRECT, *faults)
        admitted.counts["not-kept"] += asked.passed_by
        beyond = self._beyond(admitted)
        with writing(self._service.store.engine) as connection:
            if key and self._was_seen(connection, key):
                return faults
            missed = notification.status and self._misses(connection, notification.status)
            whats = asked.fetch | beyond
            if asked.polls or missed:
                whats |= self._polls()
            admitted.counts["gap"] = int(bool(missed))
            self._keep(connection, admitted, whats)
        return faults

    def _key(self, body: bytes) -> str:
        return sha256(b"\0".join([self._feed.source.encode(), body])).hexdigest()

    def _is_known(self, key: str) -> bool:
        """Whether it came before, so that nothing of it is stored over what came since."""
        with reading(self._service.store.engine) as connection:
            is_known = once.is_known(connection, self._feed.tenant, _KIND, key)
        if is_known:
            with writing(self._service.store.engine) as connection:
                errands.count(connection, self._feed, {"repeated": 1})
        return is_known

    def _was_seen(self, connection: Connection, key: str) -> bool:
        now = self._service.clock.now()
        if not once.seen(connection, self._feed.tenant, _KIND, key, until=now + _KNOWN_FOR, now=now):
            return False
        errands.count(connection, self._feed, {"repeated": 1})
        return True

    def _misses(self, connection: Connection, status: Status) -> bool:
        """Whether events were lost; keeps how far they have come."""
        named = local(status.subscription) or sha256(status.subscription.encode()).hexdigest()
        name = f"events:{named}"
        known = marks.get(connection, *self._feed, name)
        total, has_gap = counted(status, int(known) if known else None)
        if str(total) != known:
            marks.put(connection, *self._feed, name, str(total), self._service.clock.now())
        if has_gap or is_broken(status):
            _log.warning("a source has not told us of everything", source=self._feed.source)
            return True
        return False

    def _ask(self, asked: Wanted) -> None:
        self._needs_server()
        with writing(self._service.store.engine) as connection:
            self._keep(connection, Admitted(), asked.fetch | (self._polls() if asked.polls else set()))

    def _keep(self, connection: Connection, admitted: Admitted, whats: Iterable[str]) -> None:
        now = self._service.clock.now()
        errands.ask(connection, self._feed, whats, now)
        errands.note(connection, self._feed, admitted, now)

    def _polls(self) -> set[str]:
        """Nothing where there is no server to ask: the count alone shows what is missing."""
        if self._source.fhir is None:
            return set()
        return polls(self._source.poll.types if self._source.poll else ())

    def _needs_server(self) -> None:
        if self._source.fhir is None:
            sentence = "This notification must be fetched, and this source has no FHIR server to fetch from."
            raise problem(Category.REFUSED, sentence)
