"""Episodes and persons that turn out to be one: what was proposed goes on, and says what is so now."""

from typing import Any

import pytest
from sqlalchemy import select

from referral_service.store import bodies
from referral_service.store.tables import patient as queue
from referral_service.store.tables import referral
from tests.workflow.answers import CAUDA, RETENTION, proposal, say
from tests.workflow.clinic import EXHAUSTED, Clinic, clinic
from tests.workflow.test_after_an_answer import drafts
from tests.workflow.test_persons import arrive, patient

__all__ = ["clinic"]

OLD = {"condition": "M54.50", "onset": -500, "abated": -400, "id": "old"}
# With it the old episode and the present one are one.
BRIDGE = {"condition": "M54.50", "onset": -420, "id": "bridge"}
# Pain that care has not eased: another reason for the same answer.
PAIN = [{"score": "72514-3", "value": 7, "on": day, "id": f"pain-{-day}"} for day in (-208, -3)]
STENOSIS = {"condition": "M48.061", "onset": -264, "id": "stenosis"}
OVER = {**STENOSIS, "clinical": "resolved", "abated": -1}
# The same bridge, itself over.
PAST_BRIDGE = {**BRIDGE, "abated": -200}
REFUTED = {**RETENTION, "verification": "refuted"}


def care(reason: str, score: str, image: str, name: str) -> list[dict[str, Any]]:
    """Care that has failed, for one diagnosis."""
    every = {"from": -210, "to": -10, "step": 10}
    return [
        {"procedure": "97110", "every": every, "id": f"{name}-visit", "reason": reason},
        {"medication": "198014", "from": -212, "supply": 180, "id": f"{name}-pills", "reason": reason},
        {"score": score, "value": 48, "unit": "%", "on": -208, "id": f"{name}-before"},
        {"score": score, "value": 46, "unit": "%", "on": -12, "id": f"{name}-after"},
        {"imaging": image, "on": -137, "id": f"{name}-mri"},
    ]


CARE_OF_THE_BACK = care("M48.061", "97909-6", "24968-0", "back")
BACK = [STENOSIS, *CARE_OF_THE_BACK]
NECK = [{"condition": "M50.12", "onset": -264, "id": "neck"}, *care("M50.12", "82237-9", "24935-9", "neck")]


def of_the_back(clinic: Clinic) -> set[tuple[str, str | None]]:
    """The proposals for the back, each with its order."""
    with clinic.engine.connect() as connection:
        every = map(bodies.referral, connection.scalars(select(referral.c.body)))
        return {(one.status, one.order_status) for one in every if one.target and one.region == "lumbar"}


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


# An episode that has merged away, or was another person's: no other region answers for it.
def test_a_proposal_that_waits_for_an_episode_that_is_over_is_withdrawn(clinic: Clinic) -> None:
    clinic.post(OLD, *BACK)
    clinic.post(*NECK, RETENTION)
    clinic.post(PAST_BRIDGE)
    clinic.post(OVER)
    assert ("lumbar", "no-qualifying-condition") in clinic.outcomes()
    assert of_the_back(clinic) == {("revoked", None)}


def test_nor_does_it_stop_an_evaluation_once_the_flag_is_refuted(clinic: Clinic) -> None:
    clinic.post(OLD, *BACK, *NECK)
    clinic.post(RETENTION)
    clinic.post(PAST_BRIDGE)
    clinic.post(OVER)
    clinic.post(REFUTED)
    assert set_aside(clinic) == []
    clinic.post(CAUDA)
    assert "stat" in drafts(clinic)


def test_an_order_that_nobody_has_yet_is_taken_back_with_its_episode(clinic: Clinic) -> None:
    clinic.post(OLD, *BACK)
    say(clinic, "approve", proposal(clinic))
    clinic.post(*NECK)
    clinic.post(PAST_BRIDGE)
    clinic.post(OVER)
    assert of_the_back(clinic) == {("revoked", "revoked")}


@pytest.mark.parametrize("is_approved", [False, True])
def test_what_rested_on_another_person_s_episode_ends_with_the_link(
    clinic: Clinic, is_approved: bool
) -> None:
    clinic.post(*NECK, *CARE_OF_THE_BACK, patient="ann")
    clinic.post(STENOSIS, patient="zoe")
    arrive(clinic, patient("zoe", "seealso ann"))
    assert {status for status, _ in of_the_back(clinic)} == {"draft"}
    if is_approved:
        (mine,) = (
            one
            for one in clinic.emitted("ServiceRequest")
            if one["reasonCode"][0]["coding"][0]["code"] == "M48.061"
        )
        say(clinic, "approve", mine)
    arrive(clinic, patient("zoe"))
    assert of_the_back(clinic) == {("revoked", "revoked" if is_approved else None)}
