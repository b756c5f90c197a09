"""An order to one of several EHRs of a tenant: about its own patient, by the id that it knows them by."""

import pytest

from referral_service.fake_ehr.server import FakeEhr
from tests.workflow.answers import proposal, say, statuses
from tests.workflow.clinic import EXHAUSTED, Clinic, clinic
from tests.workflow.delivery import posting
from tests.workflow.test_persons import arrive, patient
from tests.workflow.test_transmit import SENT, on_the_list, states

__all__ = ["clinic"]
NUMBER = {"identifier": [{"system": "https://health-system.example/person-number", "value": "7"}]}


def test_it_is_about_their_patient_and_told_of_as_ours(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr(), source="north") as post:
        post.approve("north.pat")
        assert post.deliver() == ["arrived"]
        (order,), (task,) = post.ehr.stored("ServiceRequest"), post.ehr.stored("Task")
        assert order["subject"]["reference"] == task["for"]["reference"] == "Patient/pat"
        assert [it["reference"] for it in order["reasonReference"]] == ["Condition/pat-disc"]
        assert sorted(statuses(clinic)) == sorted(SENT)

        post.ehr.put({**task, "status": "accepted"})
        assert post.ask() == 1

        assert ("fulfill", "accepted") in statuses(clinic)


def test_who_is_known_there_by_a_number_alone_is_named_by_it(clinic: Clinic) -> None:
    with posting(clinic, FakeEhr(), source="north") as post:
        clinic.post(*EXHAUSTED, patient="south.zoe")
        arrive(clinic, patient("south.zoe", **NUMBER))
        say(clinic, "approve", proposal(clinic))

        assert post.deliver() == ["arrived"]

        (order,) = post.ehr.stored("ServiceRequest")
        assert order["subject"] == {"type": "Patient", "identifier": NUMBER["identifier"][0]}
        assert all("reference" not in it for it in order["reasonReference"])


@pytest.mark.parametrize("stranger", ["pat", "south.pat"])
def test_whom_nobody_there_can_know_is_not_sent_to_another_s_chart(clinic: Clinic, stranger: str) -> None:
    """North has a Patient/pat too, who is somebody else."""
    with posting(clinic, FakeEhr(), source="north") as post:
        post.approve(stranger)

        assert post.deliver() == ["refused"]

        assert post.there() == (0, 0)
        assert states(post) == [("stopped", 1, "refused")]
        assert on_the_list(post) == ["failed"]
