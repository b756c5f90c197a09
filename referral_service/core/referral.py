"""A referral and an episode as the store remembers them."""

from datetime import datetime
from typing import Literal

import msgspec

from referral_service.core.decision import Decision

Urgency = Literal["elective", "urgent"]
Business = Literal["scheduled", "no-show", "cancelled", "completed", "report-received"]

OPEN = ("draft", "on-hold")
NO_EPISODE = "none"
# What an answered referral says once the decision it was answered for no longer stands.
LAPSED = "lapsed"
# A Task to fulfil an order, while its fulfiller has something to do.
UNFULFILLED = ("draft", "requested", "received", "accepted", "in-progress", "on-hold")


def is_of_none(key: str) -> bool:
    """Whether a key, also of another patient who is the same person ("patient/key"), is of no episode."""
    return key.rpartition("/")[2] == NO_EPISODE


class KeptEpisode(msgspec.Struct, frozen=True, kw_only=True):
    """An episode as the store remembers it: its key never changes, its last decision does.

    `region` is None for the decision of a patient who has no episode. `conditions` are the sources of its
    chain. `guidance` is the id of its GuidanceResponse and `guidance_version` that one's current version.
    """

    key: str
    region: str | None
    is_open: bool
    conditions: tuple[str, ...]
    decision: Decision
    guidance: str
    guidance_version: int


class Referral(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal and its review, as the store remembers them. `id` is that of the ServiceRequest.

    `status` is the ServiceRequest's (draft, on-hold, completed, revoked), `task_status` the Task's.
    A row without `target` is a Task `review`: then `id` is the Task's and `status` draft while it is open.
    `decision` is the answer that it was last written for, `version` that of the ServiceRequest. `order` and
    `fulfillment` are the ids of what followed an approval; `owner` is who has claimed the Task.
    The order was first tried to be sent at `tried_at`, had arrived by `sent_at`, and its fulfiller was last
    heard of at `told_at`, with the `business` status, as it was at `told_of` by their own clock.
    `is_unsendable`: a person must look why. `is_flagged`: a person was told that the order is out although
    the decision has fallen. `about` is the identifier of the order that a review is about; None where it is
    about a decision.
    """

    id: str
    identifier: str
    episode: str
    region: str | None
    target: str | None
    urgency: Urgency
    generation: int
    status: str
    task: str
    task_status: str
    decision: str
    due_at: datetime | None = None
    order: str | None = None
    order_status: str | None = None
    fulfillment: str | None = None
    fulfillment_status: str | None = None
    version: int = 1
    priority: str = "routine"
    authored_at: datetime | None = None
    owner: str | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    business: Business | None = None
    tried_at: datetime | None = None
    sent_at: datetime | None = None
    told_at: datetime | None = None
    told_of: datetime | None = None
    is_unsendable: bool = False
    is_flagged: bool = False
    about: str | None = None

    @property
    def is_unfulfilled(self) -> bool:
        """Approved, and neither fulfilled nor given up."""
        return self.fulfillment_status in UNFULFILLED

    @property
    def may_be_sent(self) -> bool:
        """The other side may have the order: nobody can take it back in silence."""
        return self.tried_at is not None


def revoked(referral: Referral) -> Referral:
    """A referral once it is taken back, proposal, order and Tasks."""
    return msgspec.structs.replace(
        referral,
        status="revoked",
        order_status="revoked",
        task_status="cancelled",
        fulfillment_status="cancelled",
        decision=LAPSED,
        version=referral.version + 1,
    )
