"""Episodes and persons that turn out to be one: what was proposed goes on, and says what is so now."""

from sqlalchemy import select

from referral_service.store.tables import patient as queue
from tests.workflow.answers import CAUDA, RETENTION, proposal
from tests.workflow.clinic import EXHAUSTED, Clinic, clinic
from tests.workflow.test_after_an_answer import drafts
from tests.workflow.test_persons import arrive, patient

__all__ = ["clinic"]

OLD = {"condition": "M54.50", "onset": -500, "abated": -400, "id": "old"}
# With it the old episode and the present one are one.
BRIDGE = {"condition": "M54.50", "onset": -420, "id": "bridge"}
# Pain that care has not eased: another reason for the same answer.
PAIN = [{"score": "72514-3", "value": 7, "on": day, "id": f"pain-{-day}"} for day in (-208, -3)]
REFUTED = {**RETENTION, "verification": "refuted"}


def set_aside(clinic: Clinic) -> list[str]:
    """Patients whose evaluation has failed or still waits."""
    with clinic.engine.connect() as connection:
        rows = connection.execute(select(queue))
        return [row.id for row in rows if row.place is not None or row.parked_at]


def test_a_merge_that_changes_the_reasons_is_decided_and_so_is_a_red_flag_after_it(clinic: Clinic) -> None:
    clinic.post(OLD, *EXHAUSTED)
    clinic.post(BRIDGE, *PAIN)
    assert set_aside(clinic) == []
    clinic.post(CAUDA)
    assert "stat" in drafts(clinic)


def test_so_it_is_when_they_merge_while_a_proposal_waits(clinic: Clinic) -> None:
    clinic.post(OLD, *EXHAUSTED)
    clinic.post(RETENTION)
    clinic.post(BRIDGE)
    clinic.post(REFUTED)
    (guidance,) = clinic.emitted("GuidanceResponse")
    rests_on = proposal(clinic)["supportingInfo"][0]["reference"]
    assert rests_on.startswith(f"GuidanceResponse/{guidance['id']}/")
    clinic.post(*PAIN)
    assert set_aside(clinic) == []
    clinic.post(CAUDA)
    assert "stat" in drafts(clinic)


def test_two_persons_who_are_one_for_other_reasons_are_decided_on(clinic: Clinic) -> None:
    clinic.post(EXHAUSTED[0], *PAIN, patient="ann")
    clinic.post(*EXHAUSTED, patient="zoe")
    arrive(clinic, patient("zoe", "seealso ann"))
    assert set_aside(clinic) == []


def test_what_is_resumed_says_what_supports_it_now(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    clinic.post(RETENTION)
    clinic.post(*PAIN)
    clinic.post(REFUTED)
    resumed = proposal(clinic)
    assert resumed["status"] == "draft"
    assert "pain" in resumed["note"][0]["text"].lower()
    clinic.post({"procedure": "97010", "on": 0, "id": "whatever"})
    assert proposal(clinic)["note"] == resumed["note"]
