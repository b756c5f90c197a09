"""On which list each step of the contract's transition table stands."""

import pytest
from msgspec.structs import replace

from referral_service.core.referral import Referral
from referral_service.core.stage import STAGES, Stage, stage
from tests.core.told import (
    APPROVED,
    DECLINED,
    DRAFT,
    LOOKED_AT,
    RED,
    RED_APPROVED,
    REVIEW,
    WAITING,
    WITHDRAWN,
)


def sent(status: str, **more: object) -> Referral:
    """An approved referral whose Task to fulfil has this status."""
    return replace(APPROVED, fulfillment="f1", fulfillment_status=status, **more)


UNSENDABLE = {"is_unsendable": True}
STEPS: dict[str, tuple[Referral, Stage]] = {
    "drafted": (DRAFT, "review"),
    "claimed": (replace(DRAFT, task_status="in-progress"), "review"),
    "suspended by a red flag": (WAITING, "review"),
    "a red flag": (RED, "red-flag"),
    "a red flag, claimed": (replace(RED, task_status="in-progress"), "red-flag"),
    "a review": (REVIEW, "information"),
    "a review, done": (LOOKED_AT, "closed"),
    "declined": (DECLINED, "closed"),
    "withdrawn": (WITHDRAWN, "closed"),
    "approved": (sent("draft"), "ready"),
    "a red flag, approved": (
        replace(RED_APPROVED, fulfillment="f1", fulfillment_status="draft"),
        "ready",
    ),
    "sent": (sent("requested"), "acceptance"),
    "received": (sent("received"), "acceptance"),
    "accepted": (sent("accepted"), "booking"),
    "accepted, then on hold": (sent("on-hold"), "booking"),
    "begun": (sent("in-progress"), "booking"),
    "booked": (sent("in-progress", business="scheduled"), "report"),
    "seen": (sent("in-progress", business="completed"), "report"),
    "missed": (sent("in-progress", business="no-show"), "missed"),
    "the appointment cancelled": (sent("in-progress", business="cancelled"), "missed"),
    "the report has come": (sent("completed", business="report-received"), "closed"),
    "refused by the fulfiller": (sent("rejected"), "closed"),
    "refused once booked": (sent("rejected", business="scheduled"), "closed"),
    "closed administratively": (sent("cancelled"), "closed"),
    "cannot be sent": (sent("draft", **UNSENDABLE), "failed"),
    "withdrawn because it cannot be sent": (sent("cancelled", **UNSENDABLE), "closed"),
}


@pytest.mark.parametrize("step", STEPS)
def test_each_step_stands_on_one_list(step: str) -> None:
    referral, expected = STEPS[step]
    assert stage(referral) == expected


def test_every_list_is_some_steps() -> None:
    assert {expected for _, expected in STEPS.values()} == set(STAGES)
