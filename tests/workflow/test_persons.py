"""Patients of several EHRs who are one person: joined by a link or a number, decided on once, separated.

In each story `ann` is one EHR's patient and `zoe` another's.
"""

from itertools import product
from time import sleep
from typing import Any

import pytest

from referral_service.clock import SystemClock
from referral_service.fhir.search.query import parse
from referral_service.fhir.search.table import KINDS
from referral_service.store.erase import Eraser, Why
from referral_service.store.search import Search
from referral_service.store.tables import referral
from referral_service.workflow.ports import DEFAULT_TENANT, PatientId
from tests.kit.judged import RECORD_NUMBERS
from tests.workflow.answers import CAUDA, again, say, statuses, task, tell
from tests.workflow.clinic import EXHAUSTED, Clinic, clinic

__all__ = ["clinic"]
Json = dict[str, Any]
# What is missing here, the other EHR has.
HALF, OTHER_HALF = EXHAUSTED[:2], EXHAUSTED[2:]


def patient(id: str, *links: str, number: str = "", **more: Any) -> Json:
    """A Patient; a link is "type other"."""
    said: Json = {"resourceType": "Patient", "id": id, "birthDate": "1970-01-02"}
    if number:
        said["identifier"] = [{"system": RECORD_NUMBERS, "value": number}]
    if links:
        said["link"] = [
            {"type": type, "other": {"reference": f"Patient/{other}"}}
            for type, other in (link.split() for link in links)
        ]
    return {**said, **more}


def arrive(clinic: Clinic, *patients: Json) -> None:
    for one in patients:
        clinic.put(one)
    clinic.evaluate()


def halves(clinic: Clinic) -> None:
    clinic.post(*HALF, patient="ann")
    clinic.post(*OTHER_HALF, patient="zoe")


def drafts(clinic: Clinic) -> list[tuple[str, str]]:
    """Whose proposals are open, and how urgent."""
    return [
        (r["subject"]["reference"], r["priority"])
        for r in clinic.emitted("ServiceRequest")
        if r["status"] in ("draft", "on-hold") and r["intent"] == "proposal"
    ]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([patient("ann", "seealso zoe")], id="one sees the other"),
        pytest.param([patient("zoe", "replaces ann")], id="the other replaces it"),
        pytest.param([patient("ann", number="7"), patient("zoe", number="7")], id="the same number"),
        pytest.param(
            [patient("ann", "refer old"), patient("old", number="7"), patient("zoe", number="7")],
            id="by way of a third",
        ),
    ],
)
def test_care_at_two_places_is_one_trial(clinic: Clinic, said: list[Json]) -> None:
    halves(clinic)
    assert drafts(clinic) == []

    arrive(clinic, *said)

    assert len(drafts(clinic)) == 1


def test_the_order_of_arrival_means_nothing(clinic: Clinic) -> None:
    arrive(clinic, patient("ann", "seealso zoe"))
    for resource, name in ((HALF, "ann"), (OTHER_HALF, "zoe")):
        for one in resource:
            clinic.post(one, patient=name)
        arrive(clinic, patient("ann", "seealso zoe"))

    assert drafts(clinic) == [("Patient/ann", "routine")]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(
            [patient("ann", number="7"), patient("zoe", number="7", birthDate="1971-01-02")],
            id="born on other days",
        ),
        pytest.param(
            [
                patient("ann", identifier=[{"system": "https://plan.example/member", "value": "7"}]),
                patient("zoe", identifier=[{"system": "https://plan.example/member", "value": "7"}]),
            ],
            id="a number that the site does not trust",
        ),
        pytest.param(
            [
                patient("ann", number="7"),
                patient("zoe", identifier=[{"system": RECORD_NUMBERS, "value": "7", "use": "old"}]),
            ],
            id="a number that is no longer used",
        ),
        pytest.param(
            [patient(name, number="7") for name in ("ann", "zoe", *"abcdefg")], id="a number of everybody"
        ),
    ],
)
def test_who_may_be_two_is_never_joined(clinic: Clinic, said: list[Json]) -> None:
    halves(clinic)

    arrive(clinic, *said)

    assert drafts(clinic) == []


def test_a_birth_date_written_less_precisely_says_nothing_against_it(clinic: Clinic) -> None:
    halves(clinic)

    arrive(clinic, patient("ann", number="7"), patient("zoe", number="7", birthDate="1970"))

    assert drafts(clinic) == [("Patient/ann", "routine")]


def test_separated_each_is_decided_on_alone_again(clinic: Clinic) -> None:
    halves(clinic)
    before = sorted(clinic.outcomes(), key=str)
    arrive(clinic, patient("ann", "seealso zoe"))
    assert drafts(clinic)

    arrive(clinic, patient("ann"))

    assert drafts(clinic) == []
    assert [status for *_, status in clinic.proposals()] == ["revoked"]
    assert sorted(clinic.outcomes(), key=str) == before


def test_one_that_was_replaced_has_no_referral_of_its_own(clinic: Clinic) -> None:
    halves(clinic)

    arrive(clinic, patient("ann", "replaced-by zoe"))

    assert drafts(clinic) == [("Patient/zoe", "routine")]


def test_of_two_drafts_the_older_one_stays(clinic: Clinic) -> None:
    for name in ("zoe", "ann"):
        clinic.post(*EXHAUSTED, patient=name)
    assert len(drafts(clinic)) == 2

    arrive(clinic, patient("ann", "seealso zoe"))

    assert drafts(clinic) == [("Patient/zoe", "routine")]
    assert sorted(t["status"] for t in clinic.emitted("Task")) == ["cancelled", "requested"]
    arrive(clinic, patient("ann", "seealso zoe", gender="female"))
    assert drafts(clinic) == [("Patient/zoe", "routine")]


def test_a_draft_is_not_made_beside_an_order(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED, patient="zoe")
    (only,) = (r for r in clinic.emitted("ServiceRequest"))
    order = say(clinic, "approve", only)
    clinic.post(*EXHAUSTED, patient="ann")

    arrive(clinic, patient("ann", "seealso zoe"))

    assert drafts(clinic) == []
    assert again(clinic, order)["status"] == "active"


def test_of_two_orders_that_nobody_has_yet_one_is_taken_back(clinic: Clinic) -> None:
    for name in ("zoe", "ann"):
        clinic.post(*EXHAUSTED, patient=name)
    for request in clinic.emitted("ServiceRequest"):
        say(clinic, "approve", request)

    arrive(clinic, patient("ann", "seealso zoe"))

    orders = sorted(status for what, status in statuses(clinic) if what == "order")
    assert orders == ["active", "revoked"]


def test_a_red_flag_of_one_is_the_person_s(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED, patient="ann")
    arrive(clinic, patient("ann", "seealso zoe"))

    clinic.post(CAUDA, patient="zoe")

    assert sorted(drafts(clinic)) == [("Patient/ann", "routine"), ("Patient/ann", "stat")]
    assert sorted(r["status"] for r in clinic.emitted("ServiceRequest")) == ["draft", "on-hold"]


def test_two_urgent_ones_become_one(clinic: Clinic) -> None:
    for name in ("zoe", "ann"):
        clinic.post(CAUDA, patient=name)
    assert len(drafts(clinic)) == 2

    arrive(clinic, patient("ann", "seealso zoe"))

    assert drafts(clinic) == [("Patient/zoe", "stat")]


def test_what_a_person_has_answered_about_one_is_answered_about_both(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED, patient="zoe")
    (only,) = clinic.emitted("ServiceRequest")
    say(clinic, "decline", only, reason="patient-declined")
    clinic.post(*EXHAUSTED[:1], patient="ann")

    arrive(clinic, patient("ann", "seealso zoe"))

    assert drafts(clinic) == []
    assert task(clinic)["status"] == "completed"


def test_an_answer_is_not_lost_to_a_worker_that_looks_at_the_person(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED, patient="zoe")
    arrive(clinic, patient("ann"), patient("zoe", "seealso ann"))
    (only,) = clinic.emitted("ServiceRequest")
    clinic.post(CAUDA, patient="ann", evaluate=False)
    claims = clinic.store.claim(9, clinic.clock.as_of())
    late = [clinic.assessor.evaluate(chart) for chart in clinic.store.load(claims)]

    order = tell(clinic, "approve", only)
    clinic.store.save(late)
    clinic.evaluate()

    assert again(clinic, only)["status"] == "completed"
    assert again(clinic, order)["status"] == "active"


@pytest.mark.parametrize("gone", ["ann", "zoe"])
def test_what_rested_on_care_that_was_erased_is_withdrawn(clinic: Clinic, gone: str) -> None:
    halves(clinic)
    arrive(clinic, patient("zoe"), patient("ann", "seealso zoe"))
    assert drafts(clinic)

    eraser = Eraser(clinic.engine, SystemClock(), DEFAULT_TENANT)
    eraser.erase(PatientId(gone), Why(actor="Practitioner/demo", reason="patient-request"))
    clinic.evaluate()

    assert drafts(clinic) == []


def test_every_row_stays_its_own_patient_s(clinic: Clinic) -> None:
    for name in ("zoe", "ann"):
        clinic.post(*EXHAUSTED, patient=name)
    arrive(clinic, patient("ann", "seealso zoe"))

    arrive(clinic, patient("ann"))

    with clinic.engine.connect() as connection:
        owners = sorted(row.patient for row in connection.execute(referral.select()))
    assert set(owners) == {"ann", "zoe"}
    assert sorted(drafts(clinic)) == [("Patient/ann", "routine"), ("Patient/zoe", "routine")]


def test_each_of_their_patients_finds_the_referral(clinic: Clinic) -> None:
    halves(clinic)
    arrive(clinic, patient("ann", "seealso zoe"))
    search = Search(clinic.engine)

    for name, parameter in product(("ann", "zoe"), ("patient", "subject")):
        for kind in ("ServiceRequest", "Task", "GuidanceResponse"):
            asked = parse(KINDS[kind], [(parameter, f"Patient/{name}")], as_of=SystemClock().now())
            found = search.page(DEFAULT_TENANT, asked)
            assert found.matches, (name, kind)


def test_what_was_known_before_they_were_joined_is_known_of_each_alone(clinic: Clinic) -> None:
    halves(clinic)
    before = SystemClock().now()
    sleep(0.005)  # what is kept is as exact as a millisecond
    ann, zoe = PatientId("ann"), PatientId("zoe")

    arrive(clinic, patient("ann", "seealso zoe"))

    of_both = {fact.source for fact in clinic.store.facts_of(DEFAULT_TENANT, ann)}
    assert of_both == {fact.source for fact in clinic.store.facts_of(DEFAULT_TENANT, zoe)}
    earlier = [clinic.store.facts_of(DEFAULT_TENANT, one, before) for one in (ann, zoe)]
    assert {fact.source.partition("-")[0].partition("/")[2] for fact in earlier[0]} == {"ann"}
    assert {fact.source.partition("-")[0].partition("/")[2] for fact in earlier[1]} == {"zoe"}
