"""Conditions: what they mean, when they began and ended, how sure they are."""

from datetime import date
from typing import Any

import pytest

from fhir_profiles import RESOURCES
from referral_service.core.dates import When, on
from referral_service.core.timeline import Condition
from referral_service.fhir.check import check
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read import Reader

READER = Reader(Terminology.load(RESOURCES / "valuesets"), "https://spine-referral.example/fhir")
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
HL7 = "http://terminology.hl7.org/CodeSystem"
RESOLVED = {"coding": [{"system": f"{HL7}/condition-clinical", "code": "resolved"}]}
UNKNOWN = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    ]
}


def coded(*codes: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for system, code in codes]}


def read(*codes: tuple[str, str], **elements: Any) -> Condition:
    subject = {"reference": "Patient/ann"}
    resource = {"resourceType": "Condition", "id": "1", "subject": subject, **elements}
    if codes:
        resource["code"] = coded(*codes)
    assert check(resource) == []
    (fact,) = READER.facts(resource)
    assert isinstance(fact, Condition)
    return fact


def test_every_coding_says_what_it_means() -> None:
    fact = read((SNOMED, "278860009"), (ICD, "M51.360"))
    assert [(it.concept, it.region, it.detail) for it in fact.meanings] == [
        ("low_back_pain", "lumbar", "chronic"),
        ("disc_degeneration", "lumbar", None),
    ]


def test_a_knee_is_elsewhere() -> None:
    fact = read((ICD, "M17.11"))
    assert fact.elsewhere
    assert fact.meanings == ()


def test_a_knee_that_is_also_a_back_is_not_elsewhere() -> None:
    assert not read((ICD, "M17.11"), (ICD, "M54.50")).elsewhere


def test_an_unknown_code_of_no_body_part_is_kept_because_a_reason_may_refer_to_it() -> None:
    fact = read((ICD, "E11.9"))
    assert fact.meanings == ()
    assert not fact.elsewhere


def test_a_condition_without_any_code_is_kept() -> None:
    assert read() == Condition(source="Condition/1")


ONSETS = {
    "a day": ({"onsetDateTime": "2025-09-10"}, on(date(2025, 9, 10))),
    "a year": ({"onsetDateTime": "2025"}, When(date(2025, 1, 1), date(2025, 12, 31))),
    "a period": ({"onsetPeriod": {"start": "2025-09-10", "end": "2025-10-01"}}, on(date(2025, 9, 10))),
    "a period without a start": ({"onsetPeriod": {"end": "2025-10-01"}}, None),
    "words": ({"onsetString": "in spring"}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize(("elements", "onset"), ONSETS.values(), ids=ONSETS)
def test_onset(elements: dict[str, Any], onset: When | None) -> None:
    fact = read((ICD, "M54.50"), recordedDate="2025-11-01", **elements)
    assert fact.onset == onset
    assert fact.recorded == on(date(2025, 11, 1))


ABATEMENTS = {
    "a day": ({"abatementDateTime": "2026-02-01"}, on(date(2026, 2, 1))),
    "a period": ({"abatementPeriod": {"start": "2026-01-01", "end": "2026-02-01"}}, on(date(2026, 2, 1))),
    "a period that has begun": ({"abatementPeriod": {"start": "2026-01-01"}}, on(date(2026, 1, 1))),
    "words": ({"abatementString": "gone"}, None),
    "over, nobody knows since when": ({"_abatementDateTime": UNKNOWN}, None),
}


@pytest.mark.parametrize(("elements", "abated"), ABATEMENTS.values(), ids=ABATEMENTS)
def test_any_abatement_says_that_it_is_over(elements: dict[str, Any], abated: When | None) -> None:
    fact = read((ICD, "M54.50"), clinicalStatus=RESOLVED, **elements)
    assert fact.is_abated
    assert fact.abated == abated


def test_a_condition_that_goes_on_has_not_abated() -> None:
    assert not read((ICD, "M54.50")).is_abated


def test_status_and_category_are_fhir_s_own_codes_whatever_stands_beside_them() -> None:
    fact = read(
        (ICD, "M54.50"),
        clinicalStatus={
            "coding": [{"code": "ACT"}, {"system": f"{HL7}/condition-clinical", "code": "relapse"}]
        },
        verificationStatus=coded((f"{HL7}/condition-ver-status", "provisional")),
        category=[
            coded((f"{HL7}/condition-category", "encounter-diagnosis"), ("http://ehr.example", "visit")),
            {"text": "Diagnosis"},
        ],
    )
    assert fact.clinical == "relapse"
    assert fact.verification == "provisional"
    assert fact.categories == ("encounter-diagnosis", "visit")


def test_a_condition_entered_in_error_is_kept_and_says_so() -> None:
    fact = read(
        (ICD, "M51.360"),
        verificationStatus=coded((f"{HL7}/condition-ver-status", "entered-in-error")),
    )
    assert fact.verification == "entered-in-error"
    assert fact.meanings


FRACTURES = {
    "initial encounter, closed": ([(ICD, "S32.010A")], False),
    "initial encounter, open": ([(ICD, "S32.010B")], False),
    "a letter that is fresh in small": ([(ICD, "s32.010a")], False),
    "routine healing": ([(ICD, "S32.010D")], True),
    "without its dot and in small letters": ([(ICD, "s32010g")], True),
    "sequela": ([(ICD, "M48.56XS")], True),
    "without a seventh character": ([(ICD, "S32.010")], False),
    "one of two still fresh": ([(ICD, "S32.010D"), (ICD, "S22.010A")], False),
    "both later": ([(ICD, "S32.010D"), (ICD, "S22.010K")], True),
    "no fracture": ([(ICD, "S33.5XXD")], False),
    "a fracture beside a sprain that is older": ([(ICD, "S32.010A"), (ICD, "S33.5XXD")], False),
}


@pytest.mark.parametrize(("codes", "is_follow_up"), FRACTURES.values(), ids=FRACTURES)
def test_a_fracture_s_later_encounter(codes: list[tuple[str, str]], is_follow_up: bool) -> None:
    assert read(*codes).is_follow_up is is_follow_up
