"""What the pages say of an approved order on its way: why it is not out, how it fares, what may be told."""

from typing import Final, NamedTuple

from referral_service.core.referral import Referral
from referral_service.core.stage import stage

# Why the last try to send an order failed, by the category that its message keeps.
FAILURES: Final = {
    "busy": "The other side is too busy and said so.",
    "unavailable": "The other side cannot be reached.",
    "interrupted": "The other side did not answer. The next try looks first whether it arrived.",
    "forbidden": "The other side does not let this service in.",
    "not_found": "The other side has no such address.",
    "unsupported": "The other side does not take such orders.",
    "refused": "The other side refuses the order as it is.",
    "incorrect": "The other side cannot read the order.",
    "conflict": "The other side changed something at the same moment.",
    "fault": "The other side answered something that is not FHIR.",
    "doubled": "The other side has the order twice. Nothing more is sent until a person has looked.",
    "different": "The other side has another order, or another patient, under this number.",
}
DESTINATIONS: Final = {
    "fhir": "sent to the EHR",
    "pull": "read here by the partner",
    "letter": "printed and entered by hand",
    "cds-hooks": "drafted in the EHR, or entered by hand",
}
# Where nobody but a person carries an order.
BY_HAND: Final = ("letter", "cds-hooks")
CLOSE_REASONS: Final = {
    "patient-declines": "The patient no longer wants it",
    "not-reached": "The patient cannot be reached",
    "moved": "The patient moved, or changed the clinic",
    "elsewhere": "Seen or treated elsewhere",
    "no-capacity": "No clinic takes it",
    "died": "The patient died",
    "other": "Another reason, see the note",
}
_ENDED: Final = ("completed", "rejected", "cancelled", "failed")
_STANDS: Final = {
    "draft": "approved, not sent",
    "requested": "sent, not accepted yet",
    "received": "received, not accepted yet",
    "accepted": "accepted, no appointment yet",
    "on-hold": "paused by the clinic",
    "in-progress": "under way, no appointment told",
    "completed": "report received",
    "rejected": "refused by the clinic",
    "cancelled": "given up",
    "failed": "failed at the clinic",
}
_FARES: Final = {
    "scheduled": "appointment booked",
    "no-show": "did not come to the appointment",
    "cancelled": "appointment cancelled",
    "completed": "seen, no report yet",
    "report-received": "report received",
}
# Why a review asks about an order, by the code on its Task.
CAUSES: Final = {
    "not-supported": "The order is out, and the record no longer supports it: call the clinic",
    "withdrawn-once-sent": "The order was withdrawn after it may have been sent: call the clinic",
    "refused-by-fulfiller": "The clinic has given the order back: decide what follows",
    "sent-twice": "The other side has the order twice: have one of them cancelled there",
}
# The activities of Provenances about an order on its way.
DONE: Final = {
    "send": "sent the order",
    "enter": "entered the order by hand",
    "print": "printed the letter",
    "send-again": "had the order sent again",
    "comment": "commented",
    "ask": "asked for information",
    "informed": "has the information that was asked for",
    "requested": "recorded: nothing new",
    "received": "recorded: received",
    "accepted": "recorded: accepted",
    "on-hold": "recorded: paused",
    "in-progress": "recorded: under way",
    "in-progress scheduled": "recorded: appointment booked",
    "in-progress no-show": "recorded: did not come to the appointment",
    "in-progress cancelled": "recorded: appointment cancelled",
    "in-progress completed": "recorded: seen",
    "completed report-received": "recorded: report received",
    "rejected": "recorded: refused",
    "cancelled": "recorded: given up",
    "failed": "recorded: failed",
}


class Saying(NamedTuple):
    """Something that a clinic says of an order: what the button reads, and what else the form asks."""

    button: str
    asks: tuple[str, ...] = ()


SAYINGS: Final[dict[str, Saying]] = {
    "accepted": Saying("Accepted"),
    "booked": Saying("Appointment booked", ("on",)),
    "seen": Saying("Seen"),
    "no-show": Saying("Did not come"),
    "cancelled": Saying("Appointment cancelled"),
    "report": Saying("Report received", ("reference", "text")),
    "refused": Saying("Refused by the clinic", ("text",)),
}
# Which of them come next, by where the order stands.
_NEXT: Final = {
    "acceptance": ("accepted", "booked", "refused"),
    "booking": ("booked", "seen"),
    "missed": ("booked",),
    "report": ("seen", "no-show", "report"),
}


def stands(referral: Referral) -> str:
    """Where an approved order stands, or that there will be none, in a line; "" while nothing is answered."""
    status = referral.fulfillment_status
    if status is None:
        is_declined = referral.status == "revoked" and referral.task_status == "completed"
        return "declined" if is_declined else ""
    if status == "cancelled" and referral.status == "revoked":
        return "withdrawn"
    if status == "cancelled" and referral.order_status == "revoked":
        return "closed administratively"
    if status in ("draft", *_ENDED):
        return "cannot be sent" if referral.is_unsendable and status == "draft" else _STANDS[status]
    return _FARES.get(referral.business or "", "") or _STANDS[status]


def sayings(referral: Referral) -> tuple[list[str], list[str]]:
    """What a clinic may say of an order that is out: what comes next, and the rest."""
    if referral.fulfillment_status == "draft" or not referral.is_unfulfilled:
        return [], []
    too_late = (
        {"accepted"} if referral.fulfillment_status in ("accepted", "in-progress", "on-hold") else set()
    )
    following = [one for one in _NEXT.get(stage(referral), ()) if one not in too_late]
    if referral.business == "completed":
        following = ["report"]
    return following, [one for one in SAYINGS if one not in {*following, *too_late}]
