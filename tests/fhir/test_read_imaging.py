"""Imaging: reports, coded findings, and studies that nobody has read."""

from datetime import date
from typing import Any

import pytest

from fhir_profiles import RESOURCES
from referral_service.core.dates import on
from referral_service.core.timeline import Imaging, Tie, Unused
from referral_service.fhir.check import check
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read import Reader

BASE = "https://spine-referral.example/fhir"
READER = Reader(Terminology.load(RESOURCES / "valuesets"), BASE)
LOINC = "http://loinc.org"
FINDING = f"{BASE}/CodeSystem/spine-imaging-finding"
LUMBAR_MRI = (LOINC, "30679-5")


def coded(*codes: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for system, code in codes]}


def report(*codes: tuple[str, str], status: str = "final", **elements: Any) -> Any:
    code = coded(*codes) if codes else {"text": "MRI of the lumbar spine"}
    resource = {"resourceType": "DiagnosticReport", "id": "1", "status": status, "code": code, **elements}
    assert check(resource) == []
    (fact,) = READER.facts(resource)
    return fact


def test_a_report_is_tied_by_its_code() -> None:
    fact = report(LUMBAR_MRI, effectiveDateTime="2026-01-15")
    assert [meaning.concept for meaning in fact.meanings] == ["mri"]
    assert (fact.tie, fact.at, fact.status) == (Tie(regions=("lumbar",)), on(date(2026, 1, 15)), "final")


DATED = {
    "the end of a period": {"effectivePeriod": {"start": "2026-01-14", "end": "2026-01-15"}},
    "its issue": {"issued": "2026-01-15T08:00:00Z"},
}


@pytest.mark.parametrize("elements", DATED.values(), ids=DATED)
def test_the_day_of_a_report(elements: dict[str, Any]) -> None:
    assert report(LUMBAR_MRI, **elements).at == on(date(2026, 1, 15))


@pytest.mark.parametrize("status", ["preliminary", "amended", "entered-in-error"])
def test_the_status_of_a_report_is_kept(status: str) -> None:
    assert report(LUMBAR_MRI, status=status).status == status


def test_conclusions_are_findings() -> None:
    conclusions = [coded((FINDING, "progression"), (FINDING, "extrusion")), {"text": "worse"}]
    assert report(LUMBAR_MRI, conclusionCode=conclusions).findings == (
        "imaging_progression",
        "disc_extrusion",
    )


def test_a_narrative_alone_is_no_finding() -> None:
    assert report(LUMBAR_MRI, conclusion="Progression since the last study.").findings == ()


def test_a_finding_counts_even_under_a_code_nobody_knows_but_makes_no_report_of_it() -> None:
    fact = report(conclusionCode=[coded((FINDING, "sequestration"))])
    assert (fact.findings, fact.meanings, fact.tie) == (("disc_sequestration",), (), Tie())


def test_reports_of_other_things_are_left_out() -> None:
    assert report() == Unused(source="DiagnosticReport/1", reason="unknown-code")
    assert report((LOINC, "97909-6")) == Unused(source="DiagnosticReport/1", reason="not-used")


def test_a_study_alone_has_been_read_by_nobody() -> None:
    study: dict[str, Any] = {"resourceType": "ImagingStudy", "id": "1", "status": "available"}
    study["subject"] = {"reference": "Patient/ann"}
    assert check(study) == []
    assert READER.facts(study) == (Unused(source="ImagingStudy/1", reason="not-read"),)


def test_an_observation_holds_a_finding_but_is_no_report() -> None:
    resource = {
        "resourceType": "Observation",
        "id": "1",
        "status": "final",
        "code": coded(LUMBAR_MRI),
        "effectiveDateTime": "2026-01-15",
        "valueCodeableConcept": coded((FINDING, "progression")),
    }
    assert check(resource) == []
    assert READER.facts(resource) == (
        Imaging(
            source="Observation/1",
            findings=("imaging_progression",),
            at=on(date(2026, 1, 15)),
            status="final",
            tie=Tie(regions=("lumbar",)),
        ),
    )
