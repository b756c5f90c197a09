"""The workers and people of the fault machine, each stopped anywhere, and overtaken by each other."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from referral_service.core.problem import Problem
from referral_service.core.referral import OPEN, Referral
from referral_service.workflow.review import Asked
from tests.faults.machine_charts import PATIENTS, part
from tests.faults.machine_course import Course, Fate
from tests.faults.machine_gate import SPOILED, answers, evaluates
from tests.faults.machine_senders import Senders, fates, parts, patients
from tests.faults.machine_stores import LEASE_SECONDS, AnyStore
from tests.kit.clocks import HandClock

_OF_PROPOSALS = ("approve", "decline", "withdraw", "claim", "acknowledge", "release", "reassign", "complete")
_OF_REVIEWS = {"approve": "complete", "withdraw": "acknowledge"}
_TO_THE_END = 9
_ALL = 10

twos = st.integers(0, 1)
stops = st.integers(1, 3)
verbs = st.sampled_from(("approve", *_OF_PROPOSALS))
numbers = st.integers(0, 3)


class Actors(Senders):
    """Two workers and two people."""

    def __init__(self, open_store: Callable[[HandClock], AnyStore]) -> None:
        """Nobody does anything yet."""
        super().__init__(open_store)
        self.workers: list[Course | None] = [None, None]
        self.people: list[Course | None] = [None, None]

    @rule(
        worker=twos,
        limit=st.sampled_from((_ALL, 1)),
        steps=st.sampled_from((3, 1, 2, 3, 4)),
        fate=fates,
    )
    def works(self, worker: int, limit: int, steps: int, fate: Fate) -> None:
        """A worker takes some steps, from wherever it stands; the last of them has its fate."""
        course = self.workers[worker]
        if course is None or course.is_over:
            course = Course(self.store, lambda it: self._evaluate(it, limit))
            self.workers[worker] = course
        _go(course, steps, fate)

    @rule(worker=twos, steps=st.sampled_from((2, 2, 1, 3, 0)), fate=st.sampled_from([*Fate][1:]))
    def a_call_fails(self, worker: int, steps: int, fate: Fate) -> None:
        """One step of a worker who has all to do; what it does about it comes later."""
        self._begin(worker, steps)
        self.works(worker, _ALL, 1, fate)

    @rule(worker=twos)
    def works_on(self, worker: int) -> None:
        """A worker comes to the end of its batch, and takes another."""
        self.works(worker, _ALL, _TO_THE_END, Fate.WELL)
        self.works(worker, _ALL, _TO_THE_END, Fate.WELL)

    @rule(person=twos, verb=verbs, number=numbers, is_task=st.booleans(), fate=fates)
    def asks(self, person: int, verb: Any, number: int, is_task: bool, fate: Fate) -> None:
        """A person opens a referral and says something of it."""
        self._open(person, verb, number, is_task)
        self._say(person, fate)

    @rule(worker=twos, steps=stops, patient=patients, name=parts, fate=fates)
    def data_overtake_a_worker(self, worker: int, steps: int, patient: str, name: str, fate: Fate) -> None:
        """They arrive between two of its steps."""
        self._begin(worker, steps)
        self._send(part(patient, name))
        self.works(worker, _ALL, 1, fate)
        self.works(worker, _ALL, _TO_THE_END, Fate.WELL)

    @rule(worker=twos, steps=stops, verb=verbs, number=numbers, is_task=st.booleans(), fate=fates)
    def a_person_overtakes_a_worker(
        self, worker: int, steps: int, verb: Any, number: int, is_task: bool, fate: Fate
    ) -> None:
        """An answer is stored between two of its steps."""
        self._begin(worker, steps)
        self.asks(worker, verb, number, is_task, fate)
        self.works(worker, _ALL, _TO_THE_END, Fate.WELL)

    @rule(worker=twos, patient=patients, name=parts, verb=verbs, number=numbers, is_task=st.booleans())
    def a_worker_overtakes_a_person(
        self, worker: int, patient: str, name: str, verb: Any, number: int, is_task: bool
    ) -> None:
        """While somebody reads, something arrives, and is decided on."""
        self._open(worker, verb, number, is_task)
        self._send(part(patient, name))
        self.works_on(worker)
        self._say(worker, Fate.WELL)

    @rule(verbs=st.tuples(verbs, verbs), number=numbers, is_task=st.booleans(), fate=fates)
    def a_person_overtakes_another(
        self, verbs: tuple[Any, Any], number: int, is_task: bool, fate: Fate
    ) -> None:
        """Both have opened the same."""
        for person in (0, 1):
            self._open(person, verbs[person], number, is_task)
        self._say(1, fate)
        self._say(0, Fate.WELL)

    @rule(
        worker=twos,
        steps=stops,
        others=st.integers(0, 4),
        seconds=st.sampled_from((40, LEASE_SECONDS)),
        spoiled=st.sampled_from((None, *SPOILED)),
        fate=fates,
    )
    def a_worker_oversleeps(
        self, worker: int, steps: int, others: int, seconds: int, spoiled: str | None, fate: Fate
    ) -> None:
        """Its lease may end, and another worker take over, before it goes on; perhaps it was to fail."""
        self.world.spoiled |= dict.fromkeys(PATIENTS, spoiled) if spoiled else {}
        self._begin(worker, steps)
        self.clock.pass_by(seconds=seconds)
        if spoiled:
            self.world.spoiled.clear()
        if others:
            self.works(1 - worker, _ALL, others, Fate.WELL)
        self.works(worker, _ALL, 1, fate)
        self.works(worker, _ALL, _TO_THE_END, Fate.WELL)

    @rule(person=twos, verb=verbs, number=numbers, is_task=st.booleans())
    def hesitates(self, person: int, verb: Any, number: int, is_task: bool) -> None:
        """A person has opened a referral, and says something of it when anything has happened meanwhile."""
        course = self.people[person]
        if course is None or course.is_over:
            self._open(person, verb, number, is_task)
        else:
            self._say(person, Fate.WELL)

    def _begin(self, worker: int, steps: int) -> None:
        """Something new of everybody, and a new batch, as far as so many steps go."""
        self._end(self.workers[worker])
        self._tell_news()
        self.works(worker, _ALL, steps, Fate.WELL)

    def _evaluate(self, course: Course, limit: int) -> None:
        """A database that cannot be reached ends the batch; the next sweep finds it again."""
        try:
            evaluates(self.world, limit, course)
        except Problem:
            assert course.is_disturbed

    def _open(self, person: int, verb: Any, number: int, is_task: bool) -> None:
        """Open ones first, and of those the oldest."""
        self._end(self.people[person])
        self.people[person] = None
        found = sorted((one for _, one in self.store.view().referrals), key=_rank)
        if not found:
            return
        one = found[number % len(found)]
        is_task = is_task or one.target is None
        said = verb if one.target is not None else _OF_REVIEWS.get(verb, verb)
        asked = Asked(
            said,
            "Task" if is_task else "ServiceRequest",
            one.task if is_task else one.id,
            f"Practitioner/{person}",
            reason="not-now" if said in ("decline", "complete") else "",
            owner="Practitioner/other" if said == "reassign" else None,
        )
        course = Course(self.store, lambda it: answers(self.world, asked, it))
        course.go()
        self.people[person] = course

    def _say(self, person: int, fate: Fate) -> None:
        course = self.people[person]
        if course is not None:
            _go(course, 1, fate)
            course.finish()

    @staticmethod
    def _end(course: Course | None) -> None:
        if course is not None:
            course.finish()


def _go(course: Course, steps: int, fate: Fate) -> None:
    for left in reversed(range(steps)):
        if not course.is_over:
            course.go(Fate.WELL if left else fate)


def _rank(one: Referral) -> tuple[bool, bool, str]:
    return (one.status not in OPEN, one.target is None, one.identifier)
