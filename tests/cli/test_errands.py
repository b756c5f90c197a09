"""`errands`: what rests, why, and another try."""

from referral_service.core.problem import Category
from referral_service.store.errands import SqlErrands
from referral_service.workflow.admit import Feed
from referral_service.workflow.ports import DEFAULT_TENANT
from tests.cli.desk import Desk, desk

__all__ = ["desk"]
FEED = Feed(DEFAULT_TENANT, "ehr")


def test_what_rests_is_told_and_tried_again(desk: Desk) -> None:
    store = desk.store()
    errands = SqlErrands(store.engine, desk.clinic.clock, 60)
    errands.ask(FEED, ["Condition/bad"])
    held = errands.claim(FEED, polls=False)
    assert held
    errands.fail(held, Category.INCORRECT)

    code, said, _ = desk.run("status")
    assert code == 1
    assert any("1 thing was not taken from another system: `referral-service errands`" in it for it in said)
    (told,) = desk.ask("errands")
    assert {**told, "since": ""} == {
        "source": "ehr",
        "what": "Condition/bad",
        "since": "",
        "category": "incorrect",
        "attempts": 1,
    }

    assert desk.run("errands", "--retry") == (0, ["1 due again"], [])
    assert desk.run("errands") == (0, ["Nothing is parked."], [])
    assert errands.claim(FEED, polls=False)
