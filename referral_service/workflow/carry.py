"""Carrying: what people do with an approved order that no sender carries, or that none could bring over."""

from datetime import datetime
from typing import Any, Protocol

from msgspec.structs import replace

from referral_service.core.fulfillment import Within
from referral_service.core.problem import Category, Problem, problem
from referral_service.core.referral import Referral
from referral_service.workflow.hand_over import sent, witnessed
from referral_service.workflow.ports import Clock, Happening, Stored, Tenant
from referral_service.workflow.review import Answered, Opened

Json = dict[str, Any]


class Outbox(Protocol):
    """The part of the store that keeps what is to be sent. Each method is one transaction."""

    def entered(self, tenant: Tenant, answered: Answered, there: Json) -> None:
        """Keeps that somebody has taken the order to its destination."""

    def resume(self, tenant: Tenant, answered: Answered) -> None:
        """Lets a stopped order be tried again at once."""


class Desk(Protocol):
    """The part of the store that keeps answers."""

    def answer(self, tenant: Tenant, answered: Answered) -> list[Stored]:
        """Stores all or nothing; Problem CONFLICT if anything came between."""


class Carry:
    """The verbs, over their ports. Each raises Problem CONFLICT in a wrong state, or if it is late."""

    def __init__(self, desk: Desk, outbox: Outbox, clock: Clock, within: Within) -> None:
        """`within` says when the fulfiller has to accept."""
        self._desk = desk
        self._outbox = outbox
        self._clock = clock
        self._within = within

    def again(self, tenant: Tenant, opened: Opened, actor: str) -> None:
        """What could not be sent is tried again."""
        before = opened.referral
        if not before.is_unsendable:
            raise _wrong(before)
        after = replace(before, is_unsendable=False)
        self._outbox.resume(tenant, self._answered(opened, after, "send-again", actor))

    def printed(self, tenant: Tenant, opened: Opened, actor: str) -> None:
        """The letter is in somebody's hands: from now on the other side may have the order."""
        before = opened.referral
        if before.fulfillment_status != "draft":
            raise _wrong(before)
        after = replace(before, tried_at=before.tried_at or self._clock.now())
        self._desk.answer(tenant, self._answered(opened, after, "print", actor))

    def entered(self, tenant: Tenant, opened: Opened, actor: str) -> None:
        """A person has brought the order to its fulfiller."""
        answered = sent(opened, self._clock.now(), self._within, actor)
        if answered is None:
            raise _wrong(opened.referral)
        self._outbox.entered(tenant, answered, {})

    def _answered(self, opened: Opened, after: Referral, verb: str, actor: str) -> Answered:
        at: datetime = self._clock.now()
        kind = {"send-again": "sent-again", "print": "printed"}[verb]
        return Answered(
            patient=opened.patient,
            before=opened.referral,
            after=after,
            writes=(witnessed(opened, (), verb, actor, at),),
            happenings=(Happening(kind, f"ServiceRequest/{after.order}", actor),),
        )


def _wrong(referral: Referral) -> Problem:
    state = referral.fulfillment_status or "not there: nothing is approved"
    return problem(Category.CONFLICT, f"The Task to fulfil the order is {state}.")
