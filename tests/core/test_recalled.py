"""An order whose decision falls: taken back while nobody can have it, else a person is told, once."""

import pytest
from msgspec.structs import replace

from referral_service.core.decision import Decision
from referral_service.core.moves import flagged, moves
from referral_service.core.referral import LAPSED, revoked
from tests.core.memory import Memory, steps
from tests.core.memory import said as decided
from tests.core.told import AGED, FAILED, GOES_ON, NECK_FAILED, OVER, STAT, SURGICAL, UNCLEAR
from tests.kit.clocks import MONDAY

ECHO = decided("lumbar", "on-hold", "referral-exists")
PREGNANT = decided("lumbar", "on-hold", "pregnancy")
ECHO_AND_MORE = decided("lumbar", "on-hold", "pregnancy", "referral-exists")
FALLEN = [GOES_ON, SURGICAL, UNCLEAR, PREGNANT, ECHO_AND_MORE, OVER]
STANDS = [FAILED, AGED, ECHO, STAT]


def approved(decision: Decision = FAILED) -> Memory:
    memory = Memory()
    memory.follow({"L": decision})
    memory.answer("approve")
    return memory


@pytest.mark.parametrize("decision", FALLEN, ids=lambda d: f"{d.outcome} {d.reasons[0]}")
def test_an_order_that_nobody_has_is_taken_back(decision: Decision) -> None:
    memory = approved()
    assert steps(memory.follow({"L": decision}))[0] == ("revoke", "r1", "elective")
    order = memory.referrals[0]
    assert (order.status, order.order_status, order.fulfillment_status) == ("revoked", "revoked", "cancelled")


@pytest.mark.parametrize("decision", FALLEN, ids=lambda d: f"{d.outcome} {d.reasons[0]}")
@pytest.mark.parametrize("is_sent", [True, False], ids=["sent", "tried"])
def test_of_an_order_that_may_be_out_a_person_is_told_once(decision: Decision, is_sent: bool) -> None:
    memory = approved()
    if is_sent:
        memory.send()
    else:
        memory.referrals[0] = replace(memory.referrals[0], tried_at=MONDAY)
    assert steps(memory.follow({"L": decision}))[0] == ("flag", "r1", "elective")
    assert memory.referrals[0].order_status == "active"
    assert memory.follow({"L": decision}) == []


@pytest.mark.parametrize("decision", STANDS, ids=lambda d: f"{d.outcome} {d.reasons[0]}")
@pytest.mark.parametrize("is_sent", [True, False], ids=["sent", "unsent"])
def test_an_order_stands_while_its_decision_does(decision: Decision, is_sent: bool) -> None:
    memory = approved()
    if is_sent:
        memory.send()
    found = steps(memory.follow({"L": decision}))
    assert [step for step in found if step[1] == "r1"] == []


@pytest.mark.parametrize("is_sent", [True, False], ids=["sent", "unsent"])
def test_a_red_flag_that_was_none_recalls_its_order(is_sent: bool) -> None:
    memory = approved(STAT)
    if is_sent:
        memory.send()
    assert steps(memory.follow({"L": GOES_ON})) == [("flag" if is_sent else "revoke", "r1", "urgent")]
    assert steps(memory.follow({"L": STAT})) == [("draft", "L", "urgent")]


def test_what_is_taken_back_is_proposed_again_once_it_is_supported_again() -> None:
    memory = approved()
    memory.follow({"L": GOES_ON})
    assert steps(memory.follow({"L": FAILED})) == [("draft", "L", "elective")]


def test_what_is_out_is_not_proposed_a_second_time_while_its_episode_lasts() -> None:
    memory = approved()
    memory.send()
    memory.follow({"L": GOES_ON})
    assert memory.follow({"L": FAILED}) == []


def test_what_is_out_bars_nothing_of_the_next_episode() -> None:
    memory = approved()
    memory.send()
    assert steps(memory.follow({"L": OVER, "L2": FAILED})) == [
        ("flag", "r1", "elective"),
        ("draft", "L2", "elective"),
    ]


@pytest.mark.parametrize("status", ["completed", "rejected", "cancelled", "failed"])
def test_what_has_ended_is_left_alone(status: str) -> None:
    memory = approved()
    memory.referrals[0] = replace(memory.referrals[0], fulfillment_status=status, tried_at=MONDAY)
    assert memory.follow({"L": GOES_ON}) == []


def test_what_a_person_was_told_of_stays_as_it_was_answered_while_its_episode_lasts() -> None:
    order = replace(approved().referrals[0], tried_at=MONDAY)
    [move] = [one for one in moves({"L": GOES_ON}, [order]) if one.step == "flag"]
    assert flagged(move, order) == replace(order, is_flagged=True)
    over = move._replace(decision=OVER)
    assert flagged(over, order) == replace(order, is_flagged=True, decision=LAPSED)


def test_a_new_version_of_the_proposal_says_that_it_is_taken_back() -> None:
    order = approved().referrals[0]
    assert revoked(order).version == order.version + 1
    assert revoked(order).decision == LAPSED


def test_the_order_of_one_region_is_not_held_by_another() -> None:
    memory = approved()
    found = steps(memory.follow({"L": GOES_ON, "C": NECK_FAILED}))
    assert found == [("revoke", "r1", "elective"), ("draft", "C", "elective")]
