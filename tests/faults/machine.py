"""The fault machine: histories of two patients, their senders, two workers and two people, with every fault.

All of it is the real service; the store may be the one in memory. `world.truth` knows what must be true.
"""

import sys
from collections.abc import Callable
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from referral_service.workflow.ports import DEFAULT_TENANT
from tests.faults.machine_actors import Actors
from tests.faults.machine_again import arrives_otherwise
from tests.faults.machine_charts import PATIENTS
from tests.faults.machine_checks import after_a_step, once_quiet
from tests.faults.machine_gate import SPOILED, evaluates
from tests.faults.machine_ledger import Replay
from tests.faults.machine_senders import patients
from tests.faults.machine_stores import LEASE_SECONDS, AnyStore
from tests.kit.clocks import HandClock

_SECONDS = (1, 20, 61, 600, 90_000)
_DAYS = (1, 20, 49, 100, 400)
_QUIET_ROUNDS = 12
_MOST_BATCHES = 20
_ORDERS = 6  # one in so many histories is told again in another order


class Faults(Actors):
    """One history."""

    def __init__(self, open_store: Callable[[HandClock], AnyStore]) -> None:
        """`open_store` gives an empty one on a clock."""
        super().__init__(open_store)
        self.replay = Replay()
        self.view = self.store.view()

    @rule(passed=st.sampled_from((*(timedelta(seconds=n) for n in _SECONDS), *(timedelta(n) for n in _DAYS))))
    def time_passes(self, passed: timedelta) -> None:
        """Until a pause ends, or a lease, or something has changed by itself."""
        self.clock.at += passed

    @rule(seconds=st.sampled_from((1, 30, 4000)))
    def a_clock_is_set_back(self, seconds: int) -> None:
        """A machine finds out that it was ahead."""
        self.clock.at -= timedelta(seconds=seconds)

    @rule(days=st.sampled_from((14, 120)), is_over=st.booleans())
    def questions_are_asked_for_another_day(self, days: int, is_over: bool) -> None:
        """Everybody is decided on for then; and once that is over, again for today."""
        self.clock.shift = timedelta(days=days)
        self.works_on(0)
        if is_over:
            self.clock.shift = timedelta()

    @rule(patient=patients, how=st.sampled_from((*SPOILED, "")))
    def is_spoiled(self, patient: str, how: str) -> None:
        """A chart that fails whoever looks at it, or does so no more."""
        self.world.spoiled[patient] = how
        if not how:
            del self.world.spoiled[patient]

    @rule(does=st.sampled_from(("drain", "resume", "release", "retry")))
    def operates(self, does: str) -> None:
        """Operators stop all claiming, let it go on, end the leases of the dead, bring back the parked."""
        if does == "retry":
            self._retry()
        else:
            getattr(self.store, does)()
        if does == "release":
            self.world.truth.held.clear()

    def _retry(self) -> None:
        parked = sorted(id for id, it in self.store.view().patients.items() if it.is_parked)
        assert self.store.retry(DEFAULT_TENANT, PATIENTS, "Practitioner/operator") == parked
        self.world.truth.tried_again(parked)

    @rule()
    def everything_comes_to_rest(self) -> None:
        """Whoever is under way comes to an end, and workers find nobody any more."""
        self._rest()

    def _rest(self) -> None:
        for course in (*self.people, *self.workers):
            self._end(course)
        self.store.resume()
        # a clock that was set back is waited for
        leases = [it.leased_until for it in self.store.view().patients.values() if it.leased_until]
        self.clock.at = max([self.clock.at, *leases])
        for _ in range(_QUIET_ROUNDS):
            self.clock.pass_by(seconds=LEASE_SECONDS + 40)
            batches = 0
            while evaluates(self.world, 10):
                batches += 1
                assert batches < _MOST_BATCHES, "never quiet"
            if not batches:
                break
        assert not batches, "never quiet"
        self.check()
        once_quiet(self.view, self.world.truth, self.clock.as_of())
        verdict = self.store.verify_ledger(DEFAULT_TENANT)
        assert (verdict.lines, verdict.broken_at) == (len(self.view.ledger), None), "the ledger is broken"
        self.store.compare()

    @invariant()
    def check(self) -> None:
        """After every step, which took a moment: nobody is decided on twice in the same millisecond."""
        self.clock.at += timedelta(milliseconds=1)
        self.view = self.store.view()
        self.world.truth.check(self.view)
        after_a_step(self.view, self.world.truth)
        self.replay.follow(self.view)

    def teardown(self) -> None:
        """Every history ends with everybody decided on; one that has failed just ends."""
        try:
            if sys.exc_info()[0] is None:
                self._end_well()
        finally:
            for course in (*self.people, *self.workers):
                if course is not None:
                    course.die()
            self.store.close()

    def _end_well(self) -> None:
        """Operators bring back who is parked; then everybody is decided on."""
        self.world.spoiled.clear()
        self._rest()
        self._retry()
        self._rest()
        assert not any(it.is_parked for it in self.view.patients.values()), "parked for nothing"
        self.world.truth.check_versions(self.store.read)
        if self.seed % _ORDERS == 0:
            arrives_otherwise(self.world.truth, self.view, self.clock.as_of(), self.seed)
