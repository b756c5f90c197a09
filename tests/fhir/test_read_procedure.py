"""Procedures: treatments and operations, done, under way, or not done."""

from datetime import date
from typing import Any

import pytest

from fhir_profiles import RESOURCES
from referral_service.core.dates import When, on
from referral_service.core.timeline import Procedure, Unused
from referral_service.fhir.check import check
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read import Reader

READER = Reader(Terminology.load(RESOURCES / "valuesets"), "https://spine-referral.example/fhir")
CPT = "http://www.ama-assn.org/go/cpt"
SNOMED = "http://snomed.info/sct"
THERAPY = (CPT, "97110")


def coded(*codes: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for system, code in codes]}


def read(code: tuple[str, str] = THERAPY, status: str = "completed", **elements: Any) -> Procedure:
    resource = {
        "resourceType": "Procedure",
        "id": "1",
        "status": status,
        "code": coded(code),
        "subject": {"reference": "Patient/ann"},
        **elements,
    }
    assert check(resource) == []
    (fact,) = READER.facts(resource)
    assert isinstance(fact, Procedure)
    return fact


FIRST, LAST = on(date(2026, 3, 25)), on(date(2026, 4, 20))
MARCH = When(date(2026, 3, 1), date(2026, 3, 31))
PERFORMED = {
    "on a day": ({"performedDateTime": "2026-03-25T17:00:00-05:00"}, FIRST, None, False),
    "in a month": ({"performedDateTime": "2026-03"}, MARCH, None, False),
    "within one local day": (
        {"performedPeriod": {"start": "2026-03-25T23:00:00-05:00", "end": "2026-03-25T23:45:00-05:00"}},
        FIRST,
        None,
        False,
    ),
    "a course": ({"performedPeriod": {"start": "2026-03-25", "end": "2026-04-20"}}, FIRST, LAST, False),
    "a course somewhere in March": (
        {"performedPeriod": {"start": "2026-03", "end": "2026-03"}},
        MARCH,
        MARCH,
        False,
    ),
    "a course that ends in the month it began in": (
        {"performedPeriod": {"start": "2026-03-25", "end": "2026-03"}},
        FIRST,
        MARCH,
        False,
    ),
    "a course without an end": ({"performedPeriod": {"start": "2026-03-25"}}, FIRST, None, True),
    "a period with an end alone": ({"performedPeriod": {"end": "2026-04-20"}}, LAST, None, False),
    "a flight west, back into the day before": (
        {"performedPeriod": {"start": "2026-03-25T00:30:00+09:00", "end": "2026-03-24T20:00:00-05:00"}},
        FIRST,
        None,
        False,
    ),
    "in spring": ({"performedString": "in spring"}, None, None, False),
    "at an age": (
        {"performedAge": {"value": 40, "code": "a", "system": "http://unitsofmeasure.org"}},
        None,
        None,
        False,
    ),
    "nobody knows when": ({}, None, None, False),
}


@pytest.mark.parametrize(("elements", "start", "end", "is_open"), PERFORMED.values(), ids=PERFORMED)
def test_when_it_was_performed(
    elements: dict[str, Any], start: When | None, end: When | None, is_open: bool
) -> None:
    fact = read(**elements)
    assert (fact.start, fact.end, fact.is_open) == (start, end, is_open)


def test_a_treatment_has_its_meaning_and_step() -> None:
    (meaning,) = read().meanings
    assert (meaning.concept, meaning.role, meaning.step) == ("physical_therapy_active", "treatment", 2)


@pytest.mark.parametrize(
    ("code", "role"),
    [
        ((CPT, "97161"), "treatment_evaluation"),
        ((SNOMED, "18946005"), "exclusion"),
        ((SNOMED, "52052004"), "ambiguous"),
        ((SNOMED, "77476009"), "noted"),
    ],
    ids=["an evaluation", "an epidural anaesthesia", "rehabilitation of some kind", "a brace"],
)
def test_what_is_no_treatment_is_kept_so_that_the_core_can_say_why(code: tuple[str, str], role: str) -> None:
    (meaning,) = read(code).meanings
    assert meaning.role == role


@pytest.mark.parametrize("status", ["in-progress", "completed", "entered-in-error", "not-done"])
def test_the_status_is_kept(status: str) -> None:
    assert read(status=status).status == status


def test_a_code_nobody_knows_leaves_the_procedure_out() -> None:
    resource = {
        "resourceType": "Procedure",
        "id": "1",
        "status": "completed",
        "code": {
            "coding": [{"system": "http://ehr.example/codes", "code": "PT-LUMBAR"}],
            "text": "lumbar spine therapy",
        },
        "subject": {"reference": "Patient/ann"},
    }
    assert READER.facts(resource) == (Unused(source="Procedure/1", reason="unknown-code"),)


DECLINED = coded((SNOMED, "105480006"))
CONTRAINDICATED = coded((SNOMED, "183932001"))
WHY = {
    "the patient's choice": ("not-done", DECLINED, (True, False)),
    "a contraindication": ("not-done", CONTRAINDICATED, (False, True)),
    "both": ("not-done", coded((SNOMED, "105480006"), (SNOMED, "183932001")), (True, True)),
    "a reason nobody coded": ("not-done", {"text": "moved away"}, (False, False)),
    "done all the same": ("completed", DECLINED, (False, False)),
}


@pytest.mark.parametrize(("status", "reason", "says"), WHY.values(), ids=WHY)
def test_why_it_was_not_done(status: str, reason: dict[str, Any], says: tuple[bool, bool]) -> None:
    fact = read(status=status, statusReason=reason)
    assert (fact.declined, fact.contraindicated) == says
