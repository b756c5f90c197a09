"""What a fulfiller may say of an order, when, and when the next step is due: the contract's table."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from referral_service.core.fulfillment import Told, Within, arrived, tell
from referral_service.core.problem import Category, Problem
from referral_service.core.referral import Business, Referral
from referral_service.core.stage import stage
from tests.core.memory import WITHIN, remembered
from tests.kit.clocks import MONDAY

LATER = MONDAY + timedelta(days=3)
APPROVED = remembered(
    "r1",
    status="completed",
    task_status="completed",
    order="o1",
    order_status="active",
    fulfillment="f1",
    fulfillment_status="draft",
    due_at=MONDAY + timedelta(hours=1),
)
SENT = arrived(APPROVED, MONDAY, WITHIN)


def at(status: str, business: Business | None = None) -> Referral:
    return replace(SENT, fulfillment_status=status, business=business, due_at=MONDAY)


def heard(
    before: Referral, status: str, business: Business | None = None, *, report: bool = False
) -> Referral:
    return tell(before, Told(status, LATER, business, report), WITHIN)


def refusal(before: Referral, status: str, *, report: bool = False) -> tuple[Category, str]:
    with pytest.raises(Problem) as refused:
        heard(before, status, report=report)
    [issue] = refused.value.issues
    return refused.value.category, f"{issue.expression}: {issue.diagnostics}"


def test_the_deadlines_are_those_of_the_policy() -> None:
    assert Within(*(timedelta(days=number) for number in (7, 7, 30, 14))) == WITHIN


def test_an_order_that_has_arrived_waits_to_be_accepted() -> None:
    stuck = replace(APPROVED, is_unsendable=True, tried_at=MONDAY - timedelta(hours=1))
    assert arrived(stuck, MONDAY, WITHIN) == replace(
        stuck,
        fulfillment_status="requested",
        sent_at=MONDAY,
        is_unsendable=False,
        due_at=MONDAY + WITHIN.accepted,
    )
    assert SENT.tried_at == MONDAY


# status, business status: when the next step is due, and which list it stands on
STEPS: dict[str, tuple[str, Business | None, timedelta | None, str]] = {
    "received": ("received", None, None, "acceptance"),
    "accepted": ("accepted", None, WITHIN.booked, "booking"),
    "paused": ("on-hold", None, None, "booking"),
    "begun": ("in-progress", None, None, "booking"),
    "booked": ("in-progress", "scheduled", WITHIN.seen, "report"),
    "not there": ("in-progress", "no-show", WITHIN.booked, "missed"),
    "called off": ("in-progress", "cancelled", WITHIN.booked, "missed"),
    "seen": ("in-progress", "completed", WITHIN.report, "report"),
    "refused": ("rejected", None, None, "closed"),
    "given up": ("cancelled", None, None, "closed"),
    "failed": ("failed", None, None, "closed"),
}


@pytest.mark.parametrize("step", STEPS)
def test_each_word_moves_it_on(step: str) -> None:
    status, business, within, where = STEPS[step]
    after = heard(SENT, status, business)
    assert (after.fulfillment_status, after.business, after.told_at) == (status, business, LATER)
    assert after.due_at == (LATER + within if within else SENT.due_at)
    assert (after.order_status, stage(after)) == ("active", where)


def test_an_end_with_its_report_closes_the_order_too() -> None:
    after = heard(at("in-progress", "completed"), "completed", report=True)
    assert (after.fulfillment_status, after.business) == ("completed", "report-received")
    assert (after.order_status, after.due_at, stage(after)) == ("completed", MONDAY, "closed")


def test_the_same_again_is_no_news() -> None:
    before = at("in-progress", "scheduled")
    assert heard(before, "in-progress", "scheduled") is before


def test_an_end_without_a_report_is_none() -> None:
    assert refusal(SENT, "completed") == (
        Category.REFUSED,
        "Task.output: A Task is completed with the report as its output.",
    )


@pytest.mark.parametrize("status", ["draft", "ready", "entered-in-error", "unheard-of"])
def test_what_no_fulfiller_says_is_refused(status: str) -> None:
    assert refusal(SENT, status) == (
        Category.REFUSED,
        "Task.status: A fulfiller does not give a Task this status.",
    )


TOO_LATE = [
    ("draft", "accepted"),
    ("completed", "in-progress"),
    ("completed", "rejected"),
    ("rejected", "accepted"),
    ("cancelled", "accepted"),
    ("accepted", "requested"),
    ("accepted", "received"),
    ("in-progress", "accepted"),
]


@pytest.mark.parametrize(("before", "status"), TOO_LATE)
def test_what_comes_too_early_or_too_late_is_a_conflict(before: str, status: str) -> None:
    category, said = refusal(at(before), status)
    assert category is Category.CONFLICT
    assert said == f"Task.status: The Task is {before}: it does not become {status}."


def test_what_is_accepted_may_rest_and_go_on() -> None:
    paused = heard(at("accepted"), "on-hold")
    assert heard(paused, "accepted").fulfillment_status == "accepted"


def test_what_has_begun_may_rest_and_go_on() -> None:
    paused = heard(at("in-progress", "scheduled"), "on-hold", "scheduled")
    assert (paused.fulfillment_status, paused.due_at, stage(paused)) == ("on-hold", MONDAY, "report")
    assert heard(paused, "in-progress", "completed").due_at == LATER + WITHIN.report


def test_an_order_that_cannot_be_sent_stands_on_its_own_list() -> None:
    assert stage(APPROVED) == "ready"
    assert stage(replace(APPROVED, is_unsendable=True)) == "failed"


def test_what_was_so_before_is_not_so_again() -> None:
    early, late = LATER - timedelta(hours=2), LATER - timedelta(hours=1)
    booked = tell(at("accepted"), Told("in-progress", LATER, "scheduled", of=late), WITHIN)
    assert booked.told_of == late
    assert tell(booked, Told("in-progress", LATER, "no-show", of=late), WITHIN).business == "no-show"
    assert heard(booked, "in-progress", "no-show").told_of == late
    with pytest.raises(Problem, match="gone on since then") as refused:
        tell(booked, Told("in-progress", LATER, "no-show", of=early), WITHIN)
    assert refused.value.category is Category.CONFLICT
