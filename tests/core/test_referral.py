"""What follows a decision, case by case: the contract's table of steps and pathway section 11."""

from typing import NamedTuple

import pytest
from msgspec.structs import replace

from referral_service.core.decision import SAYS_NOTHING, Decision, RedFlag
from referral_service.core.moves import moves
from referral_service.core.referral import Referral
from referral_service.core.saying import says
from tests.core.memory import Memory, remembered, said, steps
from tests.core.told import (
    AGED,
    AGED_AND_MORE,
    APPROVED,
    BACK_STAT,
    DEAD,
    DECLINED,
    DRAFT,
    EVERY_AGE,
    FAILED,
    FAILED_TWICE,
    GOES_ON,
    LONE_RED,
    LONE_STAT,
    LOOKED_AT,
    NECK_FAILED,
    NECK_STAT,
    NOBODY,
    OF_A_FLAG,
    OVER,
    POSSIBLE,
    RED,
    RED_APPROVED,
    RED_DECLINED,
    RED_STAT,
    REVIEW,
    STAT,
    SURGICAL,
    UNCLEAR,
    WAITING,
    WITHDRAWN,
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
                "u1",
                status="revoked",
                task_status="completed",
                decision=f"{says(STAT)}|paraplegia",
                **OF_A_FLAG,
            ),
        ),
        {"L": replace(STAT, flags=(RedFlag("cauda_equina_syndrome", None, "Condition/1", "red-flag-hard"),))},
        [("draft", "L", "urgent")],
    ),
    "declined while its episode was open, and the next one fails alike: a new draft": Case(
        (DECLINED,), {"L": OVER, "L2": FAILED}, [("lapse", "r1", "elective"), ("draft", "L2", "elective")]
    ),
    "declined for the back: the neck that fails alike is drafted": Case(
        (DECLINED,),
        {"L": FAILED, "C": replace(FAILED, region="cervical")},
        [("draft", "C", "elective")],
    ),
    "drafted for an episode that nobody speaks of any more: withdrawn": Case(
        (DRAFT,), {"C": said("cervical", "in-trial", "duration")}, [("withdraw", "r1", "elective")]
    ),
    "all of its evidence aged: it stands": Case(
        (remembered("r1", decision=f"review||{','.join(sorted(EVERY_AGE))}"),),
        {"L": said("lumbar", "review", *EVERY_AGE)},
        [],
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
    "looked at by a human already: nothing": Case((LOOKED_AT,), {"L": UNCLEAR}, []),
    "looked at, and asked for another reason now: a new review": Case(
        (LOOKED_AT,), {"L": AGED_AND_MORE}, [("lapse", "t1", "elective"), ("ask", "L", "elective")]
    ),
    "looked at, and nobody need be asked any more: the next one is free": Case(
        (LOOKED_AT,), {"L": GOES_ON}, [("lapse", "t1", "elective")]
    ),
    "looked at for one episode: another one is asked about": Case(
        (LOOKED_AT,), {"L": UNCLEAR, "L2": UNCLEAR}, [("ask", "L2", "elective")]
    ),
    "a red flag: drafted at once": Case((), {"L": STAT}, [("draft", "L", "urgent")]),
    "a red flag drafted already: nothing": Case((RED_STAT,), {"L": STAT}, []),
    "a graver flag: restated": Case((RED,), {"L": STAT}, [("restate", "u1", "urgent")]),
    "a red flag approved already: nothing": Case((RED_APPROVED,), {"L": STAT}, []),
    "a red flag declined already: nothing": Case((RED_DECLINED,), {"L": STAT}, []),
    "the approved flag is gone: the next one is free": Case(
        (RED_APPROVED,), {"L": GOES_ON}, [("lapse", "u1", "urgent")]
    ),
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
    "its own episode goes on and another fails alike: withdrawn, and drafted anew": Case(
        (DRAFT,),
        {"L": GOES_ON, "L2": FAILED},
        [("withdraw", "r1", "elective"), ("draft", "L2", "elective")],
    ),
    "the patient died: withdrawn": Case(
        (DRAFT, RED), {"L": DEAD}, [("withdraw", "u1", "urgent"), ("withdraw", "r1", "elective")]
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    case = CASES[name]
    found = moves(case.when, case.given)
    assert steps(found) == case.then
    for move in found:
        assert move.key in {*case.when, *(r.episode for r in case.given)}
        assert move.decision in (*case.when.values(), SAYS_NOTHING)


@pytest.mark.parametrize("name", CASES)
def test_once_done_nothing_more_is_to_do(name: str) -> None:
    memory = Memory(list(CASES[name].given))
    memory.follow(CASES[name].when)
    assert memory.follow(CASES[name].when) == []
