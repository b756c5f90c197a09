"""`status`: one screen, whose first line says whether all is well."""

import json
from datetime import timedelta

from referral_service.store.engine import SCHEMA
from referral_service.workflow.ports import DEFAULT_TENANT
from tests.cli.desk import NOON, Desk, desk
from tests.kit.judged import PATHWAY
from tests.workflow.answers import CAUDA, proposal
from tests.workflow.clinic import EXHAUSTED

__all__ = ["desk"]


def test_all_is_well(desk: Desk) -> None:
    desk.clinic.post(*EXHAUSTED, patient="ann")
    desk.clinic.post(CAUDA, {**EXHAUSTED[0], "id": "back"}, patient="bob")
    desk.arrive("mia", "zoe")
    worker = desk.store(worker="worker-7")
    worker.claim(1, NOON)
    worker.looked()

    code, said, complained = desk.run("status")
    assert (code, said[0], complained) == (0, "All is well.", [])
    assert len(said) <= 24
    screen = {line[:17].strip(): line[17:] for line in said[2:13]}
    lines = desk.clinic.store.verify_ledger(DEFAULT_TENANT).lines
    assert screen | {"patients due": "", "oldest red flag": ""} == {
        "schema": SCHEMA,
        "pathway": f"{PATHWAY.id} {PATHWAY.version}",
        "drained": "no",
        "patients due": "",
        "leases held": "1: 1 by worker-7",
        "patients parked": "0",
        "errands": "0 due; 0 parked",
        "oldest red flag": "",
        "oldest order": "none",
        "lists": "red-flag 1, review 1",
        "ledger": f"{lines} lines",
    }
    assert screen["patients due"].startswith("2, of them urgent 0, the longest for ")
    assert screen["oldest red flag"].startswith("unacknowledged for ")
    assert [line.split() for line in said[-3:]] == [
        ["Referral", "Target", "Urgency", "Open"],
        ["requested", "intradiscal", "elective", "1"],
        ["requested", "surgical", "urgent", "1"],
    ]
    assert [line.split()[0] for line in said if line.startswith("worker-")] == ["worker-7"]


def test_whatever_needs_an_operator_comes_first_the_gravest_before_the_others(desk: Desk) -> None:
    desk.clinic.post(*EXHAUSTED, patient="ann")
    desk.answer("approve", "ServiceRequest", proposal(desk.clinic)["id"], at=timedelta(hours=-2))
    desk.clinic.evaluate()
    now = desk.clinic.clock.now()
    desk.clinic.clock.now = lambda: now - timedelta(minutes=7)  # type: ignore[method-assign]
    desk.clinic.post(CAUDA, patient="bob")
    desk.store(timedelta(seconds=-90)).looked()
    desk.park("mia")
    desk.arrive("zoe", at=timedelta(hours=-3))
    desk.clinic.store.drain()

    code, said, complained = desk.run("status", "--json")
    found = json.loads("\n".join(said))
    assert (code, complained, found["is_well"]) == (1, [], False)
    assert [(it["what"], it["help"].rpartition(", ")[2]) for it in found["findings"]] == [
        ("a red flag has waited 7 min for somebody to acknowledge it", "RedFlagUnacknowledged"),
        ("no worker has looked for 1 min", "NoWorkerLooks"),
        (
            "operators let no worker claim anybody",
            "`referral-service drain --end` lets them again",
        ),
        ("a patient has waited 3 h for a decision", "PatientsWaitTooLong"),
        ("1 patient is parked", "PatientsParked"),
        ("an approved order has been unsent for 2 h", "OrderUnsent"),
    ]
    assert found["drained_since"]
    assert found["due"] == {"patients": 1, "urgent": 0, "oldest_seconds": found["due"]["oldest_seconds"]}
    assert found["parked"] == 1
    assert {(it["status"], it["target"], it["urgency"], it["number"]) for it in found["referrals"]} == {
        ("requested", "surgical", "urgent", 1),
        ("approved", "intradiscal", "elective", 1),
    }

    code, said, _ = desk.run("status")
    assert code == 1
    assert said[:6] == [f"Not well: {it['what']}: {it['help']}." for it in found["findings"]]


def test_a_database_that_was_never_migrated_is_said_in_one_line(desk: Desk) -> None:
    desk.settings = desk.settings.model_copy(update={"database_url": ""})
    database = desk.settings.data_dir / "referral.db"

    code, said, (complaint,) = desk.run("status")

    assert (code, said) == (1, [])
    assert f"there is no database {database}" in complaint  # in the wrong folder nothing is made
    assert not database.parent.exists()

    database.parent.mkdir()
    database.touch()
    code, said, (complaint,) = desk.run("status")

    assert (code, said) == (1, [])
    assert "run `referral-service migrate` first" in complaint
