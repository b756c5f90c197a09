"""The sample clinic tells every outcome, in valid FHIR, and its stories hold whatever day it is."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import fhir_profiles
from referral_service.clinic.chart import build
from referral_service.clinic.stories import Story, load
from referral_service.core.decide import ask
from referral_service.core.decision import Decision
from referral_service.core.timeline import Timeline
from referral_service.fhir.check import check
from referral_service.fhir.codes import CANONICAL_BASE
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read import Reader
from referral_service.pathways import load as load_pathway

STORIES = load()
PATHWAY = load_pathway()
TERMINOLOGY = Terminology.load(Path(fhir_profiles.__file__).parent / "resources" / "valuesets")
READER = Reader(TERMINOLOGY, CANONICAL_BASE)
# An ordinary day, a leap day, the end of a month before a shorter one, and the last day of a year.
DAYS = [date(2026, 6, 1), date(2028, 2, 29), date(2027, 3, 31), date(2026, 12, 31)]
# Every slug of pathway.md section 9.
REASONS = {
    "urgent": {"red-flag-hard", "red-flag-soft"},
    "no-qualifying-condition": {"resolved", "refuted", "region-unspecified", "none"},
    "on-hold": {"deceased", "pregnancy", "minor", "referral-exists", "declined"},
    "not-started": {"medication-only", "passive-only", "other-body-part", "no-treatment", "trial-lapsed"},
    "in-trial": {"duration", "active-therapy", "second-modality", "no-ceiling-sign"},
    "responding": {"improved"},
    "review": {
        *("possible-red-flag", "worsening", "therapy-contraindicated", "trial-incomplete", "trial-outdated"),
        *("dates-unclear", "region-unclear", "conflicting-scores", "mixed-response", "no-outcome-measure"),
        *("outcome-outdated", "function-not-measured", "no-ceiling-sign", "imaging-missing"),
        *("imaging-outdated", "route-unclear"),
    },
    "exhausted": {"rebound", "function-flat", "imaging-progression", "persistent-at-maximum"},
}

every_day = pytest.mark.parametrize("as_of", DAYS, ids=str)
every_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story["id"])


def decisions(story: Story, as_of: date, asked_on: date | None = None) -> tuple[Decision, ...]:
    """What the core decides, old episodes too, about a story of `as_of`, asked on that day or later."""
    facts = [fact for resource in build(story, as_of) for fact in READER.facts(resource)]
    return ask(Timeline.of(facts), PATHWAY, asked_on or as_of).decisions


def answers(decided: Iterable[Decision]) -> set[tuple[str | None, str, str | None, frozenset[str]]]:
    """Region and answer of each decision."""
    return {(d.region, *d.answer) for d in decided}


def expected(story: Story) -> set[tuple[str | None, str, str | None, frozenset[str]]]:
    """The same, as the story expects it."""
    return {(e["region"], e["outcome"], e.get("target"), frozenset(e["reasons"])) for e in story["expect"]}


def story_of(story_id: str) -> Story:
    """One story by its id."""
    return next(story for story in STORIES if story["id"] == story_id)


def test_there_are_many_patients_and_each_has_its_own_name() -> None:
    assert len(STORIES) >= 36
    for key in ("id", "title", "name"):
        assert not [value for value, times in Counter(s[key] for s in STORIES).items() if times > 1]


def test_every_way_of_sending_is_used() -> None:
    assert {story["send"] for story in STORIES} == {"transaction", "one-by-one", "shuffled", "twice"}


def test_every_outcome_and_every_reason_is_told() -> None:
    told: dict[str, set[str]] = {}
    for expectation in (e for story in STORIES for e in story["expect"]):
        told.setdefault(expectation["outcome"], set()).update(expectation["reasons"])
    targets = {(e["outcome"], e.get("target")) for s in STORIES for e in s["expect"] if e.get("target")}
    assert told == REASONS
    assert targets == {("urgent", "surgical"), ("exhausted", "intradiscal"), ("exhausted", "surgical")}


def test_both_urgent_priorities_and_a_veteran_are_told() -> None:
    kinds = {key for story in STORIES for line in story["given"] for key in line}
    assert {e["priority"] for s in STORIES for e in s["expect"] if "priority" in e} == {"stat", "urgent"}
    assert "coverage" in kinds


@every_day
def test_every_resource_is_valid_r4_and_has_its_own_id(as_of: date) -> None:
    resources = [resource for story in STORIES for resource in build(story, as_of)]
    problems = {f"{r['resourceType']}/{r['id']}": found for r in resources if (found := check(r))}
    ids = Counter((resource["resourceType"], resource["id"]) for resource in resources)
    assert problems == {}
    assert max(ids.values()) == 1


@every_story
def test_every_code_is_one_of_the_terminology_or_of_another_body_part(story: Story) -> None:
    unknown = [
        coding
        for resource in build(story, DAYS[0])
        for coding in _clinical_codings(resource)
        if not _is_known(coding)
    ]
    assert unknown == []


def _clinical_codings(resource: dict[str, Any]) -> list[dict[str, str]]:
    concepts = [
        resource.get("code"),
        resource.get("medicationCodeableConcept"),
        resource.get("statusReason"),
        resource.get("type"),
        *resource.get("reasonCode", []),
        *resource.get("bodySite", []),
        *resource.get("conclusionCode", []),
        *resource.get("provision", {}).get("code", []),
    ]
    return [coding for concept in concepts if concept for coding in concept.get("coding", [])]


def _is_known(coding: dict[str, str]) -> bool:
    system, code = coding["system"], coding["code"]
    return TERMINOLOGY.meaning(system, code) is not None or TERMINOLOGY.is_body_part_code(system, code)


@every_day
@every_story
def test_a_story_gets_the_decision_it_expects(story: Story, as_of: date) -> None:
    assert answers(decisions(story, as_of)) == expected(story)


@every_day
@every_story
def test_class_days_and_priority_are_as_told(story: Story, as_of: date) -> None:
    decided = {(decision.region, decision.outcome): decision for decision in decisions(story, as_of)}
    for expectation in story["expect"]:
        decision = decided[expectation["region"], expectation["outcome"]]
        have = {
            "class": decision.trial_class,
            "priority": decision.priority,
            "episode_start": _days(decision.episode_start, as_of),
            "trial_start": _days(decision.trial_start, as_of),
            "wake_on": _days(decision.wake_on, as_of),
        }
        told = {key: expectation[key] for key in have if key in expectation}
        assert {key: have[key] for key in told} == told
        assert set(expectation.get("left_out", [])) <= {reason for _, reason in decision.left_out}


def _days(day: date | None, as_of: date) -> int | None:
    return None if day is None else (day - as_of).days


@every_day
def test_time_alone_exhausts_a_trial_within_a_fortnight(as_of: date) -> None:
    story = story_of("one-week-short-of-the-minimum")
    (later,) = decisions(story, as_of, as_of + timedelta(days=14))
    assert later.answer == ("exhausted", "intradiscal", frozenset({"function-flat"}))
