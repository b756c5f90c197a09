"""`sessions`, as an operator types it: who is signed in, and one person's end."""

from datetime import timedelta

from referral_service.auth.principal import Principal
from referral_service.auth.sessions import Sessions
from referral_service.clock import SystemClock
from referral_service.fhir.audit import event
from referral_service.fhir.check import check
from referral_service.store.trail import Trail
from referral_service.workflow.ports import Tenant
from tests.cli.desk import Desk, desk

__all__ = ["desk"]
NORTH, SOUTH = Tenant("north"), Tenant("south")


class People:
    """Those who are signed in, by the value of each session."""

    def __init__(self, desk: Desk) -> None:
        self._sessions = Sessions(
            desk.clinic.engine, SystemClock(), timedelta(minutes=30), timedelta(hours=12)
        )

    def come(self, name: str, tenant: Tenant = NORTH, patient: str | None = None) -> str:
        """One more session."""
        roles = frozenset({"coordinator" if patient is None else "clinician"})
        actor = name if "/" in name else f"Practitioner/{name}"
        return self._sessions.begin(Principal(tenant=tenant, actor=actor, roles=roles, patient=patient))  # type: ignore[arg-type]

    def are_in(self, *values: str) -> list[bool]:
        """Whether each is still signed in."""
        return [self._sessions.find(value) is not None for value in values]


def test_they_are_listed_without_what_they_see(desk: Desk) -> None:
    people = People(desk)
    people.come("nora")
    people.come("PractitionerRole/seven", SOUTH, patient="amy")

    first, second = desk.ask("sessions", "list")

    assert (first["tenant"], first["person"], first["roles"]) == (
        "north",
        "Practitioner/nora",
        ["coordinator"],
    )
    assert (second["person"], first["is_led"], second["is_led"]) == ("PractitionerRole/seven", False, True)
    table = desk.run("sessions", "list")[1]
    assert len(table) == 3 and "amy" not in str([first, second, *table])


def test_one_persons_sessions_end_and_the_ledger_says_by_whom(desk: Desk) -> None:
    people = People(desk)
    hers, other = [people.come("nora"), people.come("nora", patient="amy")], people.come("norah")

    code, said, _ = desk.run("sessions", "end", "nora")

    assert (code, said) == (0, ["Practitioner/nora is signed out: 2 sessions."])
    assert people.are_in(*hers, other) == [False, False, True]
    assert desk.run("sessions", "end", "Practitioner/nora")[:2] == (
        1,
        ["Practitioner/nora is not signed in."],
    )
    line = Trail(desk.clinic.engine).read(NORTH, 1)
    assert line is not None and line.actor.startswith("Operator/")
    found = event(line, "here")
    assert check(found) == [] and found["subtype"][0]["code"] == "110123"
    assert found["entity"][0]["what"] == {"reference": "Practitioner/nora"}


def test_one_name_in_two_tenants_is_two_people(desk: Desk) -> None:
    people = People(desk)
    values = [people.come("nora", tenant) for tenant in (NORTH, SOUTH)]

    assert desk.run("sessions", "end", "nora")[0] == 2
    assert people.are_in(*values) == [True, True]
    assert desk.run("sessions", "end", "nora", "--tenant", "south")[0] == 0
    assert people.are_in(*values) == [True, False]
