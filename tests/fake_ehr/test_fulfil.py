"""The EHR takes up Tasks to fulfil: accepted, booked, completed with a report, one step after the other."""

from referral_service.fake_ehr.server import FakeEhr, Manners
from referral_service.fhir.check import check
from tests.fake_ehr.served import SYSTEM, delivery, served, task

QUICK = Manners(fulfil_seconds=0.03)


def test_a_delivered_task_goes_its_way_and_ends_with_a_report() -> None:
    with served(FakeEhr(manners=QUICK)) as ehr:
        assert ehr.send("transaction", *delivery("A")).is_success
        assert ehr.ehr.settle()

        [done] = ehr.ehr.by_identifier("Task", SYSTEM, "A")
        steps = [ehr.http.get(f"/Task/{done['id']}/_history/{number}").json() for number in (1, 2, 3, 4)]
        assert all(check(step) == [] for step in steps)
        assert [step["status"] for step in steps] == ["requested", "accepted", "in-progress", "completed"]
        assert "scheduled" in {coding["code"] for coding in steps[2]["businessStatus"]["coding"]}
        assert steps[3] == done
        [report] = ehr.ehr.stored("DiagnosticReport")
        assert done["output"][0]["valueReference"]["reference"] == f"DiagnosticReport/{report['id']}"
        assert check(report) == []
        assert report["basedOn"] == [done["focus"]]
        assert report["subject"] == {"reference": "Patient/ann"}


def test_what_somebody_else_has_ended_stays_ended() -> None:
    with served(FakeEhr(manners=QUICK)) as ehr:
        ehr.put(task("A", "ServiceRequest/1", id="t-1"))
        ehr.put(task("A", "ServiceRequest/1", id="t-1", status="rejected"))
        assert ehr.ehr.settle()

        assert ehr.http.get("/Task/t-1").json()["status"] == "rejected"


def test_other_tasks_and_drafts_are_left_alone() -> None:
    with served(FakeEhr(manners=QUICK)) as ehr:
        ehr.put(task("A", "ServiceRequest/1", id="draft", status="draft"))
        ehr.put(task("B", "ServiceRequest/1", id="other", code={"text": "call"}))
        assert ehr.ehr.settle()

        assert {one["id"]: one["status"] for one in ehr.ehr.stored("Task")} == {
            "draft": "draft",
            "other": "requested",
        }


def test_without_that_manner_tasks_stay_as_they_came() -> None:
    with served() as ehr:
        ehr.send("transaction", *delivery("A"))
        assert ehr.ehr.settle()

        assert [one["status"] for one in ehr.ehr.stored("Task")] == ["requested"]
