"""The senders of the fault machine: any part of a chart, late, doubled, moved, deleted, in another order."""

from collections.abc import Callable
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from referral_service.core.problem import Category, Problem
from referral_service.workflow.ingest import Change, Ingest, deletion
from referral_service.workflow.ports import DEFAULT_TENANT, Write
from tests.faults.machine_charts import NAMES, PATIENTS, Json, Part, moved, part
from tests.faults.machine_course import Fate, Killed, reach
from tests.faults.machine_gate import World, evaluates
from tests.faults.machine_stores import AnyStore
from tests.kit.clocks import HandClock
from tests.kit.judged import READER

_BEGINNINGS = ("exhausted", "", "exhausted", "care", "exhausted and flagged", "two regions")
_MATTERS = (
    "exhausted",
    "after",
    "cauda",
    "cauda: 1",
    "after: 1",
    "stenosis",
    "two regions",
    "mri",
    "disc: 1",
)

patients = st.sampled_from(PATIENTS)
parts = st.sampled_from((*NAMES, *_MATTERS * 4))
fates = st.sampled_from((Fate.WELL, *Fate))
mostly_well = st.sampled_from((*(Fate.WELL,) * len(Fate), *Fate))
senders = st.sampled_from(("Device/ehr", "Device/feed"))


class ShiftedClock(HandClock):
    """Questions are asked for another instant than it is, as CLOCK_SHIFT has it."""

    shift = timedelta()

    def as_of(self) -> datetime:
        """The instant that questions are asked for."""
        return self.at + self.shift


class Senders(RuleBasedStateMachine):
    """A world, and those who send to it."""

    def __init__(self, open_store: Callable[[HandClock], AnyStore]) -> None:
        """`open_store` gives an empty one on a clock."""
        super().__init__()
        self.clock = ShiftedClock()
        self.world = World(open_store(self.clock), self.clock)
        self.store = self.world.store
        self.ingest = Ingest(self.store, READER)
        self.sent: list[Part] = []
        self.seed = 0
        self._news = 0

    @initialize(
        ann=st.sampled_from(_BEGINNINGS),
        bob=st.sampled_from(_BEGINNINGS),
        is_decided=st.booleans(),
        seed=st.integers(0, 999),
    )
    def begins(self, ann: str, bob: str, is_decided: bool, seed: int) -> None:
        """Something may be known already; `seed` is for the other order in which all could have come."""
        self.seed = seed
        for patient, name in zip(PATIENTS, (ann, bob), strict=True):
            if name:
                self._send(part(patient, name))
        if is_decided:
            evaluates(self.world, len(PATIENTS))

    @rule(patient=patients, name=parts, sender=senders, fate=mostly_well)
    def sends(self, patient: str, name: str, sender: str, fate: Fate) -> None:
        """A part of a chart, in one request."""
        self._send(part(patient, name), sender, fate)

    @rule(number=st.integers(0, 5), sender=senders, fate=mostly_well)
    def sends_again(self, number: int, sender: str, fate: Fate) -> None:
        """An earlier request, late or doubled, one by one and backwards."""
        for resource in reversed(self.sent[::-1][number % len(self.sent)] if self.sent else ()):
            self._send((resource,), sender, fate)

    @rule(patient=patients, name=parts, to=patients)
    def moves(self, patient: str, name: str, to: str) -> None:
        """The same resources are of another patient now, or of the same again."""
        self._send(tuple(moved(resource, to) for resource in part(patient, name)))

    @rule(patient=patients, name=parts, fate=mostly_well)
    def erases(self, patient: str, name: str, fate: Fate) -> None:
        """Deletes what there is of a part."""
        named = [(it["resourceType"], it["id"]) for it in part(patient, name)]
        known = [it for it in named if it in self.world.truth.resources]
        self._commit([deletion(*it) for it in known], "Device/ehr", fate)

    @rule(patient=patients, name=parts, off=st.sampled_from((-1, 1)))
    def updates_what_is_outdated(self, patient: str, name: str, off: int) -> None:
        """Expects a version that is not the current one; nothing may come of it."""
        changes = [
            Change(resource=resource, path="", expected=max(0, self._version(resource) + off))
            for resource in part(patient, name)
        ]
        if any(it.expected != self._version(it.resource) for it in changes):
            refusal = self._commit(self.ingest.writes(changes), "Device/ehr")
            assert refusal is not None and refusal.category is Category.CONFLICT

    def _tell_news(self) -> None:
        """Something that nobody has said before, of everybody: all are due."""
        self._news += 1
        said = {"note": [{"text": str(self._news)}]}
        self._send(tuple(part(patient, "visit")[0] | said for patient in PATIENTS))

    def _version(self, resource: Json) -> int:
        known = self.world.truth.resources.get((resource["resourceType"], resource["id"]))
        return known.version if known else 0

    def _send(self, resources: Part, sender: str = "Device/ehr", fate: Fate = Fate.WELL) -> None:
        self.sent.append(resources)
        writes = self.ingest.writes(Change(resource=resource, path="") for resource in resources)
        self._commit(writes, sender, fate)

    def _commit(self, writes: list[Write], sender: str, fate: Fate = Fate.WELL) -> Problem | None:
        def make() -> None:
            stored = self.ingest.submit(DEFAULT_TENANT, writes, sender).result()
            self.world.truth.committed(writes, stored)

        try:
            reach(self.store, fate, make)
        except Problem as refusal:
            return refusal
        except Killed:
            return None
        return None
