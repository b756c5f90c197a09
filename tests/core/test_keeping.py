"""An episode keeps its key while its first day moves, closes with its cause, and is never lost."""

from collections.abc import Iterable
from uuid import NAMESPACE_URL, uuid5

from msgspec.structs import replace

from referral_service.core.decide import ask
from referral_service.core.decision import Decision
from referral_service.core.keeping import Keeper, Kept
from referral_service.core.referral import NO_EPISODE, KeptEpisode
from referral_service.core.timeline import AnyFact, Timeline
from tests.kit.charts import ADULT, condition, visit
from tests.kit.words import AS_OF, PATHWAY, at, day, meant

OWNER = ("clinic", "p-1")
BACK = condition(meant("disc_displacement", "lumbar"), -100, source="Condition/back")
NECK = condition(meant("neck_pain", "cervical"), -100, source="Condition/neck")
FRACTURE = condition(meant("lumbar_fracture"), -3, source="Condition/fracture")


def kept(*facts: AnyFact, known: Iterable[KeptEpisode] = ()) -> Kept:
    """What is to be remembered after deciding about these facts."""
    timeline = Timeline.of((ADULT, *facts))
    decisions = ask(timeline, PATHWAY, AS_OF).decisions
    return Keeper(OWNER, known, timeline, PATHWAY).keep(decisions, AS_OF)


def told(found: Kept) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Outcome and reasons by the key of the episode."""
    return {e.key: (e.decision.outcome, e.decision.reasons) for e in found.episodes}


def test_a_new_episode_is_named_after_its_region_and_first_day() -> None:
    found = kept(BACK)
    [episode] = found.episodes
    assert (episode.key, episode.is_open, episode.guidance_version) == (f"lumbar-{day(-100)}", True, 1)
    assert episode.conditions == ("Condition/back",)
    assert found.changed == found.episodes


def test_the_ids_of_decisions_are_the_owners_own_and_never_change() -> None:
    timeline = Timeline.of((ADULT, BACK, NECK))
    decisions = ask(timeline, PATHWAY, AS_OF).decisions

    def ids(*owner: str) -> list[str]:
        found = Keeper(owner, (), timeline, PATHWAY).keep(decisions, AS_OF)
        return [episode.guidance for episode in found.episodes]

    ours = ids("clinic", "p-1")
    assert ids("clinic", "p-1") == ours
    assert len({*ours, *ids("clinic", "p-2"), *ids("other", "p-1")}) == 6
    key = f"clinic|p-1|lumbar-{day(-100)}|GuidanceResponse"
    assert str(uuid5(NAMESPACE_URL, key)) in ours


def test_asked_again_nothing_is_news() -> None:
    first = kept(BACK, NECK)
    again = kept(BACK, NECK, known=first.episodes)
    assert (again.changed, again.gone) == ((), ())
    assert again.episodes == first.episodes


def test_new_evidence_is_news_of_its_own_episode_only() -> None:
    first = kept(BACK, NECK)
    visited = replace(visit("physical_therapy", -3, "lumbar"), source="Procedure/1")
    [changed] = kept(BACK, NECK, visited, known=first.episodes).changed
    assert (changed.region, changed.guidance_version) == ("lumbar", 2)


def test_a_decision_that_differs_in_its_answer_alone_is_news() -> None:
    first = kept(BACK)
    [episode] = first.episodes
    other = replace(episode.decision, reasons=("medication-only",))
    found = Keeper(OWNER, first.episodes, Timeline.of((ADULT, BACK)), PATHWAY).keep((other,), AS_OF)
    assert [e.decision.reasons for e in found.changed] == [("medication-only",)]


def test_an_older_onset_moves_the_first_day_and_not_the_key() -> None:
    first = kept(BACK)
    older = replace(BACK, source="Condition/older", onset=at(-300))
    [episode] = kept(BACK, older, known=first.episodes).episodes
    assert episode.key == f"lumbar-{day(-100)}"
    assert episode.decision.episode_start == day(-300)


def test_a_closed_episode_says_that_it_was_resolved() -> None:
    first = kept(BACK)
    over = replace(BACK, clinical="resolved", abated=at(-1), is_abated=True)
    found = kept(over, known=first.episodes)
    assert told(found) == {f"lumbar-{day(-100)}": ("no-qualifying-condition", ("resolved",))}
    [episode] = found.changed
    assert (episode.is_open, episode.guidance_version) == (False, 2)


def test_a_condition_taken_back_closes_its_episode_as_refuted_and_that_is_news_once() -> None:
    first = kept(BACK)
    mistaken = replace(BACK, verification="entered-in-error")
    found = kept(mistaken, known=first.episodes)
    assert told(found) == {f"lumbar-{day(-100)}": ("no-qualifying-condition", ("refuted",))}
    assert kept(mistaken, known=found.episodes).changed == ()


def test_a_condition_that_lost_its_region_closes_its_episode_as_unspecified() -> None:
    first = kept(BACK)
    vague = replace(BACK, meanings=(meant("dorsalgia_unspecified"),))
    assert told(kept(vague, known=first.episodes)) == {
        f"lumbar-{day(-100)}": ("no-qualifying-condition", ("region-unspecified",))
    }


def test_a_condition_that_vanished_leaves_its_episode_closed() -> None:
    first = kept(BACK, NECK)
    found = kept(NECK, known=first.episodes)
    assert told(found)[f"lumbar-{day(-100)}"][0] == "no-qualifying-condition"
    assert [e.region for e in found.episodes if e.is_open] == ["cervical"]


def test_an_episode_that_lost_its_conditions_to_another_region_is_over() -> None:
    also = replace(BACK, source="Condition/also", onset=at(-90))
    first = kept(BACK, also)
    moved = replace(BACK, meanings=(meant("neck_pain", "cervical"),))
    found = kept(moved, known=first.episodes)
    assert told(found)[f"lumbar-{day(-100)}"] == ("no-qualifying-condition", ("resolved",))
    [closed] = [e for e in found.episodes if e.region == "lumbar"]
    assert closed.decision.episode_start == day(-100)


def test_a_relapse_is_another_episode_and_the_first_is_kept() -> None:
    over = replace(BACK, clinical="resolved", abated=at(-60), is_abated=True)
    relapse = replace(BACK, source="Condition/relapse", onset=at(-20), clinical="relapse")
    first = kept(over)
    found = kept(over, relapse, known=first.episodes)
    assert told(found) == {
        f"lumbar-{day(-100)}": ("no-qualifying-condition", ("resolved",)),
        f"lumbar-{day(-20)}": ("not-started", ("no-treatment",)),
    }


def test_another_condition_of_the_same_first_day_has_a_key_of_its_own() -> None:
    first = kept(BACK)
    mistaken = replace(BACK, verification="entered-in-error")
    other = replace(BACK, source="Condition/other")
    found = kept(mistaken, other, known=first.episodes)
    assert [e.key for e in found.episodes if e.is_open] == [f"lumbar-{day(-100)}-2"]


def test_two_episodes_that_turn_out_to_be_one_leave_one() -> None:
    over = replace(BACK, clinical="resolved", abated=at(-60), is_abated=True)
    later = replace(BACK, source="Condition/later", onset=at(-20))
    apart = kept(over, later)
    assert len(apart.episodes) == 2
    joined = kept(replace(over, clinical="active", abated=None, is_abated=False), later, known=apart.episodes)
    [episode] = joined.episodes
    [gone] = joined.gone
    assert {episode.key, gone.key} == {f"lumbar-{day(-100)}", f"lumbar-{day(-20)}"}
    assert (gone.conditions, gone.is_open) == ((), False)


def test_of_two_open_episodes_that_turn_out_to_be_one_the_other_is_closed() -> None:
    over = replace(BACK, clinical="resolved", abated=at(-60), is_abated=True)
    later = replace(BACK, source="Condition/later", onset=at(-20))
    apart = kept(over, later)
    first_known = sorted(apart.episodes, key=lambda episode: episode.is_open)
    joined = kept(replace(over, clinical="active", abated=None, is_abated=False), later, known=first_known)
    [gone] = joined.gone
    assert (gone.key, gone.is_open, gone.guidance_version) == (f"lumbar-{day(-20)}", False, 2)


def test_a_patient_without_an_episode_has_one_decision_until_an_episode_opens() -> None:
    first = kept()
    assert told(first) == {NO_EPISODE: ("no-qualifying-condition", ("none",))}
    found = kept(BACK, known=first.episodes)
    assert list(told(found)) == [f"lumbar-{day(-100)}"]
    [gone] = found.gone
    assert (gone.key, gone.guidance_version) == (NO_EPISODE, 2)
    assert kept(BACK, known=(*found.episodes, *found.gone)).gone == ()


def test_the_decision_without_an_episode_is_one_that_is_written_again() -> None:
    first = kept()
    assert kept(known=first.episodes).episodes == first.episodes
    vague = replace(BACK, meanings=(meant("dorsalgia_unspecified"),))
    [changed] = kept(vague, known=first.episodes).changed
    assert (changed.key, changed.decision.reasons) == (NO_EPISODE, ("region-unspecified",))
    assert changed.guidance_version == 2


def test_a_decision_without_a_region_hides_none_that_comes_after_it() -> None:
    first = kept(BACK)
    timeline = Timeline.of((ADULT, BACK))
    [back] = ask(timeline, PATHWAY, AS_OF).decisions
    nobody = Decision(region=None, outcome="no-qualifying-condition", reasons=("none",))
    found = Keeper(OWNER, first.episodes, timeline, PATHWAY).keep((nobody, back), AS_OF)
    assert found.episodes == first.episodes


def test_a_red_flag_without_an_episode_is_remembered_without_one_until_an_episode_opens() -> None:
    first = kept(FRACTURE)
    assert told(first) == {NO_EPISODE: ("urgent", ("red-flag-hard",))}
    found = kept(FRACTURE, BACK, known=first.episodes)
    assert told(found) == {f"lumbar-{day(-100)}": ("urgent", ("red-flag-hard",))}
    assert [e.key for e in found.gone] == [NO_EPISODE]


def test_a_patient_whose_episode_closed_gets_no_decision_without_a_region() -> None:
    first = kept(BACK)
    mistaken = replace(BACK, verification="refuted")
    assert NO_EPISODE not in told(kept(mistaken, known=first.episodes))
