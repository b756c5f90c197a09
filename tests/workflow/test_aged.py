"""Evidence that merely aged withdraws nothing; what other facts have made of it is no age."""

import pytest

from tests.workflow.answers import task
from tests.workflow.clinic import EXHAUSTED, Clinic, clinic
from tests.workflow.test_after_an_answer import later

__all__ = ["clinic"]

OLD_IMAGE = {"imaging": "24968-0", "on": -400, "id": "old-mri"}
ERROR = "entered-in-error"


def image(clinic: Clinic, **changes: object) -> dict[str, object]:
    """The recent image as it is stored, changed so."""
    (found,) = (one for one in clinic.emitted("DiagnosticReport") if one["id"] == "pat-mri")
    return {**found, **changes}


def reviews(clinic: Clinic) -> list[tuple[str, list[str]]]:
    """Whether an open Task approves a proposal or asks for a review, and why."""
    return [(code, why) for code, status, why in clinic.tasks() if status == "requested"]


def test_a_draft_whose_image_was_never_taken_is_withdrawn(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED, OLD_IMAGE)
    assert [status for *_, status in clinic.proposals()] == ["draft"]

    clinic.put(image(clinic, status=ERROR))
    clinic.evaluate()

    assert [status for *_, status in clinic.proposals()] == ["revoked"]
    assert reviews(clinic) == [("review", ["imaging-outdated"])]


def test_the_same_facts_at_once_come_to_the_same(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED, OLD_IMAGE, evaluate=False)
    clinic.put(image(clinic, status=ERROR))
    clinic.evaluate()

    assert clinic.proposals() == []
    assert reviews(clinic) == [("review", ["imaging-outdated"])]


@pytest.mark.parametrize("days", [250, 300, 399])
def test_a_draft_whose_image_merely_aged_stays(clinic: Clinic, days: int) -> None:
    clinic.post(*EXHAUSTED)
    later(clinic, days)
    clinic.evaluate()

    assert [status for *_, status in clinic.proposals()] == ["draft"]
    assert {code for code, _ in reviews(clinic)} == {"approve"}
    assert "outdated" in " ".join(code["code"] for code in task(clinic)["reasonCode"]["coding"])
