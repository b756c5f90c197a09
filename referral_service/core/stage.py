"""Where a referral stands on the coordinators' worklist, and what follows is theirs to do.

Source: the contract's transition table. What happens after an order was sent has no stage of its own yet.
"""

from typing import Final, Literal, get_args

from referral_service.core.referral import Referral

Stage = Literal["red-flag", "review", "information", "ready", "closed"]

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
OPEN_TASK: Final = ("requested", "in-progress", "on-hold")


def stage(referral: Referral) -> Stage:
    """One stage for each referral: a red flag comes before all else until its Task is closed."""
    if referral.task_status in OPEN_TASK:
        if referral.urgency == "urgent":
            return "red-flag"
        return "information" if referral.target is None else "review"
    return "ready" if referral.fulfillment_status == "draft" else "closed"
