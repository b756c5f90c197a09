"""What comes and goes by itself while the answer stays `urgent`, and another flag of the same name."""

import pytest
from sqlalchemy import select

from referral_service.store import bodies
from referral_service.store.tables import referral
from tests.workflow.answers import proposal, say
from tests.workflow.clinic import EXHAUSTED, Clinic, clinic, said
from tests.workflow.test_after_an_answer import BACK, drafts, later

__all__ = ["clinic"]

OF_ITS_REGION = {"condition": "M51.06", "onset": -3, "id": "flag"}
BACK_BONE = {"condition": "M46.26", "onset": -10, "id": "back-bone"}
NECK_BONE = {"condition": "M46.22", "onset": -2, "id": "neck-bone"}


def test_an_episode_that_closes_by_itself_is_closed(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    clinic.post({**EXHAUSTED[0], "abated": 5, "clinical": "active"}, OF_ITS_REGION)
    later(clinic, 6)
    clinic.evaluate()
    assert ("lumbar", "no-qualifying-condition") in clinic.outcomes()
    assert sorted(status for *_, status in clinic.proposals()) == ["draft", "revoked"]


def test_an_episode_that_opens_by_itself_is_opened(clinic: Clinic) -> None:
    clinic.post(OF_ITS_REGION, {"condition": "M54.50", "onset": 5, "id": "back"})
    later(clinic, 6)
    clinic.evaluate()
    assert [said(one, "episodeStart") for one in clinic.emitted("GuidanceResponse")] == ["2026-06-06"]


@pytest.mark.parametrize("verb", ["approve", "decline"])
def test_an_infection_of_the_neck_is_asked_about_whatever_was_said_of_the_back(
    clinic: Clinic, verb: str
) -> None:
    clinic.post(BACK, BACK_BONE)
    say(clinic, verb, proposal(clinic), **({"reason": "not-indicated"} if verb == "decline" else {}))
    clinic.post(NECK_BONE)
    assert drafts(clinic) == ["urgent"]


def test_it_has_been_acknowledged_by_nobody(clinic: Clinic) -> None:
    clinic.post(BACK, BACK_BONE)
    say(clinic, "acknowledge", proposal(clinic))
    clinic.post(NECK_BONE)
    assert "pat-neck-bone" in proposal(clinic)["note"][0]["text"]
    with clinic.engine.connect() as connection:
        (known,) = map(bodies.referral, connection.scalars(select(referral.c.body)))
    assert known.acknowledged_at is None
