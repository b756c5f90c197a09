"""What only looks like treatment of the spine is none: it starts no trial, completes none, and is named."""

from datetime import date, timedelta
from typing import Any

import pytest

from referral_service.core.decide import decide
from referral_service.core.decision import Decision
from referral_service.core.timeline import Timeline
from referral_service.fhir.check import check
from referral_service.fhir.read import Reader
from tests.kit.words import AS_OF, PATHWAY, TERMINOLOGY

Json = dict[str, Any]

READER = Reader(TERMINOLOGY, "https://spine-referral.example/fhir")
SNOMED = "http://snomed.info/sct"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ANN = {"reference": "Patient/ann"}

PATIENT: Json = {"resourceType": "Patient", "id": "ann", "birthDate": "1985-03-14"}
BACK_PAIN: Json = {
    "resourceType": "Condition",
    "id": "pain",
    "subject": ANN,
    "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M54.50"}]},
    "onsetDateTime": "2025-11-03",
}
WEEKLY = [AS_OF - timedelta(7 * week) for week in range(20)]

# By name: the code, and the display that it was recorded under.
LOOK_ALIKES = {
    "epidural anaesthesia in labour": ("18946005", "Epidural anesthesia (procedure)"),
    "a skin closure under the code of epidural anaesthesia": ("18946005", "Skin closure"),
    "rehabilitation of an unknown kind": ("52052004", "Rehabilitation therapy (regime/therapy)"),
    "extraction of a wisdom tooth": ("65546002", "Extraction of wisdom tooth (procedure)"),
    "manipulation of the knee joint": ("699253003", "Surgical manipulation of joint of knee (procedure)"),
    "a referral for physical therapy": ("444831000124102", "Referral for physical therapy (procedure)"),
    "a referral to a chiropractor": ("308449000", "Referral for physical therapy"),
}
REASONS = {
    "18946005": "not-a-treatment",
    "52052004": "ambiguous-code",
    "65546002": "unknown-code",
    "699253003": "unknown-code",
    "444831000124102": "unknown-code",
}

look_alikes = pytest.mark.parametrize(("code", "display"), LOOK_ALIKES.values(), ids=LOOK_ALIKES.keys())


def procedure(code: str, display: str, on: date, **more: Any) -> Json:
    """A completed Procedure, as untidy senders record even what was only ordered."""
    return {
        "resourceType": "Procedure",
        "id": f"p{code}-{on}",
        "status": "completed",
        "subject": ANN,
        "code": {"coding": [{"system": SNOMED, "code": code, "display": display}]},
        "performedDateTime": f"{on}",
        **more,
    }


def therapy() -> list[Json]:
    """Twenty weeks of physical therapy, without a second modality."""
    return [procedure("91251008", "Physical therapy procedure", on) for on in WEEKLY]


def decided(*resources: Json) -> Decision:
    """The one decision about Ann with these resources."""
    chart = (PATIENT, BACK_PAIN, *resources)
    assert [issue for resource in chart for issue in check(resource)] == []
    timeline = Timeline.of(fact for resource in chart for fact in READER.facts(resource))
    (decision,) = decide(timeline, PATHWAY, AS_OF)
    return decision


def status(decision: Decision, criterion: str) -> str:
    return next(each.status for each in decision.criteria if each.id == criterion)


def left_out(decision: Decision) -> dict[str, str]:
    """By Procedure: why it is left out."""
    named = {fact.partition("/_history/")[0]: reason for fact, reason in decision.left_out}
    return {fact: reason for fact, reason in named.items() if fact.startswith("Procedure/")}


@look_alikes
def test_alone_it_is_no_treatment_and_named_as_left_out(code: str, display: str) -> None:
    decision = decided(*(procedure(code, display, on) for on in WEEKLY))
    assert (decision.region, decision.outcome, decision.reasons) == (
        "lumbar",
        "not-started",
        ("no-treatment",),
    )
    assert decision.trial_start is None
    assert left_out(decision).keys() == {f"Procedure/p{code}-{on}" for on in WEEKLY}


@pytest.mark.parametrize(("code", "reason"), REASONS.items())
def test_it_is_left_out_for_its_own_reason(code: str, reason: str) -> None:
    decision = decided(procedure(code, "Physical therapy", AS_OF))
    assert left_out(decision) == {f"Procedure/p{code}-{AS_OF}": reason}


@look_alikes
def test_said_to_be_for_the_spine_it_is_none_either(code: str, display: str) -> None:
    for_the_spine = {
        "bodySite": [{"coding": [{"system": SNOMED, "code": "122496007"}]}],
        "reasonReference": [{"reference": "Condition/pain"}],
    }
    decision = decided(*(procedure(code, display, on, **for_the_spine) for on in WEEKLY))
    assert (decision.outcome, decision.reasons) == ("not-started", ("no-treatment",))
    assert left_out(decision).keys() == {f"Procedure/p{code}-{on}" for on in WEEKLY}


@look_alikes
def test_it_is_no_second_modality(code: str, display: str) -> None:
    decision = decided(*therapy(), *(procedure(code, display, on) for on in WEEKLY))
    assert status(decision, "active-therapy") == "met"
    assert status(decision, "second-modality") == "not-met"
    assert decision.answer == decided(*therapy()).answer


@look_alikes
def test_it_does_not_keep_a_trial_going(code: str, display: str) -> None:
    early = [one for one in therapy() if one["performedDateTime"] < "2026-02-01"]
    ended = decided(*early)
    assert (ended.outcome, ended.reasons) == ("not-started", ("trial-lapsed",))
    assert decided(*early, *(procedure(code, display, on) for on in WEEKLY)).answer == ended.answer


def test_the_same_weeks_of_therapy_are_treatment() -> None:
    decision = decided(*therapy())
    assert (decision.outcome, decision.reasons) == ("review", ("trial-incomplete",))
    assert decision.trial_start == WEEKLY[-1]
    assert left_out(decision) == {}


@pytest.mark.parametrize("code", ["444831000124102", "308449000"])
def test_a_referral_for_therapy_holds_nothing(code: str) -> None:
    order = {
        "resourceType": "ServiceRequest",
        "id": "order",
        "status": "active",
        "intent": "order",
        "subject": ANN,
        "code": {"coding": [{"system": SNOMED, "code": code}]},
        "reasonReference": [{"reference": "Condition/pain"}],
    }
    assert decided(order).answer == ("not-started", None, frozenset({"no-treatment"}))
