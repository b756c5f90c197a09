"""What follows a decision, case by case: the contract's table of steps and pathway section 11."""

from typing import NamedTuple

import pytest
from msgspec.structs import replace

from referral_service.core.decision import Decision
from referral_service.core.referral import Referral, moves, says
from tests.core.memory import Memory, remembered, said, steps
from tests.kit.words import day

FAILED = said("lumbar", "exhausted", "function-flat", target="intradiscal")
FAILED_TWICE = said("lumbar", "exhausted", "function-flat", "rebound", target="intradiscal")
SURGICAL = said("lumbar", "exhausted", "function-flat", target="surgical")
NECK_FAILED = said("cervical", "exhausted", "function-flat", target="surgical")
GOES_ON = said("lumbar", "in-trial", "duration")
UNCLEAR = said("lumbar", "review", "route-unclear")
AGED = said("lumbar", "review", "imaging-outdated")
AGED_AND_MORE = said("lumbar", "review", "trial-outdated", "dates-unclear")
POSSIBLE = said("lumbar", "review", "possible-red-flag", priority="urgent")
URGENT = said("lumbar", "urgent", "red-flag-soft", target="surgical", priority="urgent")
STAT = said("lumbar", "urgent", "red-flag-hard", target="surgical", priority="stat")
NECK_STAT = said(
    "cervical", "urgent", "red-flag-hard", target="surgical", priority="stat", flag_regions=("cervical",)
)
BACK_STAT = said(
    "lumbar", "urgent", "red-flag-hard", target="surgical", priority="stat", flag_regions=("cervical",)
)
OVER = said("lumbar", "no-qualifying-condition", "resolved")
NOBODY = said(None, "no-qualifying-condition", "none")
LONE_STAT = said(None, "urgent", "red-flag-hard", target="surgical", priority="stat")
DEAD = said("lumbar", "on-hold", "deceased")

DRAFT = remembered("r1")
WAITING = remembered("r1", status="on-hold", task_status="on-hold")
APPROVED = remembered("r1", status="completed", task_status="completed", order="o1")
DECLINED = remembered("r1", status="revoked", task_status="completed")
WITHDRAWN = remembered("r1", status="revoked", task_status="cancelled")
REVIEW = remembered("t1", target=None, decision="review||route-unclear")
_RED = {"target": "surgical", "urgency": "urgent"}
RED = remembered("u1", decision="urgent|surgical|red-flag-soft", priority="urgent", **_RED)
RED_STAT = remembered("u1", decision="urgent|surgical|red-flag-hard", priority="stat", **_RED)
LONE_RED = remembered(
    "u1",
    decision="urgent|surgical|red-flag-hard",
    priority="stat",
    **{**_RED, "episode": "none", "region": None},
)


class Case(NamedTuple):
    """Given what is remembered, when these are the decisions by episode, then these steps, in this order."""

    given: tuple[Referral, ...]
    when: dict[str, Decision]
    then: list[tuple[str, str, str]]


CASES = {
    "exhausted for the first time: drafted": Case((), {"L": FAILED}, [("draft", "L", "elective")]),
    "exhausted and drafted already: nothing": Case((DRAFT,), {"L": FAILED}, []),
    "still exhausted for another reason: restated": Case(
        (DRAFT,), {"L": FAILED_TWICE}, [("restate", "r1", "elective")]
    ),
    "exhausted and approved already: nothing": Case((APPROVED,), {"L": FAILED}, []),
    "another target: the old one withdrawn, a new one drafted": Case(
        (DRAFT,), {"L": SURGICAL}, [("withdraw", "r1", "elective"), ("draft", "L", "elective")]
    ),
    "no longer exhausted: withdrawn": Case((DRAFT,), {"L": GOES_ON}, [("withdraw", "r1", "elective")]),
    "no longer exhausted but approved: nothing is taken back": Case((APPROVED,), {"L": GOES_ON}, []),
    "approved and its episode over: the next one is free": Case(
        (APPROVED,), {"L": OVER}, [("lapse", "r1", "elective")]
    ),
    "another flag after one that was declined: drafted": Case(
        (
            remembered(
                "u1", status="revoked", task_status="completed", decision=f"{says(STAT)}|paraplegia", **_RED
            ),
        ),
        {"L": replace(STAT, flags=(("cauda_equina_syndrome", None, "Condition/1"),))},
        [("draft", "L", "urgent")],
    ),
    "exhausted again after a withdrawal: a new draft": Case(
        (WITHDRAWN,), {"L": FAILED}, [("draft", "L", "elective")]
    ),
    "declined for the same answer: no new draft": Case((DECLINED,), {"L": FAILED}, []),
    "declined for another reason: a new draft": Case(
        (DECLINED,), {"L": FAILED_TWICE}, [("draft", "L", "elective")]
    ),
    "declined for another target: a new draft": Case(
        (DECLINED,), {"L": SURGICAL}, [("lapse", "r1", "elective"), ("draft", "L", "elective")]
    ),
    "two regions: a draft for each": Case(
        (), {"L": FAILED, "C": NECK_FAILED}, [("draft", "L", "elective"), ("draft", "C", "elective")]
    ),
    "the evidence aged: it stands and its Task asks": Case(
        (DRAFT,), {"L": AGED}, [("restate", "r1", "elective")]
    ),
    "the evidence aged and the Task asks already: nothing": Case(
        (remembered("r1", decision="review||imaging-outdated"),), {"L": AGED}, []
    ),
    "aged before anything was drafted: a review": Case((), {"L": AGED}, [("ask", "L", "elective")]),
    "aged and something else: withdrawn and reviewed": Case(
        (DRAFT,), {"L": AGED_AND_MORE}, [("withdraw", "r1", "elective"), ("ask", "L", "elective")]
    ),
    "a human is asked: a review": Case((), {"L": UNCLEAR}, [("ask", "L", "elective")]),
    "asked already: nothing": Case((REVIEW,), {"L": UNCLEAR}, []),
    "asked for another reason: asked anew": Case(
        (REVIEW,), {"L": AGED_AND_MORE}, [("reask", "t1", "elective")]
    ),
    "nobody need be asked any more: closed": Case((REVIEW,), {"L": GOES_ON}, [("unask", "t1", "elective")]),
    "the reviewed became exhausted: closed and drafted": Case(
        (REVIEW,), {"L": FAILED}, [("draft", "L", "elective"), ("unask", "t1", "elective")]
    ),
    "the reviewed episode is gone: closed": Case((REVIEW,), {"none": NOBODY}, [("unask", "t1", "elective")]),
    "a red flag: drafted at once": Case((), {"L": STAT}, [("draft", "L", "urgent")]),
    "a red flag drafted already: nothing": Case((RED_STAT,), {"L": STAT}, []),
    "a graver flag: restated": Case((RED,), {"L": STAT}, [("restate", "u1", "urgent")]),
    "the flag is gone: withdrawn": Case((RED,), {"L": GOES_ON}, [("withdraw", "u1", "urgent")]),
    "the flag is gone and so is its episode: withdrawn": Case(
        (RED,), {"none": NOBODY}, [("withdraw", "u1", "urgent")]
    ),
    "a red flag in both: one referral, for the flag's region": Case(
        (), {"L": BACK_STAT, "C": NECK_STAT}, [("draft", "C", "urgent")]
    ),
    "a red flag without an episode: drafted": Case((), {"none": LONE_STAT}, [("draft", "none", "urgent")]),
    "one drafted without an episode stands when one opens": Case((LONE_RED,), {"L": STAT}, []),
    "a red flag: the elective proposal waits": Case(
        (DRAFT,), {"L": STAT}, [("draft", "L", "urgent"), ("suspend", "r1", "elective")]
    ),
    "a possible red flag: the elective proposal waits, a human is asked": Case(
        (DRAFT,), {"L": POSSIBLE}, [("suspend", "r1", "elective"), ("ask", "L", "urgent")]
    ),
    "waiting already: nothing": Case((WAITING, RED_STAT), {"L": STAT}, []),
    "a possible red flag of the neck: the proposal of the back waits too": Case(
        (DRAFT,),
        {"L": FAILED, "C": said("cervical", "review", "possible-red-flag")},
        [("suspend", "r1", "elective"), ("ask", "C", "urgent")],
    ),
    "exhausted while a flag of the neck stands: drafted to wait": Case(
        (RED_STAT,),
        {"L": FAILED, "C": NECK_STAT},
        [("draft", "L", "elective")],
    ),
    "the flag is over and it still stands: back to draft": Case(
        (WAITING,), {"L": FAILED}, [("resume", "r1", "elective")]
    ),
    "the flag is over and its evidence aged: back to draft": Case(
        (WAITING,), {"L": AGED}, [("resume", "r1", "elective")]
    ),
    "the flag is over and so is the reason: withdrawn": Case(
        (WAITING,), {"L": GOES_ON}, [("withdraw", "r1", "elective")]
    ),
    "waiting, and its own region no longer fails: withdrawn": Case(
        (WAITING, RED_STAT), {"L": GOES_ON, "C": NECK_STAT}, [("withdraw", "r1", "elective")]
    ),
    "the episode closed: withdrawn": Case((DRAFT,), {"L": OVER}, [("withdraw", "r1", "elective")]),
    "the episode closed and another fails: its proposal goes on": Case(
        (DRAFT,), {"L": OVER, "L2": FAILED}, []
    ),
    "the patient died: withdrawn": Case(
        (DRAFT, RED), {"L": DEAD}, [("withdraw", "u1", "urgent"), ("withdraw", "r1", "elective")]
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    case = CASES[name]
    assert steps(moves(case.when, case.given)) == case.then


@pytest.mark.parametrize("name", CASES)
def test_once_done_nothing_more_is_to_do(name: str) -> None:
    memory = Memory(list(CASES[name].given))
    memory.follow(CASES[name].when)
    assert memory.follow(CASES[name].when) == []


def test_of_several_urgent_episodes_without_a_named_region_the_first_begun_is_chosen() -> None:
    older = said("cervical", "urgent", "red-flag-hard", target="surgical", episode_start=day(-300))
    newer = said("lumbar", "urgent", "red-flag-hard", target="surgical", episode_start=day(-30))
    assert steps(moves({"L": newer, "C": older}, ())) == [("draft", "C", "urgent")]


# What a person has answered must not silence what comes later.


def test_a_new_red_flag_after_an_approved_one_is_drafted() -> None:
    memory = Memory()
    memory.follow({"L": STAT})
    memory.answer("approve")
    memory.follow({"L": GOES_ON})
    assert steps(memory.follow({"L": STAT})) == [("draft", "L", "urgent")]


def test_a_new_red_flag_after_a_declined_one_is_drafted() -> None:
    memory = Memory()
    memory.follow({"L": STAT})
    memory.answer("decline")
    memory.follow({"L": GOES_ON})
    assert steps(memory.follow({"L": STAT})) == [("draft", "L", "urgent")]


def test_the_same_answer_again_after_another_one_is_drafted_though_it_was_declined_once() -> None:
    memory = Memory()
    memory.follow({"L": FAILED})
    memory.answer("decline")
    memory.follow({"L": GOES_ON})
    assert steps(memory.follow({"L": FAILED})) == [("draft", "L", "elective")]


def test_a_referral_approved_for_an_episode_that_is_over_does_not_bar_the_next_one() -> None:
    memory = Memory()
    memory.follow({"L": FAILED})
    memory.answer("approve")
    found = steps(memory.follow({"L": OVER, "L2": FAILED}))
    assert [step for step in found if step[0] != "lapse"] == [("draft", "L2", "elective")]


def test_a_review_is_asked_on_the_day_a_red_flag_ends_in_aged_evidence() -> None:
    assert steps(moves({"L": AGED}, (RED,))) == [("withdraw", "u1", "urgent"), ("ask", "L", "elective")]


def test_an_approved_referral_is_the_one_until_its_episode_is_over() -> None:
    memory = Memory()
    memory.follow({"L": FAILED})
    memory.answer("approve")
    memory.follow({"L": GOES_ON})
    assert memory.follow({"L": FAILED}) == []


def test_without_any_decision_nothing_moves() -> None:
    assert moves({}, (DRAFT, RED)) == []
