"""Where a referral stands on the coordinators' worklist, and what follows is theirs to do.

Source: the contract's transition table.
"""

from typing import Final, Literal, get_args

from referral_service.core.referral import Referral

Stage = Literal[
    "red-flag",
    "review",
    "information",
    "ready",
    "failed",
    "acceptance",
    "booking",
    "missed",
    "report",
    "closed",
]

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
OPEN_TASK: Final = ("requested", "in-progress", "on-hold")
_OF_FULFILLMENT: Final[dict[str, Stage]] = {
    "draft": "ready",
    "requested": "acceptance",
    "received": "acceptance",
    "accepted": "booking",
    "on-hold": "booking",
    "in-progress": "booking",
}


def stage(referral: Referral) -> Stage:
    """One stage for each referral: a red flag comes before all else until its Task is closed."""
    if referral.task_status in OPEN_TASK:
        if referral.urgency == "urgent":
            return "red-flag"
        return "information" if referral.target is None else "review"
    if not referral.is_unfulfilled:
        return "closed"
    if referral.is_unsendable:
        return "failed"
    if referral.business in ("scheduled", "completed"):
        return "report"
    if referral.business in ("no-show", "cancelled"):
        return "missed"
    return _OF_FULFILLMENT[referral.fulfillment_status or ""]
