"""Courier: one look for what is to be sent, and for whose fulfiller is to be asked."""

from collections.abc import Callable
from concurrent.futures import Executor
from datetime import timedelta
from typing import Any, Final, Protocol

from referral_service.core.problem import Problem
from referral_service.core.referral import UNFULFILLED
from referral_service.workflow.ports import Tenant
from referral_service.workflow.review import Opened
from referral_service.workflow.track import Track
from referral_service.workflow.transmit import Delivery, Transmit

Json = dict[str, Any]
FULFILLER: Final = "Device/fulfiller"
# So many orders are on their way at a time. No more are claimed than begin at once: one that waited for its
# turn would use up its lease, and then be sent by somebody else too.
AT_ONCE: Final = 4
_ASKED_AT_ONCE = 20


class Rounds(Protocol):
    """The part of the store that says where to go."""

    def claim(self, limit: int) -> list[Delivery]:
        """Orders that are due."""

    def sent_due(self, limit: int, again_in: timedelta) -> list[tuple[Tenant, str, dict[str, str]]]:
        """Sent orders whose fulfiller is to be asked: tenant, order, and its ids on the other side."""

    def done(self, tenant: Tenant, order: str) -> None:
        """Nobody asks for a fulfiller's word on this order any more."""


class Courier:
    """The verbs Transmit and Track, for whatever is due."""

    def __init__(
        self,
        rounds: Rounds,
        transmit: Transmit,
        track: Track,
        read: Callable[[str], Json | None] | None = None,
        every: timedelta = timedelta(minutes=10),
    ) -> None:
        """`read` gets a Task from the other side, each `every`; None: its fulfiller tells us by itself."""
        self._rounds = rounds
        self._transmit = transmit
        self._track = track
        self._read = read
        self._every = every

    def deliver(self, executor: Executor | None = None) -> list[str]:
        """Tries whatever is due once; how each ended."""
        due = self._rounds.claim(AT_ONCE)
        return list((executor.map if executor else map)(self._transmit.deliver, due))

    def ask(self, opened: Callable[[Tenant, str], Opened | None]) -> int:
        """Asks the fulfillers whose turn it is; how many had news.

        Raises the last Problem of the other side once all were asked: one Task that fails hides no other.
        """
        if self._read is None:
            return 0
        news, failed = 0, None
        for tenant, order, there in self._rounds.sent_due(_ASKED_AT_ONCE, self._every):
            try:
                task = self._read(f"Task/{there['Task']}") if there.get("Task") else None
                news += bool(task and self._track.heard(tenant, task, FULFILLER))
            except Problem as error:
                failed = error
            known = opened(tenant, order)
            if known is None or known.referral.fulfillment_status not in UNFULFILLED:
                self._rounds.done(tenant, order)
        if failed:
            raise failed
        return news
