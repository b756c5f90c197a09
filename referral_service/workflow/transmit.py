"""Transmit: an approved order to whoever fulfils it, once.

Before the first try it is kept that there was one; no transaction is open while the other side is asked. Any
later try searches by identifier first, for the outcome of the one before may be unknown. Right before it is
sent the lease is renewed, so that two never send at once. What was sent is read back and compared. Two of a
kind on the other side: nothing more is sent, and a person looks.
"""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from random import uniform
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from referral_service.core.fulfillment import Within
from referral_service.core.problem import Category, Problem, problem
from referral_service.fhir.parse import parse
from referral_service.fhir.space import Space
from referral_service.fhir.write import Names
from referral_service.fhir.write.outgoing import Order, outgoing
from referral_service.workflow.flagging import Flagging
from referral_service.workflow.hand_over import sent, unsendable
from referral_service.workflow.ports import Clock, Stored, Tenant
from referral_service.workflow.read_back import Doubled, There, compare, places
from referral_service.workflow.review import Answered, Opened

Json = dict[str, Any]

_LONGEST_WAIT = timedelta(minutes=15)
_DOUBLINGS = 10
# A person sees what still fails after so many tries.
_SEEN_AFTER = 5
_TRIED_AGAIN: Final = (
    Category.BUSY,
    Category.UNAVAILABLE,
    Category.INTERRUPTED,
    Category.CONFLICT,
    Category.FAULT,
)


# How it says that nobody may look, or not by identifier alone.
_NOT_SHOWN: Final = (
    Category.NOT_FOUND,
    Category.FORBIDDEN,
    Category.INCORRECT,
    Category.UNSUPPORTED,
    Category.REFUSED,
)


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An order that this process alone may send, until its lease ends; `attempts` counts this one too."""

    tenant: Tenant
    opened: Opened
    token: int
    attempts: int


class Destination(Protocol):
    """The other side. Each call may fail as a Problem."""

    def find(self, order: Order) -> There:
        """What it has under the identifiers of an order and its Task."""

    def send(self, transaction: Json) -> Json:
        """Its answer to the transaction; INTERRUPTED where the outcome is unknown."""

    def read(self, reference: str) -> Json | None:
        """One of its resources, such as Task/1; None where it is not."""


class Outbox(Protocol):
    """The part of the store that keeps what is to be sent. Each method is one transaction."""

    def claim(self, limit: int) -> list[Delivery]:
        """Orders that are due, each with its attempt counted; the first attempt is kept on the referral."""

    def hold(self, delivery: Delivery) -> bool:
        """Whether it is still this process's; then it is for another lease."""

    def arrived(self, delivery: Delivery, answered: Answered | None, there: Json) -> bool:
        """Keeps that it has arrived, and as what; False if the lease was lost."""

    def put_off(self, delivery: Delivery, until: datetime, category: str, answered: Answered | None) -> bool:
        """Another try then."""

    def stop(self, delivery: Delivery, category: str, answered: Answered | None) -> bool:
        """No other try before a person asks for one."""

    def again(self, delivery: Delivery) -> Opened | None:
        """The referral as it is by now."""


class Setting(NamedTuple):
    """Names, deadlines, people's zone, how long an unknown outcome rests, and the other side's ids."""

    names: Names
    within: Within
    zone: tzinfo
    quiet: timedelta = timedelta(seconds=30)
    space: Space = Space("")


class _Lost(Exception):
    """The lease is over: another process has the order, or nobody."""


class Transmit:
    """The verb, over its ports; safe for several threads."""

    def __init__(
        self,
        outbox: Outbox,
        destination: Destination,
        archive: Callable[[Tenant, str, str], Stored | None],
        clock: Clock,
        setting: Setting,
    ) -> None:
        """`archive` reads a resource as it stands."""
        self._outbox = outbox
        self._destination = destination
        self._archive = archive
        self._clock = clock
        self._setting = setting

    def deliver(self, delivery: Delivery) -> str:
        """Tries once; how it ended: arrived, or the category of what went wrong."""
        order = self._order(delivery)
        try:
            there = self._reach(delivery, order)
        except _Lost:
            return "lost"
        except Doubled as found:
            return self._stop(delivery, str(found))
        except Problem as error:
            name = error.category.name.lower()
            if error.category in _TRIED_AGAIN:
                return self._put_off(delivery, error, name)
            return self._stop(delivery, name)
        return self._arrived(delivery, there)

    def _reach(self, delivery: Delivery, order: Order) -> There:
        space = self._setting.space
        sent = outgoing(order, self._is_theirs(delivery.tenant), self._setting.names)
        about = sent["entry"][0]["resource"]["subject"].get("reference", "")
        if about and not space.holds(about):
            # among their ids it may be anybody's
            raise problem(
                Category.REFUSED, "The other side knows this patient by no id or identifier of ours."
            )
        transaction = space.leave(sent)
        if delivery.attempts > 1:
            there = self._destination.find(order)
            compare(there, transaction)
            if there.is_whole:
                return there
        if not self._outbox.hold(delivery):
            raise _Lost
        return self._read_back(order, transaction, self._destination.send(transaction))

    def _read_back(self, order: Order, transaction: Json, answer: Json) -> There:
        try:
            there, is_shown = self._destination.find(order), True
        except Problem as error:
            if error.category not in _NOT_SHOWN:
                raise
            there, is_shown = There((), ()), False  # it takes orders, and lets nobody search
        if not there.is_whole and not there.is_doubled:
            # a search may lag behind: what it said it made is read instead
            there = self._made(answer, is_shown=is_shown)
            if not there.is_whole:
                # it said yes, and shows nothing: the next try looks again before anything else
                raise Problem(Category.INTERRUPTED)
        if is_shown:
            compare(there, transaction)
        return there

    def _made(self, answer: Json, *, is_shown: bool) -> There:
        """What it says it has made: as it can be read, or by its ids where it shows nothing to anybody."""
        found: dict[str, list[Json]] = {"ServiceRequest": [], "Task": []}
        for place in places(answer):
            kind, _, id = place.partition("/")
            resource = self._destination.read(place) if is_shown else {"resourceType": kind, "id": id}
            if resource:
                found[kind].append(resource)
        return There(found["ServiceRequest"], found["Task"])

    def _order(self, delivery: Delivery) -> Order:
        opened = delivery.opened
        referral = opened.referral
        patient = self._archive(delivery.tenant, "Patient", opened.patient)
        return Order(
            parse(opened.resources["ServiceRequest", referral.order or ""].body),
            parse(opened.resources["Task", referral.fulfillment or ""].body),
            parse(patient.body) if patient and not patient.is_deleted else None,
        )

    def _is_theirs(self, tenant: Tenant) -> Callable[[str], bool]:
        """Their own id: the resource came with it, or it is a Patient that never came."""

        def asked(reference: str) -> bool:
            kind, _, id = reference.partition("/")
            known = self._archive(tenant, kind, id)
            if not self._setting.space.holds(reference):
                return False
            if known is None:
                return kind == "Patient"
            return not known.is_posted and kind not in ("GuidanceResponse", "Task") and not _is_ours(known)

        return asked

    def _arrived(self, delivery: Delivery, there: There) -> str:
        found = {
            "ServiceRequest": there.requests[0].get("id", "") if there.requests else "",
            "Task": there.tasks[0].get("id", "") if there.tasks else "",
        }

        def after(opened: Opened) -> Answered | None:
            return sent(opened, self._clock.now(), self._setting.within)

        def keep(answered: Answered | None) -> bool:
            return self._outbox.arrived(delivery, answered, found)

        return self._record(delivery, after, keep, "arrived")

    def _put_off(self, delivery: Delivery, error: Problem, category: str) -> str:
        doublings = min(delivery.attempts, _DOUBLINGS)
        wait = timedelta(seconds=2**doublings * uniform(0.5, 1.5))  # noqa: S311 - no secret
        wait = min(wait, _LONGEST_WAIT)
        if error.category is not Category.UNAVAILABLE:
            wait = max(wait, self._setting.quiet)
        until = self._clock.now() + max(wait, timedelta(seconds=error.wait_seconds or 0))
        is_seen = delivery.attempts >= _SEEN_AFTER

        def after(opened: Opened) -> Answered | None:
            return unsendable(opened, category, self._flagging(delivery)) if is_seen else None

        return self._record(
            delivery,
            after,
            lambda answered: self._outbox.put_off(delivery, until, category, answered),
            category,
        )

    def _stop(self, delivery: Delivery, category: str) -> str:
        def after(opened: Opened) -> Answered | None:
            return unsendable(opened, category, self._flagging(delivery))

        def keep(answered: Answered | None) -> bool:
            return self._outbox.stop(delivery, category, answered)

        return self._record(delivery, after, keep, category)

    def _flagging(self, delivery: Delivery) -> Flagging:
        setting = self._setting
        return Flagging(
            delivery.tenant, delivery.opened.patient, self._clock.now(), setting.zone, setting.names
        )

    def _record(
        self,
        delivery: Delivery,
        after: Callable[[Opened], Answered | None],
        keep: Callable[[Answered | None], bool],
        said: str,
    ) -> str:
        """Keeps what came of it, on whatever the referral has become meanwhile."""
        opened: Opened | None = delivery.opened
        while opened:
            try:
                return said if keep(after(opened)) else "lost"
            except Problem as late:
                if late.category is not Category.CONFLICT:
                    raise
                opened = self._outbox.again(delivery)
        return "lost"


def _is_ours(known: Stored) -> bool:
    """Whether we wrote it: a ServiceRequest that follows a pathway of ours."""
    return known.type == "ServiceRequest" and bool(parse(known.body).get("instantiatesCanonical"))
