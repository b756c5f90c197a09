"""`why PATIENT`: why a patient stands where it stands; patient data goes to stdout alone."""

from tests.cli.desk import NOON, Desk, desk
from tests.workflow.answers import proposal, task
from tests.workflow.clinic import CANONICAL, EXHAUSTED

__all__ = ["desk"]

KNEE = {"procedure": "97110", "on": -100, "site": "72696002", "id": "knee"}


def test_a_decided_patient_with_its_decisions_over_time_and_its_referral(desk: Desk) -> None:
    desk.clinic.post(*EXHAUSTED[:-1], KNEE, patient="ann")
    desk.clinic.post(*EXHAUSTED, KNEE, patient="ann")
    request, review = proposal(desk.clinic), task(desk.clinic)

    told = desk.ask("why", "Patient/ann")
    (decided,) = told["decisions"]
    assert told["patient"] == "Patient/ann"
    assert (decided["region"], decided["is_open"]) == ("lumbar", True)
    assert (decided["outcome"], decided["target"], decided["reasons"]) == (
        "exhausted",
        "intradiscal",
        ["function-flat"],
    )
    assert decided["left_out"] == [{"fact": "Procedure/ann-knee/_history/1", "reason": "other-body-part"}]
    assert [(it["version"], it["outcome"], it["reasons"]) for it in decided["history"]] == [
        (2, "exhausted", ["function-flat"]),
        (1, "review", ["imaging-missing"]),
    ]
    assert {it["pathway"] for it in decided["history"]} == {
        f"{CANONICAL}/PlanDefinition/spine-conservative-care|1.0.0"
    }
    assert told["queue"]["is_due"] is False
    assert told["queue"]["wakes_on"] == decided["wake_on"] == "2026-07-20"
    (referral,) = told["referrals"]
    assert [(it["part"], it["resource"], it["status"]) for it in referral["parts"]] == [
        ("proposal", f"ServiceRequest/{request['id']}", "draft"),
        ("review", f"Task/{review['id']}", "requested"),
    ]

    code, said, complained = desk.run("why", "ann")
    assert (code, complained) == (0, [])
    assert said[1:3] == ["Not due: nothing has arrived since the last decision.", "Wakes on 2026-07-20."]
    assert {"  The conservative trial looks exhausted.", "  Function has not improved."} <= set(said)
    assert "    Procedure/ann-knee/_history/1: other-body-part" in said
    assert [line.split()[0] for line in said if " exhausted " in line and "UTC" in line] == ["2"]
    assert said[-2].split()[:3] == [f"ServiceRequest/{request['id']}", "proposal", "draft"]


def test_an_approved_order_that_nobody_has_sent_is_still_open(desk: Desk) -> None:
    desk.clinic.post(*EXHAUSTED, patient="ann")
    desk.answer("approve", "ServiceRequest", proposal(desk.clinic)["id"])
    desk.clinic.evaluate()

    (referral,) = desk.ask("why", "ann")["referrals"]

    assert [(it["part"], it["status"]) for it in referral["parts"]] == [
        ("proposal", "completed"),
        ("review", "completed"),
        ("order", "active"),
        ("fulfillment", "draft"),
    ]


def test_why_nothing_is_decided(desk: Desk) -> None:
    desk.park("ann")
    desk.arrive("bob", "mia")
    worker = desk.store(worker="worker-7")
    (claim,) = worker.claim(1, NOON)
    worker.drain()

    parked = desk.run("why", "ann")[1]
    held = desk.run("why", claim.patient)[1]
    waiting = desk.run("why", "mia")[1]

    assert parked[1].startswith("Workers claim nobody since ")
    assert parked[2].endswith(
        "after 5 attempts (fault: ZeroDivisionError): `parked retry`, or new data, tries again."
    )
    assert claim.patient == "bob"
    assert ", place 1 of 2; attempts begun: 1." in held[2]
    assert held[3].startswith("Held by worker-7 until ")
    assert ", place 2 of 2; attempts begun: 0." in waiting[2]
    assert waiting[3:] == ["", "Nothing is decided yet.", "", "No referral or review is open."]


def test_of_a_patient_whom_nobody_knows_it_says_so_in_one_line_and_no_name(desk: Desk) -> None:
    assert desk.run("why", "Patient/marked-name") == (
        1,
        [],
        ["why: nothing was ever received about such a patient"],
    )
