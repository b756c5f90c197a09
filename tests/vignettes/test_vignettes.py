"""Each vignette comes out as pathway.md says; together they show each line, each reason and each number."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import pytest

from tests.vignettes.story import EXPECTED_KEYS, Vignette, decisions, differences, pathway, vignettes

STORIES = list(vignettes())

# Section 9: the reasons of each line, by outcome.
LINES: Mapping[int, tuple[str, frozenset[str]]] = {
    1: ("on-hold", frozenset({"deceased"})),
    2: ("urgent", frozenset({"red-flag-hard", "red-flag-soft"})),
    3: ("review", frozenset({"possible-red-flag"})),
    4: ("no-qualifying-condition", frozenset({"resolved", "refuted", "region-unspecified", "none"})),
    5: ("on-hold", frozenset({"pregnancy", "minor", "referral-exists"})),
    6: (
        "not-started",
        frozenset({"medication-only", "passive-only", "other-body-part", "no-treatment", "trial-lapsed"}),
    ),
    7: ("review", frozenset({"worsening", "therapy-contraindicated"})),
    8: ("in-trial", frozenset({"duration", "active-therapy", "second-modality"})),
    9: ("review", frozenset({"trial-incomplete", "trial-outdated", "dates-unclear", "region-unclear"})),
    10: ("responding", frozenset({"improved"})),
    11: (
        "review",
        frozenset({"conflicting-scores", "mixed-response", "no-outcome-measure", "outcome-outdated"}),
    ),
    12: ("review", frozenset({"function-not-measured"})),
    13: ("in-trial", frozenset({"no-ceiling-sign"})),
    14: ("review", frozenset({"no-ceiling-sign"})),
    15: ("review", frozenset({"imaging-missing", "imaging-outdated"})),
    16: ("review", frozenset({"route-unclear"})),
    17: ("on-hold", frozenset({"declined"})),
    18: (
        "exhausted",
        frozenset({"rebound", "function-flat", "imaging-progression", "persistent-at-maximum"}),
    ),
}

# The last value on the one side, and the first on the other, of every number of the pathway. Those of the
# policy file have its names; calendar months and years are counted in days here, or in days past them.
NUMBERS: Mapping[str, tuple[Any, Any]] = {
    "acute-minimum": (41, 42),
    "acute-maximum": (83, 84),
    "chronic-minimum": (89, 90),
    "chronic-maximum": (179, 180),
    "chronic-after": (89, 90),
    "visit-covers": (15, 16),
    "gap-ends-trial": (90, 91),
    "gap-within-trial": (90, 91),
    "order-covers": (13, 14),
    "active-visits": (5, 6),
    "active-covered": (41, 42),
    "modalities-needed": (0, 1),
    "medication-covered": (13, 14),
    "manual-visits": (2, 3),
    "injections": (0, 1),
    "self-management": (0, 1),
    "recency": (365, 366),
    "imaging-within": (365, 366),
    "active-without-status": (365, 366),
    "baseline-within": (30, 31),
    "latest-within": (60, 61),
    "relative-change": (29, 30),
    "same-day-conflict": (3, 10),
    "ambiguous-percent": (50, 51),
    "opioid-noted-after": (90, 91),
    "rebound-cycles": (1, 2),
    "rebound-best-within": (14, 15),
    "rebound-within": (84, 85),
    "rebound-running": (84, 85),
    "rebound-intensity": (1.9, 2),
    "flat-acute": (41, 42),
    "flat-chronic": (89, 90),
    "persistent-day": (83, 84),
    "persistent-rating": (3.9, 4),
    "persistent-peg": (3.9, 4),
    "persistent-visual-analogue": (39, 40),
    "flag-new-within": (90, 91),
    "soft-flag-new": (90, 91),
    "soft-groups-needed": (1, 2),
    "pregnancy-within": (280, 281),
    "adult-age": (17, 18),
    "post-operative": (0, 1),
    "recent-injection": (60, 61),
    "wake-within": (400, 401),
    "partial-dates": (4, 5),
    "pain-rating-change": (1.9, 2),
    "visual-analogue-change": (14, 15),
    "peg-change": (1.7, 1.8),
    "pain-interference-change": (4.9, 5),
    "oswestry-change": (9, 10),
    "neck-index-change": (17, 18),
    "physical-function-change": (4.9, 5),
    "pain-rating-worse": (1.9, 2),
    "visual-analogue-worse": (14, 15),
    "peg-from-zero": (0, 0.3),
    "pain-interference-worse": (4, 5),
    "oswestry-worse": (9, 10),
    "neck-index-worse": (17, 18),
    "physical-function-worse": (4.9, 5),
    "pain-rating-range": (10, 11),
    "pain-rating-low": (-1, 0),
    "unscaled-pain": (8, 80),
    "visual-analogue-low": (-1, 0),
    "peg-low": (-0.1, 0),
    "oswestry-low": (-1, 0),
    "neck-index-low": (-1, 0),
    "visual-analogue-range": (100, 101),
    "peg-range": (10, 10.1),
    "pain-interference-high": (80, 80.1),
    "pain-interference-low": (39.9, 40),
    "oswestry-range": (100, 101),
    "neck-index-range": (100, 101),
    "physical-function-high": (80, 80.1),
    "physical-function-low": (19.9, 20),
}
# Numbers that only other pathways set.
# Asked for by a stricter policy alone, or of what has been approved.
OF_ORDERS = {"accepted-within", "booked-within", "seen-within", "report-within"}
NOT_DECIDING = {"injections-required", "active-within", *OF_ORDERS}


@pytest.mark.parametrize("vignette", STORIES, ids=[story.id for story in STORIES])
def test_vignette(vignette: Vignette) -> None:
    decided = decisions(vignette)
    unlike = differences(vignette, decided)
    if unlike:
        pytest.fail("\n".join([f"{vignette.file}: {vignette.id}", *unlike]), pytrace=False)


def test_every_story_has_its_own_name() -> None:
    twice = [story for story, count in Counter(story.id for story in STORIES).items() if count > 1]
    assert twice == []


def test_stories_expect_only_what_a_decision_has() -> None:
    strange = {story.id: set(expected) - EXPECTED_KEYS for story in STORIES for expected in story.expect}
    assert {story: keys for story, keys in strange.items() if keys} == {}


def test_expected_reasons_are_those_of_one_line_or_of_unclear_dates() -> None:
    allowed: dict[str, set[str]] = defaultdict(set)
    for outcome, reasons in LINES.values():
        allowed[outcome] |= reasons
    strange = {
        story.id: set(expected.get("reasons", ())) - allowed[expected["outcome"]]
        for story in STORIES
        for expected in story.expect
    }
    assert {story: reasons for story, reasons in strange.items() if reasons} == {}


def test_each_line_and_each_reason_of_section_9_is_shown_twice() -> None:
    lines: Counter[int] = Counter()
    reasons: Counter[tuple[int, str]] = Counter()
    for story in STORIES:
        shown = {
            (line, reason)
            for expected in story.expect
            for line, (outcome, of_line) in LINES.items()
            if outcome == expected["outcome"]
            for reason in of_line & set(expected.get("reasons", ()))
        }
        reasons.update(shown)
        lines.update({line for line, _ in shown})
    assert {line for line in LINES if lines[line] < 2} == set()
    every = {(line, reason) for line, (_, of_line) in LINES.items() for reason in of_line}
    assert {pair for pair in every if reasons[pair] < 2} == set()


def test_each_line_of_section_10_is_shown_twice() -> None:
    shown = Counter(story.route for story in STORIES)
    assert {line for line in range(1, 6) if shown[line] < 2} == set()


@pytest.mark.parametrize(("line", "target"), [(1, "surgical"), (3, "surgical"), (4, "intradiscal")])
def test_a_route_that_is_clear_names_its_target(line: int, target: str) -> None:
    assert {story.expect[0].get("target") for story in STORIES if story.route == line} == {target}


def test_both_sides_of_every_number_are_shown() -> None:
    sides: dict[str, set[Any]] = defaultdict(set)
    for story in STORIES:
        for number, side in story.sides.items():
            sides[number].add(side)
    assert sides == {number: set(both) for number, both in NUMBERS.items()}


def test_no_number_of_the_policy_file_is_forgotten() -> None:
    numbers = {name.replace("_", "-") for name in type(pathway().numbers).model_fields}
    assert numbers - set(NUMBERS) == NOT_DECIDING
