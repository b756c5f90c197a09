"""Of several decisions the one that counts; what a person has answered silences nothing that comes later."""

import pytest
from msgspec.structs import replace

from referral_service.core.decision import Decision, RedFlag
from referral_service.core.moves import moves, supported
from referral_service.core.referral import Referral
from referral_service.core.saying import says
from tests.core.memory import Memory, said, steps
from tests.core.told import (
    AGED,
    APPROVED,
    BACK_STAT,
    DECLINED,
    DRAFT,
    FAILED,
    GOES_ON,
    NECK_FAILED,
    NECK_STAT,
    OVER,
    RED,
    REVIEW,
    STAT,
    SURGICAL,
    WAITING,
    WITHDRAWN,
)
from tests.kit.words import day


def test_what_an_answer_says_names_outcome_target_reasons_and_flags() -> None:
    flags = tuple(
        RedFlag(concept, None, "Condition/1", "red-flag-hard")
        for concept in ("paraplegia", "cord_compression")
    )
    told = said("lumbar", "urgent", "red-flag-soft", "red-flag-hard", target="surgical", flags=flags)
    assert says(told) == "urgent|surgical|red-flag-hard,red-flag-soft|cord_compression|paraplegia"


def test_of_several_urgent_episodes_without_a_named_region_the_first_begun_is_chosen() -> None:
    older = said("cervical", "urgent", "red-flag-hard", target="surgical", episode_start=day(-300))
    newer = said("lumbar", "urgent", "red-flag-hard", target="surgical", episode_start=day(-30))
    assert steps(moves({"L": newer, "C": older}, ())) == [("draft", "C", "urgent")]


def test_of_urgent_episodes_one_without_a_first_day_comes_first() -> None:
    dated = said("cervical", "urgent", "red-flag-hard", target="surgical", episode_start=day(-300))
    undated = said("lumbar", "urgent", "red-flag-hard", target="surgical")
    assert steps(moves({"C": dated, "L": undated}, ())) == [("draft", "L", "urgent")]


@pytest.mark.parametrize("flagged", ["L", "C"])
def test_an_urgent_referral_is_for_the_flagged_episode_whatever_it_was_drafted_for(flagged: str) -> None:
    decisions = {"C": NECK_STAT, "L": BACK_STAT}
    region = decisions[flagged].region
    told = {key: replace(it, flag_regions=(str(region),)) for key, it in decisions.items()}
    [move] = moves(told, (RED,))
    assert (move.step, move.key, move.decision) == ("restate", flagged, told[flagged])


def test_an_urgent_referral_moves_to_the_flagged_episode_once_its_own_is_not_urgent() -> None:
    [move] = moves({"L": GOES_ON, "C": NECK_STAT}, (RED,))
    assert (move.step, move.key, move.decision) == ("restate", "C", NECK_STAT)


def test_a_red_flag_that_is_gone_is_withdrawn_for_what_its_own_episode_says() -> None:
    neck = said("cervical", "in-trial", "duration")
    [move] = moves({"C": neck, "L": GOES_ON}, (RED,))
    assert (move.step, move.key, move.decision) == ("withdraw", "L", GOES_ON)


def test_a_review_is_closed_for_what_its_own_episode_says() -> None:
    neck = said("cervical", "in-trial", "duration")
    [move] = moves({"C": neck, "L": GOES_ON}, (REVIEW,))
    assert (move.step, move.key, move.decision) == ("unask", "L", GOES_ON)


# What a draft says follows the decision that supports it.


def test_a_draft_rests_on_its_own_episode() -> None:
    for draft in (DRAFT, replace(DRAFT, episode="L2")):
        assert supported({"L2": FAILED, "L": FAILED}, (draft,)) == [(draft, draft.episode)]


def test_a_draft_whose_episode_is_over_rests_on_the_one_that_fails_alike() -> None:
    assert supported({"L": OVER, "L2": FAILED}, (DRAFT,)) == [(DRAFT, "L2")]


@pytest.mark.parametrize("other", [WAITING, APPROVED, DECLINED, WITHDRAWN, REVIEW], ids=lambda r: r.status)
def test_only_a_drafted_proposal_rests_on_a_decision(other: Referral) -> None:
    assert supported({"L": replace(FAILED, target=other.target)}, (other,)) == []


@pytest.mark.parametrize("decision", [SURGICAL, GOES_ON, AGED, NECK_FAILED], ids=lambda d: d.outcome)
def test_a_draft_rests_on_no_decision_for_another_target_region_or_outcome(decision: Decision) -> None:
    assert supported({"L": decision}, (DRAFT,)) == []


def test_an_urgent_draft_rests_on_any_urgent_episode() -> None:
    assert supported({"L": GOES_ON, "C": NECK_STAT}, (RED,)) == [(RED, "C")]


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
    assert found == [("revoke", "r1", "elective"), ("draft", "L2", "elective")]


def test_a_review_is_asked_on_the_day_a_red_flag_ends_in_aged_evidence() -> None:
    assert steps(moves({"L": AGED}, (RED,))) == [("withdraw", "u1", "urgent"), ("ask", "L", "elective")]


def test_a_sent_referral_is_the_one_until_its_episode_is_over() -> None:
    memory = Memory()
    memory.follow({"L": FAILED})
    memory.answer("approve")
    memory.send()
    memory.follow({"L": GOES_ON})
    assert memory.follow({"L": FAILED}) == []


def test_without_any_decision_nothing_moves() -> None:
    assert moves({}, (DRAFT, RED)) == []
