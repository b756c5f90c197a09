"""`erase` and `retain`, as an operator types them."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from referral_service.store.tables import patient
from tests.cli.desk import Desk, desk
from tests.workflow.clinic import EXHAUSTED

__all__ = ["desk"]
YEAR = timedelta(days=366)


def known(desk: Desk) -> set[str]:
    with desk.clinic.engine.connect() as connection:
        return set(connection.scalars(select(patient.c.id)))


def test_a_patient_is_erased_and_the_ledger_says_so(desk: Desk) -> None:
    desk.arrive("zoe", "ann")

    code, said, _ = desk.run("erase", "Patient/zoe", "--reason", "patient-request", "--yes")

    assert (code, said) == (0, ["Patient/zoe is erased: 1 resource, 0 past versions."])
    assert known(desk) == {"ann"}
    assert desk.lines("erased") == [("erased", "Patient/zoe", '{"reason":"patient-request"}')]
    assert desk.run("reconcile")[0] == 0
    assert desk.run("verify-ledger")[0] == 0
    # another tenant's patient of that id is another
    code, _, complained = desk.run("erase", "ann", "--tenant", "south", "--reason", "mistake", "--yes")
    assert (code, complained) == (1, ["referral-service: Nothing is stored about such a patient."])


def test_nothing_goes_without_a_yes(desk: Desk) -> None:
    desk.arrive("zoe")

    code, _, complained = desk.run("erase", "zoe", "--reason", "patient-request")

    assert code == 1
    assert "Erase Patient/zoe, 1 resource, for good?" in complained[0]
    assert desk.run("retain", "--older-than", "1d")[0] == 0
    assert known(desk) == {"zoe"}


@pytest.mark.parametrize(
    "words",
    [
        ["erase", "zoe", "--yes", "--reason", "She asked for it"],
        ["retain", "--older-than", "0y", "--yes"],
        ["retain", "--older-than", "7y", "--json"],
    ],
    ids=" ".join,
)
def test_wrong_use_changes_nothing(desk: Desk, words: list[str]) -> None:
    desk.arrive("zoe", at=-30 * YEAR)

    assert desk.run(*words)[0] == 2
    assert known(desk) == {"zoe"}


def test_an_order_that_is_out_needs_force(desk: Desk) -> None:
    desk.clinic.post(*EXHAUSTED, patient="zoe")
    desk.answer("approve", "ServiceRequest", desk.clinic.emitted("ServiceRequest")[0]["id"])

    code, _, complained = desk.run("erase", "zoe", "--reason", "mistake", "--yes")
    assert code == 1
    assert complained == [
        "referral-service: An approved order of this patient is neither fulfilled nor given up."
    ]

    assert desk.run("erase", "zoe", "--reason", "mistake", "--yes", "--force")[0] == 0
    assert known(desk) == set()


def test_whoever_is_old_goes_and_is_told_before(desk: Desk) -> None:
    desk.arrive("zoe", at=-8 * YEAR)
    desk.arrive("bob", at=-9 * YEAR)
    desk.arrive("ann")

    code, said, _ = desk.run("retain", "--older-than", "7y", "--dry-run")
    assert code == 0
    assert [line.split()[0] for line in said] == ["Patient", "Patient/bob", "Patient/zoe"]
    assert known(desk) == {"ann", "bob", "zoe"}

    code, said, _ = desk.run("retain", "--older-than", "7y", "--yes", "--json")
    told = json.loads("\n".join(said))
    assert (code, told["erased"], told["kept"]) == (0, 2, [])
    assert known(desk) == {"ann"}
    assert [line[1:] for line in desk.lines("erased")] == [
        ("Patient/bob", '{"reason":"retention"}'),
        ("Patient/zoe", '{"reason":"retention"}'),
    ]
    _, said, _ = desk.run("retain", "--older-than", "7y", "--yes")
    assert said == ["Nobody is as old as that.", "0 erased, 0 kept."]
