"""`reconcile`: what must agree and does not, in lines or as JSON; what is compared is in tests/store."""

import json

from sqlalchemy import delete, update

from referral_service.store.tables import patient, resource
from tests.cli.desk import Desk, desk
from tests.workflow.answers import task
from tests.workflow.clinic import EXHAUSTED

__all__ = ["desk"]


def test_it_lists_what_differs_and_ends_with_1(desk: Desk) -> None:
    desk.clinic.post(*EXHAUSTED, patient="ann")
    code, (said,), complained = desk.run("reconcile")
    assert (code, complained) == (0, [])
    assert said.startswith("No differences in ")
    assert desk.run("reconcile", "--json") == (0, ["[]"], [])

    lost = task(desk.clinic)["id"]
    with desk.clinic.engine.begin() as connection:
        connection.execute(delete(resource).where(resource.c.id == lost))
        connection.execute(update(patient).values(wake_at=None))

    code, said, complained = desk.run("reconcile")
    assert (code, complained, said[-1][:14]) == (1, [], "2 differences ")
    assert said[:-1] == [
        f"resource-missing: Task/{lost}: a referral remembers it; it is not there",
        "never-woken: Patient/ann: lumbar-2025-09-10: exhausted, and nobody looks when time has changed that",
    ]
    code, said, _ = desk.run("reconcile", "--json")
    assert code == 1
    assert [(it["kind"], it["subject"]) for it in json.loads("\n".join(said))] == [
        ("resource-missing", f"Task/{lost}"),
        ("never-woken", "Patient/ann"),
    ]
