"""The other side of a referral: Tasks to fulfil are accepted, booked and completed with a report, in time."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from referral_service.fake_ehr.later import Later
from referral_service.fake_ehr.store import Store, Version, Write, instant

Json = dict[str, Any]
FULFIL: Final = ("http://hl7.org/fhir/CodeSystem/task-code", "fulfill")
_BOOKED: Final = {
    "coding": [
        {"code": "scheduled"},
        {"system": "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS", "code": "5.1.1"},
    ],
    "text": "Scheduled",
}


class Fulfiller:
    """Listens to a store: each Task that it takes up goes one step on, so many seconds after the last."""

    def __init__(self, store: Store, later: Later, seconds: float) -> None:
        """`seconds` lie between two steps."""
        self._store = store
        self._later = later
        self._seconds = seconds
        store.listen(self._heard)

    def _heard(self, versions: Sequence[Version]) -> None:
        for version in versions:
            if version.type == "Task" and _is_open(version.resource or {}):
                self._later.call(self._seconds, partial(self._step, version))

    def _step(self, task: Version) -> None:
        """Does nothing if somebody changed the Task meanwhile: then that change is what counts."""
        assert task.resource is not None
        with self._store.lock:
            if self._store.latest(task.type, task.id) == task:
                self._store.commit(_next(task.resource, self._store.mint(), instant(self._store.now())))


def _is_open(task: Json) -> bool:
    codings = task.get("code", {}).get("coding", ())
    is_to_fulfil = FULFIL in {(one.get("system"), one.get("code")) for one in codings}
    return is_to_fulfil and task["status"] in ("requested", "accepted", "in-progress")


def _next(task: Json, report_id: str, at: str) -> list[Write]:
    """What the Task becomes: accepted, then in progress and booked, then completed with a report."""
    task = {**task, "lastModified": at}
    if task["status"] == "requested":
        return [Write("Task", task["id"], {**task, "status": "accepted"})]
    if task["status"] == "accepted":
        return [Write("Task", task["id"], {**task, "status": "in-progress", "businessStatus": _BOOKED})]
    report: Json = {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "code": {"text": "Consultation report"},
        "issued": at,
        "conclusion": "The patient was seen.",
    }
    if "for" in task:
        report["subject"] = task["for"]
    if "focus" in task:
        report["basedOn"] = [task["focus"]]
    output = {
        "type": {"text": "Consultation report"},
        "valueReference": {"reference": f"DiagnosticReport/{report_id}"},
    }
    done = {**task, "status": "completed", "output": [*task.get("output", ()), output]}
    return [Write("DiagnosticReport", report_id, report), Write("Task", task["id"], done)]
