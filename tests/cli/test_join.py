"""`join`, as an operator types it once REFERRAL_JOIN_BY has changed: who is one person is read anew."""

from tests.cli.desk import Desk, desk
from tests.kit.judged import RECORD_NUMBERS
from tests.workflow.test_persons import drafts, halves, patient

__all__ = ["desk"]
PLAN_NUMBERS = "https://plan.example/member"


def joined(desk: Desk, systems: str) -> str:
    desk.settings = desk.settings.model_copy(update={"join_by": systems})
    code, said, complained = desk.run("join")
    assert (code, complained) == (0, [])
    desk.clinic.evaluate()
    return "\n".join(said)


def test_patients_that_were_there_before_are_joined_and_separated(desk: Desk) -> None:
    halves(desk.clinic)
    for name in ("ann", "zoe"):
        desk.clinic.put(patient(name, identifier=[{"system": PLAN_NUMBERS, "value": "7"}]))
    desk.clinic.evaluate()
    assert drafts(desk.clinic) == []

    assert joined(desk, PLAN_NUMBERS) == "2 patients read; 2 belong to another person than before."
    assert drafts(desk.clinic) == [("Patient/ann", "routine")]
    assert joined(desk, PLAN_NUMBERS) == "2 patients read; 0 belong to another person than before."

    assert joined(desk, RECORD_NUMBERS) == "2 patients read; 2 belong to another person than before."
    assert drafts(desk.clinic) == []


def test_a_patient_with_a_modifier_that_nobody_knows_is_joined_to_nobody(desk: Desk) -> None:
    halves(desk.clinic)
    modified = [{"url": "https://ehr.example/negated", "valueBoolean": True}]
    desk.clinic.put(patient("ann", "seealso zoe", modifierExtension=modified))
    desk.clinic.put(patient("zoe"))

    assert joined(desk, RECORD_NUMBERS) == "2 patients read; 0 belong to another person than before."
    assert drafts(desk.clinic) == []
