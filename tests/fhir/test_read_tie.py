"""What ties a treatment to a region: its own code, else its body site, else its reasons."""

from typing import Any

import pytest

from fhir_profiles import RESOURCES
from referral_service.core.timeline import Procedure, Tie
from referral_service.fhir.check import check
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read import Reader

READER = Reader(Terminology.load(RESOURCES / "valuesets"), "https://spine-referral.example/fhir")
CPT = "http://www.ama-assn.org/go/cpt"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
THERAPY = (CPT, "97110")
LUMBAR_EPIDURAL = (CPT, "62323")

LUMBAR, CERVICAL, SPINE = (SNOMED, "122496007"), (SNOMED, "122494005"), (SNOMED, "421060004")
KNEE = ("http://ehr.example/sites", "KNEE")


def coded(*codes: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for system, code in codes]}


def tie(code: tuple[str, str] = THERAPY, **elements: Any) -> Tie:
    resource = {
        "resourceType": "Procedure",
        "id": "1",
        "status": "completed",
        "code": coded(code),
        "subject": {"reference": "Patient/ann"},
        **elements,
    }
    assert check(resource) == []
    (fact,) = READER.facts(resource)
    assert isinstance(fact, Procedure)
    return fact.tie


def test_nothing_ties_a_plain_treatment() -> None:
    assert tie() == Tie()


def test_the_code_itself_decides_before_the_site() -> None:
    assert tie(LUMBAR_EPIDURAL, bodySite=[coded(KNEE)]) == Tie(regions=("lumbar",))


SITES = {
    "the lumbar spine": ([coded(LUMBAR)], Tie(regions=("lumbar",))),
    "two regions": ([coded(LUMBAR), coded(CERVICAL)], Tie(regions=("lumbar", "cervical"))),
    "the back, which ties to nothing": ([coded(SPINE)], Tie()),
    "a knee": ([coded(KNEE)], Tie(elsewhere=True)),
    "a knee and the lumbar spine": ([coded(KNEE), coded(LUMBAR)], Tie(regions=("lumbar",))),
    "a knee and the back": ([coded(KNEE), coded(SPINE)], Tie()),
    "one site in two systems": (
        [coded(("http://ehr.example/sites", "L-SP"), LUMBAR)],
        Tie(regions=("lumbar",)),
    ),
    "only text": ([{"text": "knee"}], Tie()),
    "a code of no system": ([{"coding": [{"code": "KNEE"}]}], Tie()),
}


@pytest.mark.parametrize(("sites", "expected"), SITES.values(), ids=SITES)
def test_a_coded_site(sites: list[dict[str, Any]], expected: Tie) -> None:
    assert tie(bodySite=sites) == expected


REASONS = {
    "a lumbar disc": ([coded((ICD, "M51.360"))], Tie(reason_regions=("lumbar",))),
    "a lumbar disc and a neck": (
        [coded((ICD, "M51.360")), coded((ICD, "M54.2"))],
        Tie(reason_regions=("lumbar", "cervical")),
    ),
    "a back of no region": ([coded((ICD, "M54.9"))], Tie(reason_spine=True)),
    "a scoliosis": ([coded((ICD, "M41.9"))], Tie(reason_spine=True)),
    "a spine that was operated on": ([coded((ICD, "M96.1"))], Tie(reason_spine=True)),
    "a fresh fracture of no region": ([coded((ICD, "M48.50XA"))], Tie(reason_spine=True)),
    "an abscess in the spinal canal": ([coded((ICD, "G06.1"))], Tie(reason_spine=True)),
    "a knee": ([coded((ICD, "M17.11"))], Tie(reason_elsewhere=True)),
    "a knee and a lumbar disc": (
        [coded((ICD, "M17.11")), coded((ICD, "M51.360"))],
        Tie(reason_regions=("lumbar",), reason_elsewhere=True),
    ),
    "a back of no region that is also of one": (
        [coded((ICD, "M54.9"), (ICD, "M54.50"))],
        Tie(reason_regions=("lumbar",)),
    ),
    "a knee that is also of the lumbar spine": (
        [coded((ICD, "M17.11"), (ICD, "M54.50"))],
        Tie(reason_regions=("lumbar",)),
    ),
    "chronic pain of no region": ([coded((ICD, "G89.29"))], Tie()),
    "a diabetes": ([coded((ICD, "E11.9"))], Tie()),
    "only text": ([{"text": "low back pain"}], Tie()),
}


@pytest.mark.parametrize(("reasons", "expected"), REASONS.values(), ids=REASONS)
def test_a_coded_reason(reasons: list[dict[str, Any]], expected: Tie) -> None:
    assert tie(reasonCode=reasons) == expected


REFERENCES = {
    "relative": "Condition/dd",
    "of one version": "Condition/dd/_history/2",
    "absolute": "https://ehr.example/r4/Condition/dd",
    "absolute and of one version": "https://ehr.example/r4/Condition/dd/_history/2",
}


@pytest.mark.parametrize("reference", REFERENCES.values(), ids=REFERENCES)
def test_a_condition_that_is_the_reason_is_looked_up_later(reference: str) -> None:
    assert tie(reasonReference=[{"reference": reference}]) == Tie(reason_sources=("Condition/dd",))


def test_a_condition_named_twice_is_one_reason() -> None:
    reasons = [{"reference": "Condition/dd"}, {"reference": "Condition/dd/_history/2"}]
    assert tie(reasonReference=reasons).reason_sources == ("Condition/dd",)


@pytest.mark.parametrize(
    "reference", [{"reference": "Observation/1"}, {"display": "the back"}, {"identifier": {"value": "1"}}]
)
def test_a_reason_that_is_no_condition_ties_to_nothing(reference: dict[str, Any]) -> None:
    assert tie(reasonReference=[reference]) == Tie()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ({"code": coded((ICD, "M51.360"))}, Tie(reason_regions=("lumbar",))),
        ({"code": coded((ICD, "M17.11"))}, Tie(reason_elsewhere=True)),
        ({}, Tie()),
    ],
    ids=["a lumbar disc", "a knee", "without a code"],
)
def test_a_contained_condition_is_read_in_place(code: dict[str, Any], expected: Tie) -> None:
    inside = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/ann"}, **code}
    assert tie(contained=[inside], reasonReference=[{"reference": "#c"}]) == expected


def test_reasons_are_there_even_where_the_code_or_the_site_decides() -> None:
    knee = [coded((ICD, "M17.11"))]
    assert tie(LUMBAR_EPIDURAL, reasonCode=knee) == Tie(regions=("lumbar",), reason_elsewhere=True)
    assert tie(bodySite=[coded(KNEE)], reasonReference=[{"reference": "Condition/dd"}]) == Tie(
        elsewhere=True, reason_sources=("Condition/dd",)
    )


def test_a_study_of_the_whole_spine_is_of_every_region() -> None:
    whole_spine = {
        "resourceType": "DiagnosticReport",
        "id": "1",
        "status": "final",
        "code": coded(("http://loinc.org", "30854-4")),
    }
    (report,) = READER.facts(whole_spine)
    assert report.tie == Tie(regions=("cervical", "thoracic", "lumbar"))
