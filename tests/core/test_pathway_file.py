"""A policy file that is wrong is refused with its name and the key at fault; the shipped one is right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fhir_profiles import RESOURCES
from referral_service.core.pathway import Number
from referral_service.fhir.concepts import Terminology
from referral_service.pathways import DEFAULT, PathwayError, load, load_for

Content = dict[str, Any]


@pytest.fixture
def content() -> Content:
    """The shipped policy, to be spoilt."""
    return yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))


def refused(content: object, folder: Path) -> str:
    """What is said of a file with this content."""
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(PathwayError) as error:
        load(path)
    assert str(path) in str(error.value)
    return str(error.value)


Spoil = Callable[[Content], object]
SPOILT: dict[str, tuple[Spoil, str]] = {
    "an unknown key at the top": (lambda c: c.update(colour="blue"), "colour"),
    "an unknown number": (
        lambda c: c["numbers"].update(acute_minimun=c["numbers"]["recency"]),
        "numbers.acute_minimun",
    ),
    "an unknown key of a number": (
        lambda c: c["numbers"]["recency"].update(sauce="G2"),
        "numbers.recency.sauce",
    ),
    "a number that is missing": (lambda c: c["numbers"].pop("recency"), "numbers.recency"),
    "a missing source": (lambda c: c["numbers"]["recency"].pop("source"), "numbers.recency.source"),
    "an empty source": (lambda c: c["numbers"]["recency"].update(source=""), "numbers.recency.source"),
    "a missing owner": (lambda c: c["numbers"]["recency"].pop("owner"), "numbers.recency.owner"),
    "a number that is text": (
        lambda c: c["numbers"]["recency"].update(value="a year"),
        "numbers.recency.value",
    ),
    "a relative change above one": (
        lambda c: c["numbers"]["relative_change"].update(value=30),
        "numbers.relative_change.value",
    ),
    "an acute minimum above the maximum": (
        lambda c: c["numbers"]["acute_minimum"].update(value=85),
        "numbers.acute_minimum is above numbers.acute_maximum",
    ),
    "a chronic minimum above the maximum": (
        lambda c: c["numbers"]["chronic_minimum"].update(value=181),
        "numbers.chronic_minimum is above numbers.chronic_maximum",
    ),
    "one concept in two instruments": (
        lambda c: c["instruments"]["peg"]["concepts"].append("pain_vas"),
        "in two instruments: pain_vas",
    ),
    "a range upside down": (
        lambda c: c["instruments"]["peg"].update(low=10, high=0),
        "instruments.peg: Value error, low is not below high",
    ),
    "a kind of score that is unknown": (
        lambda c: c["instruments"]["peg"].update(kind="mood"),
        "instruments.peg.kind",
    ),
    "an instrument of nothing": (
        lambda c: c["instruments"]["peg"].update(concepts=[]),
        "instruments.peg.concepts",
    ),
    "a source of an unknown criterion": (
        lambda c: c["sources"].update({"active-therpy": "G1"}),
        "sources.active-therpy",
    ),
    "a competing explanation of no group": (
        lambda c: c["red_flags"]["competing"].update(antalgic_gait=["walking"]),
        "no soft group is called walking",
    ),
    "a flag that is urgent alone and in no group": (
        lambda c: c["red_flags"]["urgent_alone"].append("arm-drop"),
        "no soft group is called arm-drop",
    ),
    "a version that is none": (lambda c: c.update(version="one"), "version"),
}


@pytest.mark.parametrize("name", sorted(SPOILT))
def test_a_spoilt_file_is_refused_by_name_and_key(name: str, content: Content, tmp_path: Path) -> None:
    spoil, said = SPOILT[name]
    spoil(content)
    assert said in refused(content, tmp_path)


@pytest.mark.parametrize("nothing", [None, [], "spine"])
def test_a_file_that_is_no_policy_is_refused(nothing: object, tmp_path: Path) -> None:
    refused(nothing, tmp_path)


def test_a_file_that_is_not_there_or_no_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PathwayError, match=r"absent\.yaml"):
        load(tmp_path / "absent.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("numbers: {", encoding="utf-8")
    with pytest.raises(PathwayError, match=r"broken\.yaml"):
        load(broken)


def test_equal_minimum_and_maximum_are_allowed(content: Content, tmp_path: Path) -> None:
    content["numbers"]["acute_minimum"]["value"] = 84
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert load(path).numbers.acute_minimum.value == 84


# The numbers that pathway.md marks as assumptions of this project, and what they are.
ASSUMED = {
    "visit_covers": 14,
    "gap_ends_trial": 90,
    "order_covers": 30,
    "active_visits": 6,
    "medication_covered": 14,
    "manual_visits": 3,
    "rebound_within": 84,
    "post_operative": 3,
    # of the contract's transition table
    "accepted_within": 7,
    "booked_within": 7,
    "seen_within": 30,
    "report_within": 14,
}


def test_exactly_what_the_page_assumes_is_marked_as_assumed() -> None:
    numbers = load().numbers
    assumed = {name: number.value for name, number in numbers if number and number.assumption}
    assert assumed == ASSUMED


def test_every_number_has_a_source_and_an_owner() -> None:
    policy = load()
    found = [number for _, number in policy.numbers if number]
    found += [n for it in policy.instruments.values() for n in (it.important_change, it.persistent_from) if n]
    assert len(found) > 30
    assert all(number.source and number.owner for number in found)
    assert isinstance(policy.instruments["promis-physical-function"].important_change, Number)
    assert policy.instruments["promis-physical-function"].important_change.assumption


def test_the_line_at_fault_is_named(tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8").replace("  recency: {value: 12", "  recency: {value: soon", 1)
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    line = next(n for n, each in enumerate(text.splitlines(), 1) if each.startswith("  recency:"))
    with pytest.raises(PathwayError, match=f"line {line}, numbers.recency.value"):
        load(path)


def test_a_key_written_twice_names_its_line(tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8") + "\nid: another\n"
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PathwayError, match=f"line {len(text.splitlines())}, id: written twice"):
        load(path)


def test_a_concept_that_the_terminology_does_not_know_is_refused(tmp_path: Path) -> None:
    """A misspelt concept would switch its rule off without a word."""
    text = DEFAULT.read_text(encoding="utf-8").replace("foot-drop: [foot_drop]", "foot-drop: [foot_dropp]")
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    concepts = Terminology.load(RESOURCES / "valuesets").concepts()
    with pytest.raises(PathwayError, match="no concept foot_dropp"):
        load_for(path, concepts)
    assert load_for(DEFAULT, concepts) == load()


def test_a_negative_number_is_refused(content: Content, tmp_path: Path) -> None:
    content["numbers"]["gap_ends_trial"]["value"] = -42
    assert "numbers.gap_ends_trial.value" in refused(content, tmp_path)
