"""What people may say of a referral, when, and what comes of it: the contract's transition table, as data."""

import re
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from referral_service.core.answer import STEPS, Said, Standing, Verb, answer, standing
from referral_service.core.problem import Category, Problem
from referral_service.core.referral import Referral
from tests.core.memory import remembered
from tests.kit.clocks import MONDAY

WHO = "Practitioner/nurse-7"
OTHER = "Practitioner/doctor-2"
GUIDE = (Path(__file__).parents[2] / "docs" / "integration.md").read_text(encoding="utf-8")

# step: proposal, order, Task approve or review, Task fulfill
TABLE = {
    "drafted": ("draft", None, "requested", None),
    "claimed": ("draft", None, "in-progress", None),
    "suspended": ("on-hold", None, "on-hold", None),
    "approved": ("completed", "active", "completed", "draft"),
    "declined": ("revoked", None, "completed", None),
    "withdrawn": ("revoked", None, "cancelled", None),
    "withdrawn, once approved": ("revoked", "revoked", "cancelled", "cancelled"),
    "sent": ("completed", "active", "completed", "requested"),
    "received": ("completed", "active", "completed", "received"),
    "accepted": ("completed", "active", "completed", "accepted"),
    "paused": ("completed", "active", "completed", "on-hold"),
    "in progress": ("completed", "active", "completed", "in-progress"),
    "closed": ("completed", "completed", "completed", "completed"),
    "refused": ("completed", "active", "completed", "rejected"),
    "given up": ("completed", "active", "completed", "cancelled"),
    "failed": ("completed", "active", "completed", "failed"),
    "withdrawn, once sent": ("revoked", "active", "cancelled", "cancelled"),
    "closed administratively": ("completed", "revoked", "completed", "cancelled"),
    "reviewed": ("completed", None, "completed", None),
}
OUT = ("sent", "received", "accepted", "paused", "in progress")
ENDED = ("refused", "given up", "failed")
# What may be said of a proposal, and where it leads; whatever is not here is refused.
OF_PROPOSALS = {
    ("drafted", "approve"): "approved",
    ("claimed", "approve"): "approved",
    ("drafted", "decline"): "declined",
    ("claimed", "decline"): "declined",
    ("drafted", "withdraw"): "withdrawn",
    ("claimed", "withdraw"): "withdrawn",
    ("suspended", "withdraw"): "withdrawn",
    ("approved", "withdraw"): "withdrawn, once approved",
    **{(step, "withdraw"): "withdrawn, once sent" for step in OUT},
    **{(step, "close"): "closed administratively" for step in ("approved", *OUT, *ENDED)},
    ("drafted", "claim"): "claimed",
    ("claimed", "release"): "drafted",
    ("drafted", "reassign"): "claimed",
    ("claimed", "reassign"): "claimed",
    ("drafted", "acknowledge"): "drafted",
    ("claimed", "acknowledge"): "claimed",
}
OF_REVIEWS = {
    ("drafted", "complete"): "reviewed",
    ("claimed", "complete"): "reviewed",
    ("drafted", "claim"): "claimed",
    ("claimed", "release"): "drafted",
    ("drafted", "reassign"): "claimed",
    ("claimed", "reassign"): "claimed",
    ("drafted", "acknowledge"): "drafted",
    ("claimed", "acknowledge"): "claimed",
}
NOT_FOR = {
    "proposal": {"complete": "A proposal is approved or declined; $complete is not for it."},
    "review": {
        verb: f"A review is completed; ${verb} is not for it."
        for verb in ("approve", "decline", "withdraw", "close")
    },
}


def at(step: str, **more: object) -> Referral:
    """An urgent referral, or a review of a possible red flag, at that step."""
    proposal, order, review, fulfillment = TABLE[step]
    told: dict[str, object] = {
        "status": proposal,
        "order_status": order,
        "task_status": review,
        "fulfillment_status": fulfillment,
        "owner": WHO if step == "claimed" else None,
        "urgency": "urgent",
        **more,
    }
    return remembered("r1", **told)


def say(referral: Referral, verb: Verb) -> Referral:
    return answer(referral, Said(verb, OTHER, MONDAY, WHO if verb == "reassign" else None))


def refusal(referral: Referral, verb: Verb) -> tuple[Category, str]:
    with pytest.raises(Problem) as refused:
        say(referral, verb)
    return refused.value.category, refused.value.issues[0].diagnostics


def test_the_steps_are_those_of_the_contract() -> None:
    assert {name: tuple(one) for name, one in STEPS.items()} == TABLE


def test_the_guide_shows_the_same_table() -> None:
    rows = re.findall(r"^\| ([a-z, ]+) \| (.+) \| (.+) \| (.+) \| (.+) \|$", GUIDE, re.MULTILINE)
    told = {
        step: tuple(None if cell == "–" else cell for cell in cells)
        for step, *cells in rows
        if step != "step"
    }
    assert told == TABLE


@pytest.mark.parametrize(("step", "verb"), list(product(TABLE, get_args(Verb))))
@pytest.mark.parametrize("kind", ["proposal", "review"])
def test_each_verb_leads_where_the_table_says_or_is_refused(kind: str, step: str, verb: Verb) -> None:
    referral = at(step, target="surgical" if kind == "proposal" else None)
    leads = OF_PROPOSALS if kind == "proposal" else OF_REVIEWS
    if (step, verb) in leads:
        assert standing(say(referral, verb)) == Standing(*TABLE[leads[step, verb]])
        return
    category, sentence = refusal(referral, verb)
    if verb in NOT_FOR[kind]:
        assert (category, sentence) == (Category.REFUSED, NOT_FOR[kind][verb])
    else:
        assert category is Category.CONFLICT
        for part in (TABLE[step][2], f"({step})", f"${verb}"):
            assert part in sentence
        assert (TABLE[step][0] in sentence) or kind == "review"


def test_a_state_that_is_named_is_that_of_request_and_task() -> None:
    assert refusal(at("approved"), "approve") == (
        Category.CONFLICT,
        "The request is completed, its Task is completed (approved): too late or too early for $approve.",
    )
    assert refusal(at("reviewed", target=None), "claim") == (
        Category.CONFLICT,
        "The Task is completed (reviewed): too late or too early for $claim.",
    )


def test_a_state_that_is_in_no_table_is_refused_too() -> None:
    assert refusal(at("approved", fulfillment_status="ready"), "withdraw") == (
        Category.CONFLICT,
        "The request is completed, its Task is completed: too late or too early for $withdraw.",
    )


def test_nothing_else_of_a_referral_changes() -> None:
    before = at("claimed", version=3)
    after = say(before, "approve")
    assert after == replace(
        before,
        status="completed",
        order_status="active",
        task_status="completed",
        fulfillment_status="draft",
        due_at=MONDAY + timedelta(hours=1),
        version=4,
    )
    assert after.owner == WHO


@pytest.mark.parametrize(
    ("step", "verb", "owner"),
    [("drafted", "claim", OTHER), ("claimed", "release", None), ("claimed", "reassign", WHO)],
)
def test_the_owner_of_a_task_follows_the_verb_and_no_request_changes(
    step: str, verb: Verb, owner: str | None
) -> None:
    after = say(at(step, owner=OTHER), verb)
    assert (after.owner, after.version) == (owner, 1)


@pytest.mark.parametrize("target", ["surgical", None])
def test_a_red_flag_is_acknowledged_once_and_stands_as_it_stood(target: str | None) -> None:
    flagged = at("drafted", target=target)
    seen = say(flagged, "acknowledge")
    assert seen == replace(flagged, acknowledged_by=OTHER, acknowledged_at=MONDAY)
    assert refusal(seen, "acknowledge") == (Category.CONFLICT, "The red flag is acknowledged already.")


def test_what_is_elective_is_not_acknowledged() -> None:
    elective = at("drafted", urgency="elective")
    assert refusal(elective, "acknowledge") == (
        Category.REFUSED,
        "Red flags are acknowledged; this is elective.",
    )


def test_an_order_that_may_be_out_is_not_taken_back_by_us_alone() -> None:
    tried = at("approved", tried_at=MONDAY)
    assert standing(say(tried, "withdraw")) == Standing(*TABLE["withdrawn, once sent"])
    assert say(tried, "withdraw").is_flagged
    assert not say(at("approved"), "withdraw").is_flagged


def test_what_is_given_up_waits_for_no_sender() -> None:
    stuck = at("approved", is_unsendable=True)
    assert not say(stuck, "close").is_unsendable
    assert say(at("drafted", is_unsendable=False), "approve").is_unsendable is False
