"""The strict check: what R4 forbids is found where it is, and what R4 allows passes, however untidy."""

import json
from importlib import import_module
from typing import Any

import pytest

from referral_service.core.problem import Issue
from referral_service.fhir.check import CHECKED_TYPES, R4_TYPES, check
from referral_service.fhir.parse import parse
from tests.fhir import mutants, mutants_of_invariants, mutants_of_primitives, mutants_of_structure
from tests.fhir.more_bases import BASES
from tests.fhir.mutants import Mutant
from tests.fhir.untidy import UNTIDY

MUTANTS: list[Mutant] = [
    *mutants.JSON,
    *mutants_of_primitives.PRIMITIVES,
    *mutants_of_structure.CARDINALITY,
    *mutants_of_structure.BINDINGS,
    *mutants_of_structure.REFERENCES,
    *mutants_of_structure.CONTAINED,
    *mutants_of_invariants.CLINICAL,
    *mutants_of_invariants.TRIGGERS,
    *mutants_of_invariants.GENERAL,
    *mutants_of_invariants.BUNDLES,
]
KNOWN_TO_PASS = mutants_of_invariants.KNOWN_TO_PASS


def received(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource as it is after it came in over the wire."""
    return parse(json.dumps(resource).encode())


@pytest.mark.parametrize("name", BASES)
def test_a_valid_resource_passes(name: str) -> None:
    assert check(received(BASES[name])) == []


@pytest.mark.parametrize("name", BASES)
def test_fhir_resources_takes_the_same_resource_for_valid(name: str) -> None:
    kind = BASES[name]["resourceType"]
    model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    assert model.model_validate_json(json.dumps(BASES[name])).get_resource_type() == kind


def test_there_is_a_valid_resource_of_every_type_that_is_checked() -> None:
    assert {base["resourceType"] for base in BASES.values()} == CHECKED_TYPES
    assert CHECKED_TYPES < R4_TYPES


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_one_fault_gives_one_issue_at_its_place(mutant: Mutant) -> None:
    issues = check(mutant.made())
    assert [(issue.code, issue.expression) for issue in issues] == [(mutant.code, mutant.expression)]
    if mutant.code == "invariant":
        key = issues[0].diagnostics.partition(":")[0].partition("-")[0]
        assert key in mutant.rule


@pytest.mark.parametrize("mutant", KNOWN_TO_PASS, ids=lambda mutant: mutant.name)
def test_a_fault_that_is_let_through_on_purpose_passes(mutant: Mutant) -> None:
    assert check(mutant.made()) == []


def test_at_least_nineteen_in_twenty_faults_are_caught() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 150
    assert len(MUTANTS) / (len(MUTANTS) + len(KNOWN_TO_PASS)) >= 0.95


@pytest.mark.parametrize("case", UNTIDY, ids=lambda case: case[0])
def test_what_is_untidy_but_legal_passes(case: tuple[str, dict[str, Any]]) -> None:
    assert check(received(case[1])) == []


def test_there_are_forty_untidy_resources() -> None:
    assert len({name for name, _ in UNTIDY}) == len(UNTIDY) >= 40


def test_every_problem_is_found_and_named() -> None:
    condition = {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": "http://a.example", "code": "active"}]},
        "code": {"coding": [{"code": ""}, {"system": "a b"}]},
        "onsetDateTime": "2024-02-30",
        "abatementString": "in spring",
        "colour": "red",
    }
    assert sorted((issue.expression, issue.code) for issue in check(condition)) == [
        ("Condition", "invariant"),
        ("Condition.clinicalStatus", "code-invalid"),
        ("Condition.code.coding[0].code", "structure"),
        ("Condition.code.coding[1].system", "value"),
        ("Condition.colour", "structure"),
        ("Condition.onsetDateTime", "value"),
        ("Condition.subject", "required"),
    ]


def test_a_day_that_the_calendar_lacks_is_told_in_plain_words() -> None:
    condition = {**BASES["condition"], "onsetDateTime": "2024-02-30"}
    assert check(condition) == [
        Issue("value", "Not a date of the calendar.", "Condition.onsetDateTime"),
    ]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_no_sentence_quotes_what_was_received(mutant: Mutant) -> None:
    if isinstance(mutant.value, str) and len(mutant.value.strip()) > 8:
        assert all(mutant.value.strip() not in issue.diagnostics for issue in check(mutant.made()))


def test_the_path_of_an_entry_can_be_given() -> None:
    issues = check({"resourceType": "Condition"}, "Bundle.entry[3].resource")
    assert [issue.expression for issue in issues] == ["Bundle.entry[3].resource.subject"]


@pytest.mark.parametrize("thing", [None, [], "Patient", 5, {}, {"resourceType": []}, {"resourceType": "Foo"}])
def test_what_is_no_resource_is_one_issue(thing: Any) -> None:
    assert len(check(thing)) == 1


def test_a_type_of_r4_that_the_service_does_not_know_is_checked_when_it_stands_alone() -> None:
    assert check({"resourceType": "Medication", "status": "active"}) == []
    assert [issue.expression for issue in check({"resourceType": "Medication", "colour": "red"})] == [
        "Medication.colour"
    ]


def test_a_type_that_later_releases_changed_is_checked_for_its_json_alone() -> None:
    assert check({"resourceType": "MedicinalProduct", "name": [{"productName": "x"}]}) == []
    issues = check(
        {"resourceType": "MedicinalProduct", "name": [], "type": {}, "b": [" ", None, 1], "c": None}
    )
    assert {issue.code for issue in issues} == {"structure"}
    assert len(issues) == 4


def test_an_entry_of_another_type_is_passed_by() -> None:
    claim = {"resourceType": "Claim", "colour": None, "meta": "x"}
    entry = {"fullUrl": "http://a.example/Claim/1", "resource": claim}
    assert check({"resourceType": "Bundle", "type": "collection", "entry": [entry]}) == []


@pytest.mark.parametrize("kind", sorted(R4_TYPES))
def test_every_type_of_r4_can_be_checked(kind: str) -> None:
    issues = check({"resourceType": kind, "id": "a b"})
    assert kind + ".id" in [issue.expression for issue in issues] or [issue.code for issue in issues] == []


def test_of_an_array_that_is_wrong_throughout_enough_is_told_and_no_more() -> None:
    found = check({"resourceType": "Patient", "identifier": [{"use": "x"}] * 100_000})
    assert len(found) == 101
    assert (found[-1].code, found[-1].expression) == ("too-costly", "Patient.identifier")


def test_every_entry_of_a_bundle_is_judged_however_many_are_wrong() -> None:
    wrong = {
        "resource": {"resourceType": "Patient", "gender": "x"},
        "request": {"method": "POST", "url": "Patient"},
    }
    found = check({"resourceType": "Bundle", "type": "batch", "entry": [wrong] * 500})
    assert [issue.expression for issue in found] == [
        f"Bundle.entry[{index}].resource.gender" for index in range(500)
    ]
