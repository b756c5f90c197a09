"""Outcome measures: observations, their components, and answers to questionnaires; and pregnancy status."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fhir_profiles import RESOURCES
from referral_service.core.dates import When, on
from referral_service.core.timeline import AnyFact, PregnancyStatus, Score, Tie, Unused
from referral_service.fhir.check import check
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.parse import Number
from referral_service.fhir.read import Reader

BASE = "https://spine-referral.example/fhir"
READER = Reader(Terminology.load(RESOURCES / "valuesets"), BASE)
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ODI, NRS, VAS, PEG, PEG_PANEL = "97909-6", "72514-3", "38214-3", "91147-9", "91148-7"
PREGNANCY_STATUS = "82810-3"


def coded(*codes: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for system, code in codes]}


def observe(*codes: str, status: str = "final", **elements: Any) -> tuple[AnyFact, ...]:
    return read(
        {
            "resourceType": "Observation",
            "id": "1",
            "status": status,
            "code": coded(*((LOINC, code) for code in codes)) if codes else {"text": "pain"},
            **elements,
        }
    )


def read(resource: dict[str, Any], reader: Reader = READER) -> tuple[AnyFact, ...]:
    assert check(resource) == []
    return reader.facts(resource)


def percent(value: Any) -> dict[str, Any]:
    return {"value": value, "unit": "percent", "code": "%", "system": "http://unitsofmeasure.org"}


def values(facts: tuple[AnyFact, ...]) -> list[tuple[str, str, str | None]]:
    return [(it.concept, str(it.value), it.unit) for it in facts if isinstance(it, Score)]


def test_a_score_is_exact_and_has_the_unit_as_sent() -> None:
    facts = observe(ODI, valueQuantity=percent(Number("48.0")), effectiveDateTime="2026-05-20")
    assert facts == (
        Score(
            source="Observation/1",
            concept="odi_score",
            value=Decimal("48.0"),
            unit="%",
            at=on(date(2026, 5, 20)),
            status="final",
        ),
    )
    assert values(facts) == [("odi_score", "48.0", "%")]


VALUES = {
    "a text for a unit": ({"valueQuantity": {"value": 7, "unit": "{score}"}}, ("7", "{score}")),
    "no unit": ({"valueQuantity": {"value": 7}}, ("7", None)),
    "a whole number": ({"valueInteger": 7}, ("7", None)),
    "zero": ({"valueInteger": 0}, ("0", None)),
}


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES)
def test_usable_values(value: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert values(observe(NRS, **value)) == [("pain_nrs_0_10", *expected)]


NO_VALUES = {
    "only a bound": {"valueQuantity": {"value": 7, "comparator": ">="}},
    "a unit without a value": {"valueQuantity": {"unit": "{score}"}},
    "words": {"valueString": "seven"},
    "a range": {"valueRange": {"low": {"value": 6}, "high": {"value": 8}}},
    "absent, and why": {"dataAbsentReason": {"text": "declined"}},
    "nothing": {},
}


@pytest.mark.parametrize("value", NO_VALUES.values(), ids=NO_VALUES)
def test_a_score_without_a_usable_value_is_left_out(value: dict[str, Any]) -> None:
    assert observe(NRS, **value) == (Unused(source="Observation/1", reason="no-value"),)


AT = {
    "a day": ({"effectiveDateTime": "2026-05-20T23:00:00-07:00"}, on(date(2026, 5, 20))),
    "a month": ({"effectiveDateTime": "2026-05"}, When(date(2026, 5, 1), date(2026, 5, 31))),
    "the end of a period": (
        {"effectivePeriod": {"start": "2026-05-13", "end": "2026-05-20"}},
        on(date(2026, 5, 20)),
    ),
    "a period without an end": ({"effectivePeriod": {"start": "2026-05-13"}}, on(date(2026, 5, 13))),
    "an instant": ({"effectiveInstant": "2026-05-20T08:00:00Z"}, on(date(2026, 5, 20))),
    "its issue": ({"issued": "2026-05-21T08:00:00Z"}, on(date(2026, 5, 21))),
    "no day at all": ({}, None),
}


@pytest.mark.parametrize(("elements", "at"), AT.values(), ids=AT)
def test_the_day_it_was_measured(elements: dict[str, Any], at: When | None) -> None:
    (score,) = observe(NRS, valueInteger=7, **elements)
    assert isinstance(score, Score)
    assert score.at == at


def test_each_component_with_a_scored_code_counts_on_its_own() -> None:
    component = [
        {"code": coded((LOINC, NRS)), "valueInteger": 8},
        {"code": {"text": "comment"}, "valueString": "after walking"},
        {"code": coded((LOINC, PEG)), "valueQuantity": {"value": Number("6.3")}},
        {"code": coded((LOINC, ODI))},
    ]
    facts = observe(PEG_PANEL, component=component)
    assert values(facts) == [("pain_nrs_0_10", "8", None), ("peg_mean", "6.3", None)]
    assert [fact.part for fact in facts] == [0, 1]


def test_one_value_under_the_codes_of_two_instruments_is_a_score_of_each() -> None:
    assert [concept for concept, _, _ in values(observe(NRS, VAS, valueInteger=7))] == [
        "pain_nrs_0_10",
        "pain_vas",
    ]


def test_a_site_ties_a_score() -> None:
    lumbar, knee = coded((SNOMED, "122496007")), coded(("http://ehr.example/sites", "KNEE"))
    (back,) = observe(NRS, valueInteger=7, bodySite=lumbar)
    (leg,) = observe(NRS, valueInteger=7, bodySite=knee)
    assert isinstance(back, Score)
    assert isinstance(leg, Score)
    assert back.tie == Tie(regions=("lumbar",))
    assert leg.tie == Tie(elsewhere=True)


@pytest.mark.parametrize("status", ["final", "amended", "preliminary", "entered-in-error"])
def test_the_status_is_kept(status: str) -> None:
    (score,) = observe(NRS, valueInteger=7, status=status)
    assert isinstance(score, Score)
    assert score.status == status


def test_a_code_nobody_knows_and_one_that_decides_nothing_are_left_out() -> None:
    assert observe(valueInteger=7) == (Unused(source="Observation/1", reason="unknown-code"),)
    assert observe("30679-5", valueInteger=7) == (Unused(source="Observation/1", reason="not-used"),)


def test_pregnancy_status() -> None:
    answer = coded((SNOMED, "77386006"))
    facts = observe(PREGNANCY_STATUS, valueCodeableConcept=answer, effectiveDateTime="2026-05-20")
    assert facts == (
        PregnancyStatus(source="Observation/1", is_pregnant=True, status="final", at=on(date(2026, 5, 20))),
    )


def test_an_answer_about_pregnancy_that_nobody_knows_is_left_out() -> None:
    answer = coded(("http://ehr.example/answers", "no"))
    facts = observe(PREGNANCY_STATUS, valueCodeableConcept=answer, effectiveDateTime="2026-05-20")
    assert facts == (Unused(source="Observation/1", reason="unknown-code"),)


@pytest.mark.parametrize("answer", [{}, {"valueCodeableConcept": {"text": "see note"}}])
def test_a_pregnancy_status_that_was_not_given_says_neither(answer: dict[str, Any]) -> None:
    assert observe(PREGNANCY_STATUS, **answer) == (Unused(source="Observation/1", reason="no-value"),)


def answers(*items: dict[str, Any], status: str = "completed", **elements: Any) -> dict[str, Any]:
    response = {"resourceType": "QuestionnaireResponse", "id": "1", "status": status, "item": list(items)}
    return {**response, **elements}


def item(link: str, **value: Any) -> dict[str, Any]:
    return {"linkId": link, "answer": [value]}


def test_an_answer_to_a_score_s_loinc_code_is_a_score() -> None:
    facts = read(answers(item(f"/{ODI}", valueDecimal=Number("44.0")), authored="2026-05-20T10:00:00Z"))
    assert facts == (
        Score(
            source="QuestionnaireResponse/1",
            concept="odi_score",
            value=Decimal("44.0"),
            at=on(date(2026, 5, 20)),
            status="final",
        ),
    )


def test_answers_are_found_however_deep_and_in_the_order_of_the_form() -> None:
    below_answer = {"linkId": "q", "answer": [{"valueString": "yes", "item": [item(NRS, valueInteger=8)]}]}
    group = {"linkId": "g", "item": [below_answer, item(ODI, valueQuantity=percent(46))]}
    facts = read(answers(group, item(PEG, valueInteger=6)))
    assert values(facts) == [("pain_nrs_0_10", "8", None), ("odi_score", "46", "%"), ("peg_mean", "6", None)]
    assert [fact.part for fact in facts] == [0, 1, 2]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("completed", "final"), ("amended", "amended"), ("in-progress", "in-progress"), ("stopped", "stopped")],
)
def test_the_status_of_a_form_is_said_as_an_observation_s(sent: str, kept: str) -> None:
    (score,) = read(answers(item(ODI, valueInteger=44), status=sent))
    assert isinstance(score, Score)
    assert score.status == kept


def test_a_form_without_a_score_is_left_out() -> None:
    (unknown,) = read(answers(item("q1", valueInteger=3)))
    (silent,) = read(answers(item(ODI, valueString="forty-four")))
    (empty,) = read({"resourceType": "QuestionnaireResponse", "id": "1", "status": "completed"})
    assert [unknown.reason, silent.reason, empty.reason] == ["unknown-code", "no-value", "unknown-code"]


def test_a_site_maps_its_own_form(tmp_path: Path) -> None:
    form = "https://clinic.example/Questionnaire/back"
    ours = f"{BASE}/StructureDefinition/concept-name"
    overlay = {
        "resourceType": "ValueSet",
        "extension": [{"url": ours, "valueCode": "roland_morris"}],
        "url": "https://clinic.example/ValueSet/roland-morris",
        "status": "active",
        "compose": {"include": [{"system": form, "concept": [{"code": "rmdq-total"}]}]},
    }
    (tmp_path / "roland-morris.json").write_text(json.dumps(overlay))
    reader = Reader(Terminology.load(RESOURCES / "valuesets", tmp_path), BASE)
    response = answers(item("rmdq-total", valueInteger=14), questionnaire=f"{form}|2.1")
    assert values(read(response, reader)) == [("roland_morris", "14", None)]
    assert values(read(answers(item("rmdq-total", valueInteger=14)), reader)) == []
