"""A red flag is told about the patient whose source it is, and until no decision rests on it."""

import pytest

from referral_service.workflow.ingest import deletion
from referral_service.workflow.ports import DEFAULT_TENANT, Happening
from tests.workflow.answers import CAUDA, RETENTION
from tests.workflow.clinic import Clinic, clinic
from tests.workflow.test_persons import arrive, patient

__all__ = ["clinic"]


def told(clinic: Clinic) -> list[tuple[str, str]]:
    """About whom, and whether it stands."""
    return sorted((one["patient"]["reference"], one["status"]) for one in clinic.emitted("DetectedIssue"))


@pytest.fixture
def joined(clinic: Clinic) -> Clinic:
    """Eve and Fay are one person; the flag is Fay's."""
    clinic.post({"condition": "M51.26", "onset": -30, "id": "disc"}, patient="eve")
    clinic.post(CAUDA, patient="fay")
    arrive(clinic, patient("eve", "seealso fay"), patient("fay"))
    assert told(clinic) == [("Patient/fay", "preliminary")]
    return clinic


def test_what_is_said_of_another_patient_of_the_person_is_cancelled_there(joined: Clinic) -> None:
    joined.post({**CAUDA, "verification": "entered-in-error"}, patient="fay")
    assert told(joined) == [("Patient/fay", "cancelled")]


def test_what_is_deleted_of_another_patient_of_the_person_is_cancelled_there(joined: Clinic) -> None:
    gone = Happening("deleted", "Condition/fay-cauda", "Practitioner/demo")
    joined.store.commit(DEFAULT_TENANT, [deletion("Condition", "fay-cauda")], [gone])
    joined.evaluate()
    assert told(joined) == [("Patient/fay", "cancelled")]


def test_a_source_that_becomes_another_patients_of_the_person_is_told_there(joined: Clinic) -> None:
    (flag,) = (one for one in joined.emitted("Condition") if one["id"] == "fay-cauda")
    joined.put({**flag, "subject": {"reference": "Patient/eve"}})
    joined.evaluate()
    assert told(joined) == [("Patient/eve", "preliminary"), ("Patient/fay", "cancelled")]


def test_what_is_no_flag_of_a_patient_alone_is_cancelled_once_they_are_separated(clinic: Clinic) -> None:
    clinic.post({"condition": "M51.26", "onset": -30, "id": "disc"}, patient="eve")
    clinic.post(RETENTION, patient="fay")
    arrive(clinic, patient("eve", "seealso fay"), patient("fay"))
    assert told(clinic) == [("Patient/fay", "preliminary")]

    arrive(clinic, patient("eve"))

    assert told(clinic) == [("Patient/fay", "cancelled")]


def test_patients_who_are_no_person_any_more_have_their_own(joined: Clinic) -> None:
    arrive(joined, patient("eve"))
    assert told(joined) == [("Patient/fay", "preliminary")]
