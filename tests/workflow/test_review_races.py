"""Two people, or a person and the worker, at the same moment: one wins, and nothing is half done."""

from typing import Any

import pytest

from referral_service.clock import SystemClock
from referral_service.core.problem import Category, Problem
from referral_service.store.answers import Answers
from referral_service.workflow.ports import DEFAULT_TENANT
from referral_service.workflow.review import Asked, Opened, Review
from tests.workflow.answers import CAUDA, DOCTOR, NAMES, again, lines, proposal, say, statuses
from tests.workflow.clinic import EXHAUSTED, Clinic, clinic

__all__ = ["clinic"]


class LateDesk(Answers):
    """While a person makes up their mind, something happens."""

    def __init__(self, clinic: Clinic, meanwhile: Any) -> None:
        super().__init__(clinic.engine, SystemClock())
        self._meanwhile = [meanwhile]

    def open(self, tenant: Any, type: str, id: str) -> Opened | None:
        found = super().open(tenant, type, id)
        while self._meanwhile:
            self._meanwhile.pop()()
        return found


def late(clinic: Clinic, meanwhile: Any) -> str:
    """What an approval is told that was too late; nothing came of it."""
    asked = proposal(clinic)
    review = Review(LateDesk(clinic, meanwhile), SystemClock(), NAMES)
    with pytest.raises(Problem) as refusal:
        review.run(DEFAULT_TENANT, Asked("approve", "ServiceRequest", asked["id"], DOCTOR))
    assert refusal.value.category is Category.CONFLICT
    assert DOCTOR not in [actor for _, _, actor, _ in lines(clinic)]
    return refusal.value.issues[0].diagnostics


def test_whoever_comes_second_is_told_the_state(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    asked = proposal(clinic)
    assert "(approved)" in late(clinic, lambda: say(clinic, "approve", asked))
    assert [s for s in statuses(clinic) if s[0] == "order"] == [("order", "active")]


def test_a_condition_that_was_judged_first_wins(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    assert "(suspended)" in late(clinic, lambda: clinic.post(CAUDA))
    assert sorted(clinic.proposals()) == [
        ("intradiscal", "routine", "on-hold"),
        ("surgical", "stat", "draft"),
    ]


def test_what_was_restated_meanwhile_is_to_be_read_again(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    said = late(clinic, lambda: clinic.post({"coverage": "VET", "id": "va"}))
    assert said == "It was changed at the same moment; read it again."
    assert statuses(clinic) == [("proposal", "draft"), ("approve", "requested")]


def test_a_condition_that_is_judged_afterwards_finds_the_approval(clinic: Clinic) -> None:
    clinic.post(*EXHAUSTED)
    clinic.post(
        {"condition": "M51.360", "onset": -264, "id": "disc", "verification": "refuted"}, evaluate=False
    )
    charts = clinic.store.load(clinic.store.claim(10, clinic.clock.as_of()))
    (withdrawal,) = map(clinic.assessor.evaluate, charts)
    assert [r.status for r in withdrawal.referrals] == ["revoked"]
    order = say(clinic, "approve", proposal(clinic))
    assert clinic.store.save([withdrawal]) == [False]
    clinic.evaluate()
    assert clinic.outcomes() == [("lumbar", "no-qualifying-condition")]
    assert (again(clinic, order)["status"], statuses(clinic)[0]) == ("revoked", ("proposal", "revoked"))
