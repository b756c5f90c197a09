"""`parked`: who was set aside after five failures, and trying again."""

import os
from datetime import datetime

import pytest

from referral_service.clock import SystemClock
from referral_service.workflow.ports import Tenant
from tests.cli.desk import Desk, desk

__all__ = ["desk"]
NORTH = Tenant("north")


def test_who_is_parked_is_listed_and_tried_again(desk: Desk) -> None:
    desk.park("ann", "bob", "mia")
    desk.arrive("zoe")

    code, said, complained = desk.run("parked", "list")
    assert (code, complained) == (0, [])
    assert said[0].split() == ["Tenant", "Patient", "Parked", "since", "Failure", "Attempts"]
    assert [(*line.split()[:2], *line.split()[-3:]) for line in said[1:]] == [
        ("default", f"Patient/{name}", "fault:", "ZeroDivisionError", "5") for name in ("ann", "bob", "mia")
    ]

    assert desk.run("parked", "retry", "Patient/bob", "zoe", "bob") == (
        1,
        ["Patient/bob is due again", "Patient/zoe is not parked"],
        [],
    )
    assert desk.lines("retried") == [("retried", "Patient/bob", '{"category":"fault: ZeroDivisionError"}')]

    found = desk.ask("parked", "list")
    assert [(it["patient"], it["category"], it["attempts"]) for it in found] == [
        (name, "fault: ZeroDivisionError", 5) for name in ("ann", "mia")
    ]
    assert all(datetime.fromisoformat(it["since"]) < SystemClock().now() for it in found)

    assert desk.run("parked", "retry", "--all") == (
        0,
        [f"Patient/{name} is due again" for name in ("ann", "mia")],
        [],
    )
    assert desk.run("parked", "list") == (0, ["Nobody is parked."], [])
    assert {*desk.due()} == {"ann", "bob", "mia", "zoe"}


def test_on_a_terminal_it_is_a_table_that_cuts_nothing_off(desk: Desk) -> None:
    desk.park("a-patient-with-the-longest-id-that-there-may-be-which-is-64-long")
    seen, terminal = os.openpty()

    with desk.start("parked", "list", stdout=terminal) as running:
        assert running.wait(60) == 0
    os.close(terminal)

    screen = os.read(seen, 100_000).decode()
    os.close(seen)
    second_column = [line.split("│")[2].strip() for line in screen.splitlines() if line.startswith("│")]
    assert (
        "".join(second_column) == "Patient/a-patient-with-the-longest-id-that-there-may-be-which-is-64-long"
    )


def test_whoever_is_parked_is_found_whose_patient_it_may_be(desk: Desk) -> None:
    desk.park("ann", tenant=NORTH)

    assert [(it["tenant"], it["patient"]) for it in desk.ask("parked", "list")] == [("north", "ann")]
    assert desk.ask("why", "ann", "--tenant", "north")["queue"]["parked_category"]
    assert desk.run("why", "ann")[0] == 1
    assert desk.run("parked", "retry", "ann") == (1, ["Patient/ann is not parked"], [])
    assert desk.run("parked", "retry", "ann", "--tenant", "north")[:2] == (0, ["Patient/ann is due again"])

    desk.park("mia", tenant=NORTH)
    desk.park("zoe")
    assert desk.run("parked", "retry", "--all")[:2] == (
        0,
        ["Patient/mia is due again", "Patient/zoe is due again"],
    )


@pytest.mark.parametrize("words", [(), ("--all", "ann")], ids=" ".join)
def test_retrying_nobody_or_both_is_wrong_use(desk: Desk, words: tuple[str, ...]) -> None:
    code, said, complained = desk.run("parked", "retry", *words)

    assert (code, said) == (2, [])
    assert any("name patients, or say --all" in line for line in complained)
