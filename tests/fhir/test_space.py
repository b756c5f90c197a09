"""The id space of one EHR: its ids become ours and back, in every place that holds one, and nowhere else."""

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_profiles import EXAMPLES
from referral_service.fhir.space import Space

EPIC = Space("epic")
OURS = "24628bda-aa62-58b7-9774-73f47c127d6d"
Json = dict[str, Any]


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("Patient/1", "Patient/epic.1"),
        ("Patient/1/_history/2", "Patient/epic.1/_history/2"),
        ("https://ehr.example/r4/Patient/1", "https://ehr.example/r4/Patient/epic.1"),
        ("Patient/1/Condition", "Patient/epic.1/Condition"),
        ("Patient/1/$assess?asOf=2026-06-01", "Patient/epic.1/$assess?asOf=2026-06-01"),
        ("Patient/Smith/Condition", "Patient/epic.Smith/Condition"),
        ("https://ehr.example/api/FHIR/R4", "https://ehr.example/api/FHIR/R4"),
        ("https://ehr.example/api/FHIR/R4/Patient/1", "https://ehr.example/api/FHIR/R4/Patient/epic.1"),
        ("ServiceRequest/1", "ServiceRequest/epic.1"),
        (f"ServiceRequest/{OURS}", f"ServiceRequest/{OURS}"),
        (f"Task/{OURS}", f"Task/{OURS}"),
        ("Condition?identifier=a|b", "Condition?identifier=a|b"),
        ("#inside", "#inside"),
        ("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"),
        ("Patient/epic.1", "Patient/epic.epic.1"),
        ("Patient/other.1", "Patient/epic.other.1"),
        ("", ""),
    ],
)
def test_a_reference(there: str, here: str) -> None:
    assert EPIC.entered(there) == here
    assert EPIC.left(here) == there
    assert Space("").entered(there) == there


def test_a_resource_and_what_it_refers_to() -> None:
    condition = {
        "resourceType": "Condition",
        "id": "1",
        "contained": [{"resourceType": "Practitioner", "id": "who", "extension": [{"url": "x"}]}],
        "subject": {"reference": "Patient/1", "display": "Patient/1"},
        "asserter": {"reference": "#who"},
        "evidence": [{"id": "1", "detail": [{"reference": "Observation/9"}]}],
        "note": [{"text": "see Patient/1"}],
    }

    here = EPIC.enter(condition)

    assert here == {
        **condition,
        "id": "epic.1",
        "subject": {"reference": "Patient/epic.1", "display": "Patient/1"},
        "evidence": [{"id": "1", "detail": [{"reference": "Observation/epic.9"}]}],
    }
    assert EPIC.leave(here) == condition


def test_a_bundle_of_everything() -> None:
    bundle = {
        "resourceType": "Bundle",
        "id": "1",
        "entry": [
            {
                "fullUrl": "https://ehr.example/Patient/1",
                "resource": {"resourceType": "Patient", "id": "1"},
                "request": {"method": "PUT", "url": "Patient/1"},
                "response": {"status": "200", "location": "Patient/1/_history/3"},
            },
            {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient"}, "request": {"url": "Patient"}},
        ],
    }

    here = EPIC.enter(bundle)

    assert here["id"] == "1"
    assert here["entry"][0] == {
        "fullUrl": "https://ehr.example/Patient/epic.1",
        "resource": {"resourceType": "Patient", "id": "epic.1"},
        "request": {"method": "PUT", "url": "Patient/epic.1"},
        "response": {"status": "200", "location": "Patient/epic.1/_history/3"},
    }
    assert here["entry"][1] == bundle["entry"][1]
    assert EPIC.leave(here) == bundle


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("Condition?patient=Patient/1", "Condition?patient=Patient/epic.1"),
        ("Condition/_search?patient=1", "Condition/_search?patient=epic.1"),
        ("Patient/1/Condition?_id=7", "Patient/epic.1/Condition?_id=epic.7"),
        (
            "PlanDefinition/spine/$apply?subject=Patient/1",
            "PlanDefinition/spine/$apply?subject=Patient/epic.1",
        ),
        ("Condition/7/_history?_count=1", "Condition/epic.7/_history?_count=1"),
        ("https://ehr.example/FHIR/R4?page=1", "https://ehr.example/FHIR/R4?page=1"),
    ],
)
def test_a_search_in_a_bundle(there: str, here: str) -> None:
    def bundle(url: str) -> Json:
        return {"resourceType": "Bundle", "entry": [{"request": {"method": "GET", "url": url}}]}

    assert EPIC.enter(bundle(there)) == bundle(here)
    assert EPIC.leave(bundle(here)) == bundle(there)


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("Patient/1,2", "Patient/epic.1,epic.2"),
        (r"Patient/b\.1", "Patient/epic.b.1"),
        (r"Patient/a\,/Patient/1", r"Patient/a\,/Patient/epic.1"),
        (r"a\,Patient/1", r"a\,Patient/1"),
    ],
)
def test_a_value_is_turned_as_it_is_read(there: str, here: str) -> None:
    assert EPIC.asked("Condition", [("patient", there)]) == [("patient", here)]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("Patient/1", "Patient/-.1"),
        ("Patient/other.1", "Patient/-.other.1"),
        ("Device/1", "Device/1"),
    ],
)
def test_what_is_not_theirs_has_a_name_that_none_of_theirs_has(here: str, there: str) -> None:
    assert EPIC.left(here) == there
    assert Space("epic", sees_others=True).entered(there) == here
    assert not EPIC.holds("Patient/1")


def test_a_source_speaks_of_its_own_alone() -> None:
    assert EPIC.entered("Patient/-.other.1") == "Patient/epic.-.other.1"
    assert EPIC.enter({"resourceType": "Patient", "id": "-.1"})["id"] == "epic.-.1"


def test_a_sentence_names_what_they_know() -> None:
    note = {"resourceType": "Task", "note": [{"text": "see Condition/epic.7 and Condition/other.8"}]}

    assert EPIC.leave(note)["note"] == [{"text": "see Condition/7 and Condition/other.8"}]


def test_what_is_theirs_and_what_is_ours() -> None:
    assert EPIC.holds("Patient/epic.1")
    assert EPIC.holds(f"ServiceRequest/{OURS}")
    assert not EPIC.holds("Patient/other.1")


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("**/*.json")), ids=lambda file: file.stem)
def test_there_and_back_nothing_has_changed(file: Path) -> None:
    example = json.loads(file.read_text(encoding="utf-8"))

    assert EPIC.leave(EPIC.enter(example)) == example


@pytest.mark.parametrize("odd", [{}, {"entry": 1}, {"resourceType": "Bundle", "entry": [1, {"resource": 2}]}])
def test_what_is_no_resource_is_left_to_the_checker(odd: Json) -> None:
    assert EPIC.enter(odd) == odd
