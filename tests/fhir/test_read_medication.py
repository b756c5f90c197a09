"""Medication: what was ordered or used, whether it counts, and the days that it covers."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from fhir_profiles import RESOURCES
from referral_service.core.dates import When, on
from referral_service.core.timeline import Medication, Tie, Unused
from referral_service.fhir.check import check
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.parse import Number
from referral_service.fhir.read import Reader

READER = Reader(Terminology.load(RESOURCES / "valuesets"), "https://spine-referral.example/fhir")
UCUM = "http://unitsofmeasure.org"
IBUPROFEN = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "5640"}]}


def order(status: str = "active", **elements: Any) -> Medication:
    return read(resourceType="MedicationRequest", status=status, **{"intent": "order", **elements})


def statement(status: str = "active", **elements: Any) -> Medication:
    return read(resourceType="MedicationStatement", status=status, **elements)


def read(**elements: Any) -> Medication:
    resource = {"id": "1", "subject": {"reference": "Patient/ann"}, **elements}
    if "medicationReference" not in resource:
        resource["medicationCodeableConcept"] = IBUPROFEN
    assert check(resource) == []
    (fact,) = READER.facts(resource)
    assert isinstance(fact, Medication)
    return fact


def dosage(**bounds: Any) -> dict[str, Any]:
    return {"timing": {"repeat": bounds}}


def lasting(value: Any, code: str = "d") -> dict[str, Any]:
    return {"value": value, "code": code, "system": UCUM}


def supply(duration: dict[str, Any]) -> dict[str, Any]:
    return {"authoredOn": "2026-01-31", "dispenseRequest": {"expectedSupplyDuration": duration}}


COUNTS = {
    "an active order": ({}, True),
    "a completed order": ({"status": "completed"}, True),
    "a cancelled order": ({"status": "cancelled"}, False),
    "a draft": ({"status": "draft"}, False),
    "entered in error": ({"status": "entered-in-error"}, False),
    "a plan": ({"intent": "plan"}, False),
    "an order not to give it": ({"doNotPerform": True}, False),
    "an order not forbidden": ({"doNotPerform": False}, True),
}


@pytest.mark.parametrize(("elements", "is_given"), COUNTS.values(), ids=COUNTS)
def test_which_orders_count(elements: dict[str, Any], is_given: bool) -> None:
    fact = order(**elements)
    assert fact.is_given is is_given
    assert fact.is_order


SUPPLIES = {
    "one day": (lasting(1), date(2026, 1, 31)),
    "thirty days": (lasting(30), date(2026, 3, 1)),
    "two weeks": (lasting(2, "wk"), date(2026, 2, 13)),
    "a month, clamped to its end": (lasting(1, "mo"), date(2026, 2, 27)),
    "a year": (lasting(1, "a"), date(2027, 1, 30)),
    "36 hours": (lasting(36, "h"), date(2026, 2, 1)),
    "a day and a half, as received": (lasting(Number("1.50")), date(2026, 2, 1)),
    "in words": ({"value": 10, "unit": "Days"}, date(2026, 2, 9)),
    "a unit's word beside an unknown code": (
        {"value": 2, "unit": "weeks", "code": "{wk}", "system": UCUM},
        date(2026, 2, 13),
    ),
    "longer than the calendar": (lasting(Number("1e6000")), date(9999, 12, 30)),
    "years longer than the calendar": (lasting(Decimal(10) ** 30, "a"), date(9999, 12, 30)),
}


@pytest.mark.parametrize(("duration", "last"), SUPPLIES.values(), ids=SUPPLIES)
def test_an_order_covers_its_supply_and_the_first_day_counts(duration: dict[str, Any], last: date) -> None:
    fact = order(**supply(duration))
    assert (fact.start, fact.end, fact.runs_on) == (on(date(2026, 1, 31)), on(last), False)


UNREADABLE = {
    "no unit": {"value": 30},
    "an unknown unit": {"value": 30, "unit": "tablets"},
    "no value": {"unit": "days"},
    "nothing at all": lasting(0),
    "less than nothing": lasting(-5),
    "half a month": lasting(Decimal("0.5"), "mo"),
}


@pytest.mark.parametrize("duration", UNREADABLE.values(), ids=UNREADABLE)
def test_a_supply_that_cannot_be_read_leaves_the_end_to_the_policy(duration: dict[str, Any]) -> None:
    assert order(**supply(duration)).end is None


def test_a_partial_start_shifts_both_ends() -> None:
    elements = {**supply(lasting(30)), "authoredOn": "2026-01"}
    assert order(**elements).end == When(date(2026, 1, 30), date(2026, 3, 1))


def test_an_order_that_says_nothing_of_its_length_has_no_end() -> None:
    fact = order(authoredOn="2026-05-01")
    assert (fact.start, fact.end, fact.runs_on) == (on(date(2026, 5, 1)), None, False)


def test_an_order_without_any_date_has_none() -> None:
    elements = supply(lasting(30))
    del elements["authoredOn"]
    fact = order(**elements)
    assert (fact.start, fact.end) == (None, None)


MAY_5, MAY_9, MAY_20 = on(date(2026, 5, 5)), on(date(2026, 5, 9)), on(date(2026, 5, 20))
DOSAGES = {
    "a period": ([dosage(boundsPeriod={"start": "2026-05-05", "end": "2026-05-20"})], MAY_5, MAY_20),
    "a period without a start begins with the order": (
        [dosage(boundsPeriod={"end": "2026-05-20"})],
        on(date(2026, 5, 1)),
        MAY_20,
    ),
    "a duration counts from the order": ([dosage(boundsDuration=lasting(9))], on(date(2026, 5, 1)), MAY_9),
    "a range says nothing": (
        [dosage(boundsRange={"low": lasting(5), "high": lasting(10)})],
        on(date(2026, 5, 1)),
        None,
    ),
    "several: from the first day of any to the last of any": (
        [
            dosage(boundsPeriod={"start": "2026-05-05", "end": "2026-05-09"}),
            {"text": "as needed"},
            dosage(boundsPeriod={"start": "2026-05-10", "end": "2026-05-20"}),
        ],
        MAY_5,
        MAY_20,
    ),
    "a period that ends before the order was written down": (
        [dosage(boundsPeriod={"end": "2026-04-20"})],
        on(date(2026, 5, 1)),
        on(date(2026, 5, 1)),
    ),
}


@pytest.mark.parametrize("status", ["active", "completed"])
@pytest.mark.parametrize(("dosages", "start", "end"), DOSAGES.values(), ids=DOSAGES)
def test_an_order_without_a_supply_covers_its_dosage(
    dosages: list[dict[str, Any]], start: When, end: When | None, status: str
) -> None:
    fact = order(status, authoredOn="2026-05-01", dosageInstruction=dosages)
    assert (fact.start, fact.end, fact.runs_on) == (start, end, False)


def test_a_supply_counts_from_the_order_whatever_its_dosage_says() -> None:
    elements = supply(lasting(30))
    fact = order(
        dosageInstruction=[dosage(boundsPeriod={"start": "2026-02-05", "end": "2026-05-20"})], **elements
    )
    assert (fact.start, fact.end) == (on(date(2026, 1, 31)), on(date(2026, 3, 1)))


def test_an_order_of_which_only_the_end_is_known_covers_that_day() -> None:
    fact = order(dosageInstruction=[dosage(boundsPeriod={"end": "2026-05-20"})])
    assert (fact.start, fact.end) == (MAY_20, MAY_20)


OPEN = [dosage(boundsPeriod={"start": "2026-05-05"})]


def test_an_active_order_whose_dosage_has_no_end_runs_on_whatever_was_supplied() -> None:
    fact = order(dosageInstruction=OPEN, **supply(lasting(30)))
    assert (fact.start, fact.end, fact.runs_on) == (MAY_5, None, True)


def test_it_runs_on_from_the_first_of_several_dosages() -> None:
    dosages = [dosage(boundsPeriod={"start": "2026-05-09"}), dosage(boundsPeriod={"start": "2026-05-05"})]
    fact = order(dosageInstruction=[*dosages, dosage(boundsDuration=lasting(3))])
    assert (fact.start, fact.runs_on) == (MAY_5, True)


def test_a_completed_order_whose_dosage_has_no_end_does_not_run_on() -> None:
    fact = order("completed", authoredOn="2026-05-01", dosageInstruction=OPEN)
    assert (fact.start, fact.end, fact.runs_on) == (MAY_5, None, False)


STATEMENTS = {
    "a period": (
        {"effectivePeriod": {"start": "2026-05-05", "end": "2026-05-20"}},
        "active",
        (MAY_5, MAY_20, False),
    ),
    "used still": ({"effectivePeriod": {"start": "2026-05-05"}}, "active", (MAY_5, None, True)),
    "used once": ({"effectiveDateTime": "2026-05-05"}, "completed", (MAY_5, MAY_5, False)),
    "used since a day": ({"effectiveDateTime": "2026-05-05"}, "active", (MAY_5, None, True)),
    "used no more, nobody knows since when": (
        {"effectivePeriod": {"start": "2026-05-05"}},
        "completed",
        (MAY_5, MAY_5, False),
    ),
    "only said": ({"dateAsserted": "2026-05-05"}, "completed", (MAY_5, MAY_5, False)),
    "only its end is known": (
        {"effectivePeriod": {"end": "2026-05-20"}, "dateAsserted": "2026-05-25"},
        "completed",
        (MAY_20, MAY_20, False),
    ),
    "without a date": ({}, "active", (None, None, True)),
}


@pytest.mark.parametrize(("elements", "status", "covers"), STATEMENTS.values(), ids=STATEMENTS)
def test_what_a_statement_covers(elements: dict[str, Any], status: str, covers: tuple[Any, ...]) -> None:
    fact = statement(status, **elements)
    assert (fact.start, fact.end, fact.runs_on) == covers


@pytest.mark.parametrize(
    ("status", "is_given"),
    [("active", True), ("completed", True), ("intended", False), ("not-taken", False), ("stopped", False)],
)
def test_which_statements_count(status: str, is_given: bool) -> None:
    fact = statement(status)
    assert (fact.is_given, fact.is_order, fact.status) == (is_given, False, status)


def test_a_contained_drug_is_read_in_place() -> None:
    inside = {"resourceType": "Medication", "id": "m", "code": IBUPROFEN}
    fact = order(contained=[inside], medicationReference={"reference": "#m"})
    assert [meaning.concept for meaning in fact.meanings] == ["med_nsaid"]


@pytest.mark.parametrize("kind", ["MedicationRequest", "MedicationStatement"])
@pytest.mark.parametrize(
    "drug",
    [
        {"medicationReference": {"reference": "Medication/9"}},
        {"medicationReference": {"display": "Ibuprofen"}},
        {"medicationCodeableConcept": {"text": "Ibuprofen 400"}},
    ],
    ids=["another resource", "a name", "text"],
)
def test_a_drug_nobody_knows_is_left_out(kind: str, drug: dict[str, Any]) -> None:
    facts = READER.facts({"resourceType": kind, "id": "1", "status": "active", **drug})
    assert facts == (Unused(source=f"{kind}/1", reason="unknown-code"),)


def test_a_drug_is_tied_by_its_reason() -> None:
    disc = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M51.360"}]}
    fact = order(reasonCode=[disc], reasonReference=[{"reference": "Condition/dd"}])
    assert fact.tie == Tie(reason_regions=("lumbar",), reason_sources=("Condition/dd",))
