"""Which version a fact comes from, since when it is known, and to whom it belongs."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from fhir_profiles import RESOURCES
from referral_service.core.dates import When
from referral_service.core.timeline import Unused
from referral_service.fhir.check import check
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read import Reader, patient_of

READER = Reader(Terminology.load(RESOURCES / "valuesets"), "https://spine-referral.example/fhir")


def condition(**elements: Any) -> dict[str, Any]:
    resource = {"resourceType": "Condition", "id": "1", "subject": {"reference": "Patient/ann"}, **elements}
    assert check(resource) == []
    return resource


def test_a_fact_names_the_version_it_was_read_from() -> None:
    (fact,) = READER.facts(condition(meta={"versionId": "7"}))
    assert fact.evidence == "Condition/1/_history/7"


def test_a_resource_without_a_version_is_its_first() -> None:
    (fact,) = READER.facts(condition())
    assert fact.evidence == "Condition/1/_history/1"


KNOWN_AT = {
    "the server says when": (
        {"meta": {"lastUpdated": "2026-05-01T23:30:00.5-05:00"}, "recordedDate": "2026-01-01"},
        datetime(2026, 5, 2, 4, 30, 0, 500000, UTC),
    ),
    "a leap second": (
        {"meta": {"lastUpdated": "2016-12-31T23:59:60Z"}},
        datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC),
    ),
    "recorded at an instant": (
        {"recordedDate": "2026-05-01T08:00:00+02:00"},
        datetime(2026, 5, 1, 6, tzinfo=UTC),
    ),
    "recorded on a day": ({"recordedDate": "2026-05-01"}, datetime(2026, 5, 1, tzinfo=UTC)),
    "recorded some time in May": ({"recordedDate": "2026-05"}, datetime(2026, 5, 1, tzinfo=UTC)),
    "recorded at the beginning of time, east of Greenwich": (
        {"recordedDate": "0001-01-01T00:00:00+14:00"},
        None,
    ),
    "nobody says": ({}, None),
}


@pytest.mark.parametrize(("elements", "known_at"), KNOWN_AT.values(), ids=KNOWN_AT)
def test_offline_a_fact_is_known_since(elements: dict[str, Any], known_at: datetime | None) -> None:
    (fact,) = READER.facts(condition(**elements))
    assert fact.known_at == known_at


def test_a_report_is_known_since_its_issue_and_an_order_since_its_writing() -> None:
    report = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "MRI"}}
    order: dict[str, Any] = {"resourceType": "ServiceRequest", "status": "active", "intent": "order"}
    order["subject"] = {"reference": "Patient/ann"}
    (issued,) = READER.facts({**report, "id": "1", "issued": "2026-05-01T08:00:00Z"})
    (authored,) = READER.facts({**order, "id": "1", "authoredOn": "2026-05-02"})
    assert issued.known_at == datetime(2026, 5, 1, 8, tzinfo=UTC)
    assert authored.known_at == datetime(2026, 5, 2, tzinfo=UTC)


WRITTEN = {
    "2026-05-01T23:30:00-05:00": (date(2026, 5, 1), date(2026, 5, 1)),
    "2026-05-01T00:30:00+14:00": (date(2026, 5, 1), date(2026, 5, 1)),
    "2026-05-01": (date(2026, 5, 1), date(2026, 5, 1)),
    "2024-02": (date(2024, 2, 1), date(2024, 2, 29)),
    "2025": (date(2025, 1, 1), date(2025, 12, 31)),
    "9999": (date(9999, 1, 1), date(9999, 12, 31)),
}


@pytest.mark.parametrize(("written", "days"), WRITTEN.items(), ids=list(WRITTEN))
def test_a_day_is_the_sender_s_own(written: str, days: tuple[date, date]) -> None:
    (fact,) = READER.facts(condition(onsetDateTime=written))
    assert fact.onset == When(*days)


REFERENCES = {
    "relative": ("Patient/ann", "ann"),
    "of one version": ("Patient/ann/_history/3", "ann"),
    "absolute": ("https://ehr.example/r4/Patient/ann", "ann"),
    "absolute and of one version": ("https://ehr.example/r4/Patient/ann/_history/3", "ann"),
    "a group": ("Group/ann", None),
    "not resolved yet": ("urn:uuid:1b4e28ba-2fa1-11d2-883f-0016d3cca427", None),
    "a search": ("Patient?identifier=a", None),
}


@pytest.mark.parametrize(("reference", "patient"), REFERENCES.values(), ids=REFERENCES)
def test_a_resource_belongs_to_the_patient_it_refers_to(reference: str, patient: str | None) -> None:
    assert patient_of({"resourceType": "Procedure", "subject": {"reference": reference}}) == patient


OWNERS = {
    "Condition": "subject",
    "AllergyIntolerance": "patient",
    "Consent": "patient",
    "Coverage": "beneficiary",
    "Task": "for",
}


@pytest.mark.parametrize(("kind", "element"), OWNERS.items(), ids=OWNERS)
def test_every_type_has_its_own_word_for_the_patient(kind: str, element: str) -> None:
    assert patient_of({"resourceType": kind, element: {"reference": "Patient/ann"}}) == "ann"


def test_a_patient_belongs_to_itself() -> None:
    assert patient_of({"resourceType": "Patient", "id": "ann"}) == "ann"


@pytest.mark.parametrize("subject", [{"display": "Ann"}, {"identifier": {"value": "4711"}}])
def test_a_patient_named_without_a_reference_is_nobody_we_know(subject: dict[str, Any]) -> None:
    assert patient_of({"resourceType": "Condition", "subject": subject}) is None


def test_an_organization_belongs_to_no_patient() -> None:
    assert patient_of({"resourceType": "Organization", "id": "1", "name": "Spine Clinic"}) is None


@pytest.mark.parametrize(
    "kind",
    ["Encounter", "Organization", "Practitioner", "PractitionerRole", "Location", "Goal", "Task", "Claim"],
)
def test_types_that_decide_nothing_are_left_out_with_a_reason(kind: str) -> None:
    assert READER.facts({"resourceType": kind, "id": "1"}) == (Unused(source=f"{kind}/1", reason="not-used"),)
