"""What people answer: from a remembered referral and a verb to the referral as it is then, or a refusal.

Source: the contract's transition table. `STEPS` is that table as far as people's verbs reach; it is repeated
in docs/integration.md, and a test compares the two. Pure: no ids, no clock.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from referral_service.core.deadline import SENT_WITHIN
from referral_service.core.problem import Category, Problem, problem
from referral_service.core.referral import Referral

Verb = Literal[
    "approve", "decline", "withdraw", "acknowledge", "claim", "release", "reassign", "complete", "close"
]


class Standing(NamedTuple):
    """The statuses of the four resources of one referral; None: there is no such resource.

    A review that is no proposal's has the status of its row in the place of the proposal's.
    """

    proposal: str
    order: str | None
    review: str
    fulfillment: str | None


class Said(NamedTuple):
    """One answer: what is said, by whom (a reference), at which instant; `owner` is for reassign alone."""

    verb: Verb
    actor: str
    at: datetime
    owner: str | None = None


STEPS: Final = {
    "drafted": Standing("draft", None, "requested", None),
    "claimed": Standing("draft", None, "in-progress", None),
    "suspended": Standing("on-hold", None, "on-hold", None),
    "approved": Standing("completed", "active", "completed", "draft"),
    "declined": Standing("revoked", None, "completed", None),
    "withdrawn": Standing("revoked", None, "cancelled", None),
    "withdrawn, once approved": Standing("revoked", "revoked", "cancelled", "cancelled"),
    "sent": Standing("completed", "active", "completed", "requested"),
    "received": Standing("completed", "active", "completed", "received"),
    "accepted": Standing("completed", "active", "completed", "accepted"),
    "paused": Standing("completed", "active", "completed", "on-hold"),
    "in progress": Standing("completed", "active", "completed", "in-progress"),
    "closed": Standing("completed", "completed", "completed", "completed"),
    "refused": Standing("completed", "active", "completed", "rejected"),
    "given up": Standing("completed", "active", "completed", "cancelled"),
    "failed": Standing("completed", "active", "completed", "failed"),
    "withdrawn, once sent": Standing("revoked", "active", "cancelled", "cancelled"),
    "closed administratively": Standing("completed", "revoked", "completed", "cancelled"),
    "reviewed": Standing("completed", None, "completed", None),
}
_OUT: Final = ("sent", "received", "accepted", "paused", "in progress")
_ENDED: Final = ("refused", "given up", "failed")
_CLAIMING: Final[Mapping[Verb, Mapping[str, str]]] = {
    "claim": {"drafted": "claimed"},
    "release": {"claimed": "drafted"},
    "reassign": {"drafted": "claimed", "claimed": "claimed"},
}
# Where each verb leads from each step that it may be said in.
OF_PROPOSALS: Final[Mapping[Verb, Mapping[str, str]]] = {
    "approve": {"drafted": "approved", "claimed": "approved"},
    "decline": {"drafted": "declined", "claimed": "declined"},
    "withdraw": {
        "drafted": "withdrawn",
        "claimed": "withdrawn",
        "suspended": "withdrawn",
        "approved": "withdrawn, once approved",
        **dict.fromkeys(_OUT, "withdrawn, once sent"),
    },
    "close": dict.fromkeys(("approved", *_OUT, *_ENDED), "closed administratively"),
    "acknowledge": {"drafted": "drafted", "claimed": "claimed"},
    **_CLAIMING,
}
OF_REVIEWS: Final[Mapping[Verb, Mapping[str, str]]] = {
    "complete": {"drafted": "reviewed", "claimed": "reviewed"},
    "acknowledge": {"drafted": "drafted", "claimed": "claimed"},
    **_CLAIMING,
}


def standing(referral: Referral) -> Standing:
    """Where a referral stands."""
    return Standing(referral.status, referral.order_status, referral.task_status, referral.fulfillment_status)


def answer(referral: Referral, said: Said) -> Referral:
    """The referral once this is said; whoever stores it adds the ids of an order and its Task.

    Raises Problem: REFUSED for a verb that is not for such a referral; CONFLICT, with the state named, for
    one that comes too late or too early.
    """
    before = standing(referral)
    step = next((name for name, one in STEPS.items() if one == before), "")
    leads = (OF_REVIEWS if referral.target is None else OF_PROPOSALS).get(said.verb)
    if leads is None:
        kind = "A review is completed" if referral.target is None else "A proposal is approved or declined"
        raise problem(Category.REFUSED, f"{kind}; ${said.verb} is not for it.")
    if step not in leads:
        raise _wrong(referral, said.verb, step)
    if said.verb == "acknowledge":
        return _acknowledged(referral, said)
    after = STEPS[_leads(referral, leads[step])]
    owners = {"claim": said.actor, "reassign": said.owner, "release": None}
    return replace(
        referral,
        status=after.proposal,
        order_status=after.order,
        task_status=after.review,
        fulfillment_status=after.fulfillment,
        owner=owners.get(said.verb, referral.owner),
        due_at=said.at + SENT_WITHIN if said.verb == "approve" else referral.due_at,
        version=referral.version + int(after.proposal != before.proposal),
        is_flagged=referral.is_flagged or after == STEPS["withdrawn, once sent"],
        is_unsendable=referral.is_unsendable and after.fulfillment == "draft",
    )


def _leads(referral: Referral, step: str) -> str:
    """What the other side may have is not taken back by us alone."""
    is_out = step == "withdrawn, once approved" and referral.may_be_sent
    return "withdrawn, once sent" if is_out else step


def _acknowledged(referral: Referral, said: Said) -> Referral:
    """A red flag that a person has seen; nothing else changes."""
    if referral.urgency != "urgent":
        raise problem(Category.REFUSED, "Red flags are acknowledged; this is elective.")
    if referral.acknowledged_at is not None:
        raise problem(Category.CONFLICT, "The red flag is acknowledged already.")
    return replace(referral, acknowledged_by=said.actor, acknowledged_at=said.at)


def _wrong(referral: Referral, verb: Verb, step: str) -> Problem:
    task = f"Task is {referral.task_status}{step and f' ({step})'}"
    state = f"The {task}" if referral.target is None else f"The request is {referral.status}, its {task}"
    return problem(Category.CONFLICT, f"{state}: too late or too early for ${verb}.")
