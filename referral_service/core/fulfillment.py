"""How an approved order fares with whoever fulfils it. Source: the contract's transition table.

Pure: a remembered referral and what the fulfiller says in, the referral as it is then out, or a refusal.
"""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from referral_service.core.pathway import Numbers
from referral_service.core.problem import Category, problem
from referral_service.core.referral import Business, Referral

# Why a person must look at an order that is out, or has come back.
Cause = Literal["not-supported", "withdrawn-once-sent", "refused-by-fulfiller", "sent-twice"]

# The fulfiller's part of R4's Task statuses, each with how far along it is.
_RANK: Final = {"requested": 0, "received": 1, "accepted": 2, "on-hold": 2, "in-progress": 3, "completed": 4}
_GIVEN_UP: Final = ("rejected", "cancelled", "failed")
_AGAIN: Final = ("no-show", "cancelled")


class Told(NamedTuple):
    """What a fulfiller says, at which instant: R4's Task status, and how it fares beneath that.

    `of`: since when it is so by the fulfiller's own clock, if that is known.
    """

    status: str
    at: datetime
    business: Business | None = None
    has_report: bool = False
    of: datetime | None = None


class Within(NamedTuple):
    """How long each step may take, from the one before."""

    accepted: timedelta
    booked: timedelta
    seen: timedelta
    report: timedelta

    @classmethod
    def of(cls, numbers: Numbers) -> "Within":
        """As the policy says."""
        names = ("accepted_within", "booked_within", "seen_within", "report_within")
        return cls(*(timedelta(days=getattr(numbers, name).value) for name in names))


def arrived(referral: Referral, at: datetime, within: Within) -> Referral:
    """The order is with its fulfiller, who has to accept it."""
    return replace(
        referral,
        fulfillment_status="requested",
        tried_at=referral.tried_at or at,
        sent_at=at,
        is_unsendable=False,
        due_at=at + within.accepted,
    )


def tell(referral: Referral, told: Told, within: Within) -> Referral:
    """The referral once this is said; unchanged where it says nothing new.

    Raises Problem: REFUSED for what no fulfiller says, or for an end without a report; CONFLICT, with the
    state named, for what comes too early (nothing was sent) or too late (it has ended).
    """
    status, business = told.status, told.business
    if status not in _RANK and status not in _GIVEN_UP:
        raise problem(Category.REFUSED, "A fulfiller does not give a Task this status.", "Task.status")
    if status == "completed" and not told.has_report:
        raise problem(Category.REFUSED, "A Task is completed with the report as its output.", "Task.output")
    if status == "completed":
        business = "report-received"
    before = referral.fulfillment_status
    if told.of and referral.told_of and told.of < referral.told_of:
        raise problem(Category.CONFLICT, "The Task has gone on since then.", "Task.meta.lastUpdated")
    if (status, business) == (before, referral.business):
        return referral
    pauses = (before, status) == ("in-progress", "on-hold")
    is_back = not pauses and _RANK.get(status, 9) < _RANK.get(before or "", 9)
    if before not in _RANK or before == "completed" or is_back:
        raise problem(Category.CONFLICT, f"The Task is {before}: it does not become {status}.", "Task.status")
    return replace(
        referral,
        fulfillment_status=status,
        business=business,
        order_status="completed" if status == "completed" else referral.order_status,
        told_at=told.at,
        told_of=told.of or referral.told_of,
        due_at=_due(referral, told, within),
    )


def _due(referral: Referral, told: Told, within: Within) -> datetime | None:
    """When the next step is due: each begins with the one before it, not with each word about it."""
    is_known = told.status != "accepted" and told.business == referral.business
    if is_known or told.status in ("received", "requested"):
        return referral.due_at
    if told.status == "accepted" or told.business in _AGAIN:
        return told.at + within.booked
    if told.business == "scheduled":
        return told.at + within.seen
    if told.status == "in-progress" and told.business == "completed":
        return told.at + within.report
    return referral.due_at
