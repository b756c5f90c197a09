"""One patient's story: what the service writes of it today is, byte for byte, what is committed."""

from pathlib import Path

import pytest

from fhir_profiles import EXAMPLES
from fhir_profiles.build_examples import EMITTED, build
from fhir_profiles.profiles import EMITTED_PROFILES, RECEIVED_PROFILES
from tests.profiles.committed import CHART, STATES, Resource, codes, emitted, example, published, texts

TOLD = {
    "01-not-started": {
        "decision: not-started no-treatment",
    },
    "02-in-trial": {
        "decision: in-trial active-therapy duration",
    },
    "03-review": {
        "decision: review no-outcome-measure",
        "task review, routine: requested",
    },
    "04-responding": {
        "decision: responding improved",
        "task review, routine: cancelled",
    },
    "05-drafted": {
        "decision: exhausted intradiscal function-flat",
        "referral intradiscal, routine: draft",
        "task approve, routine: requested",
    },
    "06-suspended": {
        "decision: review possible-red-flag",
        "referral intradiscal, routine: on-hold",
        "task approve, routine: on-hold",
        "task review, urgent: requested",
        "flag Condition/nora-elm-retention: preliminary",
    },
    "07-urgent": {
        "decision: urgent surgical red-flag-hard",
        "referral surgical, stat: draft",
        "task approve, stat: requested",
        "task review, urgent: cancelled",
        "flag Condition/nora-elm-cauda: preliminary",
    },
    "08-resumed": {
        "decision: exhausted intradiscal function-flat",
        "referral surgical, stat: revoked",
        "task approve, stat: cancelled",
        "referral intradiscal, routine: draft",
        "task approve, routine: requested",
        "flag Condition/nora-elm-cauda: cancelled",
        "flag Condition/nora-elm-retention: cancelled",
    },
    "09-withdrawn": {
        "decision: on-hold referral-exists",
        "referral intradiscal, routine: revoked",
        "task approve, routine: cancelled",
    },
    "10-redrafted": {
        "decision: exhausted intradiscal function-flat",
        "referral intradiscal, routine: draft",
        "task approve, routine: requested",
    },
    "11-claimed": {
        "task approve, routine: in-progress",
    },
    "12-approved": {
        "referral intradiscal, routine: completed",
        "referral intradiscal, routine: active",
        "task approve, routine: completed",
        "task fulfill, routine: draft",
    },
    "13-sent": {"task fulfill, routine: requested"},
    "14-accepted": {"task fulfill, routine: accepted"},
    "15-booked": {"task fulfill, routine: in-progress"},
    "16-seen": {"task fulfill, routine: in-progress"},
    "17-reported": {"task fulfill, routine: completed", "referral intradiscal, routine: completed"},
    "18-closed": {
        "decision: no-qualifying-condition resolved",
    },
}


def said(guidance: Resource, name: str) -> list[str]:
    parameters = guidance["contained"][0]["parameter"]
    return [one["valueCode"] for one in parameters if one["name"] == name]


def in_short(one: Resource) -> str:
    match one["resourceType"]:
        case "GuidanceResponse":
            return " ".join(["decision:", *said(one, "outcome"), *said(one, "target"), *said(one, "reason")])
        case "ServiceRequest":
            return f"referral {codes(one['orderDetail'][0])[0]}, {one['priority']}: {one['status']}"
        case "Task":
            return f"task {codes(one['code'])[0]}, {one['priority']}: {one['status']}"
        case "DetectedIssue":
            return f"flag {one['implicated'][0]['reference']}: {one['status']}"
        case other:
            return other


def test_the_examples_are_what_the_service_writes() -> None:
    assert {f"examples/{name}": text for name, text in texts(EXAMPLES).items()} == build()


@pytest.mark.parametrize("state", STATES)
def test_each_state_tells(state: str) -> None:
    found = {in_short(one) for one in example(state)}
    assert found == TOLD[state] | {"Provenance"}


def test_no_state_is_missing() -> None:
    assert sorted(TOLD) == STATES


def own_codes(system: str) -> set[str]:
    (found,) = (one for one in published("codesystems") if one["id"] == system)
    return {concept["code"] for concept in found["concept"]}


def test_every_outcome_occurs() -> None:
    told = {outcome for guidance in emitted("GuidanceResponse") for outcome in said(guidance, "outcome")}
    assert told == own_codes("outcome")


def test_every_criterion_occurs() -> None:
    parameters = (
        one for guidance in emitted("GuidanceResponse") for one in guidance["contained"][0]["parameter"]
    )
    told = {one["part"][0]["valueCode"] for one in parameters if one["name"] == "criterion"}
    assert told == own_codes("criterion")


def test_every_kind_that_is_written_or_read_occurs() -> None:
    written = {one["resourceType"] for state in STATES for one in example(state)}
    assert written == set(EMITTED) == set(EMITTED_PROFILES)
    assert {one["resourceType"] for one in example(CHART)} == set(RECEIVED_PROFILES)


def test_a_change_of_the_story_changes_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = (EXAMPLES / "story.yaml").read_text(encoding="utf-8")
    (tmp_path / "story.yaml").write_text(story.replace("value: 30,", "value: 45,"), encoding="utf-8")
    monkeypatch.setattr("fhir_profiles.build_examples.EXAMPLES", tmp_path)
    changed = {name for name, text in build().items() if text != (EXAMPLES.parent / name).read_text()}
    assert "examples/03-review.json" not in changed
    assert "examples/04-responding.json" in changed
