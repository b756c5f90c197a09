"""The store as one process reaches it: calls may meet faults, and the truth hears of those that are made."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec.structs import replace

from referral_service.core.problem import Category, Problem, problem
from referral_service.fhir.write import Names
from referral_service.workflow.assess import Assessor
from referral_service.workflow.ports import (
    DEFAULT_TENANT,
    Chart,
    Claim,
    Happening,
    Onlooker,
    Result,
    Stored,
    Tenant,
    Write,
)
from referral_service.workflow.review import Answered, Asked, Opened, Review
from tests.faults.machine_course import Course
from tests.faults.machine_stores import LEASE_SECONDS, AnyStore
from tests.faults.machine_truth import Truth
from tests.kit.clocks import HandClock
from tests.kit.judged import PATHWAY

CANONICAL = "https://spine-referral.example/fhir"
NAMES = Names(CANONICAL, PATHWAY.id, PATHWAY.version)
ZONE = "America/Chicago"
SPOILED = ("unreadable", "senseless")
Answer = TypeVar("Answer")


class World:
    """What all processes share; `spoiled` are the patients whose charts cannot be judged, and how."""

    def __init__(self, store: AnyStore, clock: HandClock) -> None:
        """An empty store."""
        self.store = store
        self.clock = clock
        self.truth = Truth(clock)
        self.spoiled: dict[str, str] = {}


class Gate:
    """The ports Store and Desk for one process. Without a course nothing stops or fails."""

    def __init__(self, world: World, course: Course | None = None, asked: Asked | None = None) -> None:
        """`asked` is what a person asks. `spoiled` are those of the claims whose charts it has spoiled."""
        self.claims: list[Claim] = []
        self.spoiled: set[str] = set()
        self._world = world
        self._course = course
        self._asked = asked

    def _call(self, name: str, make: Callable[[], Answer]) -> Answer:
        return self._course.call(name, make) if self._course else make()

    def commit(
        self, tenant: Tenant, writes: Sequence[Write], happenings: Sequence[Happening]
    ) -> list[Stored]:
        """As the port, though neither workers nor people ask for it."""
        return self._world.store.submit(tenant, writes, happenings).result()

    def claim(self, limit: int, as_of: datetime) -> list[Claim]:
        """As the port."""
        world = self._world
        self.claims = self._call("claim", lambda: world.truth.claimed(world.store.claim(limit, as_of)))
        return self.claims

    def renew(self, claims: Sequence[Claim]) -> None:
        """As the port."""

        def make() -> None:
            self._world.store.renew(claims)
            self._world.truth.renewed(claims, self._world.clock.now() + timedelta(seconds=LEASE_SECONDS))

        self._call("renew", make)

    def load(self, claims: Sequence[Claim]) -> list[Chart]:
        """As the port; but a spoiled patient's chart fails to be read, or makes no sense."""
        charts = self._call("load", lambda: self._world.store.load(claims))
        how = {claim.patient: self._world.spoiled.get(claim.patient, "") for claim in claims}
        self.spoiled |= {patient for patient in how if how[patient]}
        if "unreadable" in how.values():
            raise problem(Category.FAULT, "A chart cannot be read.")
        return [replace(it, facts=(object(),)) if how[it.claim.patient] else it for it in charts]

    def read(self, tenant: Tenant, type: str, id: str, version: int | None = None) -> Stored | None:
        """As the port; never stops, for it changes nothing."""
        return self._world.store.read(tenant, type, id, version)

    def save(self, results: Sequence[Result]) -> list[bool]:
        """As the port."""
        world = self._world
        return self._call("save", lambda: world.truth.saved(results, world.store.save(results)))

    def fail(self, claim: Claim, category: str) -> bool:
        """As the port."""
        world = self._world
        return self._call("fail", lambda: world.truth.failed(claim, world.store.fail(claim, category)))

    def open(self, tenant: Tenant, type: str, id: str) -> Opened | None:
        """As the port."""
        return self._call("open", lambda: self._world.store.open(tenant, type, id))

    def answer(self, tenant: Tenant, answered: Answered) -> list[Stored]:
        """As the port."""

        def make() -> list[Stored]:
            stored = self._world.store.answer(tenant, answered)
            assert self._asked is not None
            self._world.truth.answer_stored(self._asked, answered)
            return stored

        return self._call("answer", make)


class Witness(Onlooker):
    """Lets an evaluation fail only where the machine made it fail."""

    def __init__(self, gate: Gate, course: Course | None) -> None:
        """Both are the evaluation's."""
        self._gate = gate
        self._course = course

    def failed(self, claim: Claim, error: Exception) -> None:
        """An attempt failed."""
        is_meant = self._course is not None and self._course.is_disturbed
        if not is_meant and claim.patient not in self._gate.spoiled:
            raise AssertionError("an evaluation failed of itself") from error


def evaluates(world: World, limit: int, course: Course | None = None) -> int:
    """One worker takes one batch; how many it claimed."""
    gate = Gate(world, course)
    claimed = Assessor(gate, world.clock, PATHWAY, CANONICAL, ZONE, Witness(gate, course)).run_due(limit)
    if course is None or not course.is_disturbed:
        world.truth.left(gate.claims)
    return claimed


def answers(world: World, asked: Asked, course: Course) -> None:
    """One person asks; a refusal is an answer too."""
    try:
        Review(Gate(world, course, asked), world.clock, NAMES).run(DEFAULT_TENANT, asked)
    except Problem as refusal:
        is_refusal = refusal.category in (Category.CONFLICT, Category.REFUSED)
        assert is_refusal or course.is_disturbed, f"an answer met {refusal.category.name}"
