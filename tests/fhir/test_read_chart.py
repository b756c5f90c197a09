"""The rest of a chart: the person, referrals, refusals, allergies and coverage."""

from datetime import date
from typing import Any

import pytest

from fhir_profiles import RESOURCES
from referral_service.core.dates import When, on
from referral_service.core.timeline import Allergy, Coverage, Order, Person, Refusal, Tie
from referral_service.fhir.check import check
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read import Reader

BASE = "https://spine-referral.example/fhir"
READER = Reader(Terminology.load(RESOURCES / "valuesets"), BASE)
SNOMED = "http://snomed.info/sct"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
HL7 = "http://terminology.hl7.org/CodeSystem"
ANN = {"reference": "Patient/ann"}


def coded(*codes: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for system, code in codes]}


def facts(kind: str, **elements: Any) -> Any:
    resource = {"resourceType": kind, "id": "1", **elements}
    assert check(resource) == []
    return READER.facts(resource)


def read(kind: str, **elements: Any) -> Any:
    (fact,) = facts(kind, **elements)
    return fact


PEOPLE = {
    "alive": ({"birthDate": "1970-02-01", "deceasedBoolean": False}, on(date(1970, 2, 1)), None, False),
    "of a year": ({"birthDate": "2008"}, When(date(2008, 1, 1), date(2008, 12, 31)), None, False),
    "died on a day": ({"deceasedDateTime": "2026-05-01"}, None, on(date(2026, 5, 1)), True),
    "died, nobody wrote down when": ({"deceasedBoolean": True}, None, None, True),
    "of whom nothing is known": ({}, None, None, False),
}


@pytest.mark.parametrize(("elements", "birth", "died", "is_deceased"), PEOPLE.values(), ids=PEOPLE)
def test_a_person(elements: dict[str, Any], birth: Any, died: Any, is_deceased: bool) -> None:
    expected = Person(source="Patient/1", birth=birth, died=died, is_deceased=is_deceased)
    assert read("Patient", **elements) == expected


NEUROSURGEON, SPECIALIST = (SNOMED, "308482002"), (SNOMED, "103696004")


def refer(*codes: tuple[str, str], **elements: Any) -> Any:
    request = {"status": "active", "intent": "order", "subject": ANN, **elements}
    return read("ServiceRequest", code=coded(*codes) if codes else {"text": "spine"}, **request)


def test_a_referral_by_a_human() -> None:
    lumbar, disc = coded((SNOMED, "122496007")), coded((ICD, "M51.360"))
    fact = refer(SPECIALIST, authoredOn="2026-05-01", bodySite=[lumbar], reasonCode=[disc])
    assert isinstance(fact, Order)
    assert [meaning.concept for meaning in fact.meanings] == ["refer_generic"]
    assert (fact.status, fact.intent, fact.is_ours) == ("active", "order", False)
    assert fact.at == on(date(2026, 5, 1))
    assert fact.tie == Tie(regions=("lumbar",), reason_regions=("lumbar",))


@pytest.mark.parametrize(
    ("system", "is_ours"), [(f"{BASE}/referral", True), ("http://ehr.example/orders", False)]
)
def test_our_own_order_is_known_by_its_identifier_when_an_ehr_echoes_it(system: str, is_ours: bool) -> None:
    identifiers = [{"value": "9"}, {"system": system, "value": "4711"}]
    assert refer(NEUROSURGEON, identifier=identifiers).is_ours is is_ours


@pytest.mark.parametrize(
    ("code", "elements", "reason"),
    [
        ([], {}, "unknown-code"),
        ([(SNOMED, "91251008")], {}, "not-used"),
        ([NEUROSURGEON], {"doNotPerform": True}, "not-used"),
    ],
    ids=["a request of unknown kind", "physiotherapy", "a request not to refer"],
)
def test_what_is_no_referral_is_left_out(code: Any, elements: dict[str, Any], reason: str) -> None:
    assert refer(*code, **elements).reason == reason


SIGNED = {
    "status": "active",
    "scope": coded((f"{HL7}/consentscope", "treatment")),
    "category": [{"text": "treatment"}],
    "policyRule": {"text": "opt-out"},
    "patient": ANN,
    "dateTime": "2026-05-01",
}


def consent(provision: dict[str, Any], status: str = "active") -> Any:
    return read("Consent", **SIGNED | {"status": status, "provision": provision})


def deny(*codes: tuple[str, str], **elements: Any) -> dict[str, Any]:
    return {"type": "deny", "code": [coded(code) for code in codes], **elements}


SURGERY = (SNOMED, "392236004")


def test_a_patient_refuses_a_consultation() -> None:
    fact = consent(deny(NEUROSURGEON))
    assert isinstance(fact, Refusal)
    assert [meaning.concept for meaning in fact.meanings] == ["refer_surgical"]
    assert fact.at == on(date(2026, 5, 1))


def test_a_refusal_within_what_is_permitted() -> None:
    within = {"type": "permit", "provision": [{"provision": [deny(SURGERY)]}, deny(NEUROSURGEON, SURGERY)]}
    assert [meaning.concept for meaning in consent(within).meanings] == [
        "prior_spine_surgery",
        "refer_surgical",
    ]


def test_a_refusal_for_a_time() -> None:
    fact = consent(deny(NEUROSURGEON, period={"start": "2026-05-10", "end": "2026-06"}))
    assert (fact.at, fact.until) == (
        on(date(2026, 5, 10)),
        When(date(2026, 6, 1), date(2026, 6, 30)),
    )


def test_a_refusal_from_its_signature_to_the_end_of_its_period() -> None:
    fact = consent(deny(NEUROSURGEON, period={"end": "2026-06-30"}))
    assert (fact.at, fact.until) == (on(date(2026, 5, 1)), on(date(2026, 6, 30)))


def test_a_refusal_within_what_has_a_period_has_that_period() -> None:
    within = {"type": "permit", "period": {"end": "2026-06-30"}, "provision": [deny(NEUROSURGEON)]}
    assert consent(within).until == on(date(2026, 6, 30))


def test_refusals_of_two_periods_are_two() -> None:
    later = deny(SURGERY, period={"end": "2026-07-31"})
    root = deny(NEUROSURGEON, period={"end": "2026-06-30"}, provision=[later])
    read_so = facts("Consent", **SIGNED, provision=root)
    assert [(one.part, [it.concept for it in one.meanings], one.until) for one in read_so] == [
        (0, ["refer_surgical"], on(date(2026, 6, 30))),
        (1, ["prior_spine_surgery"], on(date(2026, 7, 31))),
    ]


NO_REFUSALS = {
    "permitted": ({"type": "permit", "code": [coded(NEUROSURGEON)]}, "active"),
    "of something else": (deny((SNOMED, "91251008")), "active"),
    "of no code": ({"type": "deny"}, "active"),
    "withdrawn": (deny(NEUROSURGEON), "inactive"),
    "entered in error": (deny(NEUROSURGEON), "entered-in-error"),
}


@pytest.mark.parametrize(("provision", "status"), NO_REFUSALS.values(), ids=NO_REFUSALS)
def test_other_consents_decide_nothing(provision: dict[str, Any], status: str) -> None:
    assert consent(provision, status).reason == "not-used"


def allergy(clinical: str | None = "active", verification: str | None = None, **elements: Any) -> Any:
    if clinical:
        elements["clinicalStatus"] = coded((f"{HL7}/allergyintolerance-clinical", clinical))
    if verification:
        elements["verificationStatus"] = coded((f"{HL7}/allergyintolerance-verification", verification))
    return read("AllergyIntolerance", patient=ANN, **{"code": coded((RXNORM, "5640")), **elements})


ALLERGIES = {
    "active": ("active", None, True),
    "confirmed": ("active", "confirmed", True),
    "inactive": ("inactive", None, False),
    "resolved": ("resolved", None, False),
    "refuted": ("active", "refuted", False),
    "entered in error": (None, "entered-in-error", False),
}


@pytest.mark.parametrize(("clinical", "verification", "is_active"), ALLERGIES.values(), ids=ALLERGIES)
def test_an_allergy(clinical: str | None, verification: str | None, is_active: bool) -> None:
    fact = allergy(clinical, verification, recordedDate="2026-05-01")
    assert isinstance(fact, Allergy)
    assert (fact.is_active, fact.at) == (is_active, on(date(2026, 5, 1)))


def test_an_allergy_is_as_old_as_its_onset() -> None:
    assert allergy(onsetDateTime="2019", recordedDate="2026-05-01").at == When(
        date(2019, 1, 1), date(2019, 12, 31)
    )


def test_an_allergy_nobody_coded_is_left_out() -> None:
    assert allergy(code={"text": "nuts"}).reason == "unknown-code"


COVERAGES = {
    "the VA's": ("active", coded((f"{HL7}/v3-ActCode", "VET")), True, True),
    "the VA's community care": ("active", coded(("https://nahdo.org/sopt", "3212")), True, True),
    "that of a veteran's family": ("active", coded(("https://nahdo.org/sopt", "3221")), False, True),
    "of the past": ("cancelled", coded((f"{HL7}/v3-ActCode", "VET")), True, False),
    "of unknown kind": ("active", {"text": "VA"}, False, True),
}


@pytest.mark.parametrize(("status", "kind", "is_veteran", "is_active"), COVERAGES.values(), ids=COVERAGES)
def test_a_coverage(status: str, kind: dict[str, Any], is_veteran: bool, is_active: bool) -> None:
    payor = [{"display": "payor"}]
    fact = read("Coverage", status=status, type=kind, beneficiary=ANN, payor=payor)
    assert fact == Coverage(source="Coverage/1", is_veteran=is_veteran, is_active=is_active)
