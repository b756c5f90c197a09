"""The stores that histories run over: in memory, in a database, and both at once, held against each other."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from referral_service.core.problem import Category, Problem
from referral_service.store.answers import Answers
from referral_service.store.store import SqlStore
from referral_service.workflow.ports import Chart, Happening, Stored, Tenant, Write
from referral_service.workflow.review import Answered, Opened
from tests.faults.machine_course import Fate, lost
from tests.faults.machine_view import View, of_database, of_memory
from tests.faults.memory_store import MemoryStore
from tests.kit.clocks import HandClock

LEASE_SECONDS = 60
# Which commit is not made, and the SQLSTATE that says why.
_GIVEN_UP = {Fate.GIVEN_UP: (1, "57014"), Fate.HALF: (2, "57014"), Fate.COLLIDED: (1, "40001")}


class InMemory(MemoryStore):
    """The store in memory. It has no second commit, and nothing to collide with."""

    def give_up(self, fate: Fate) -> None:
        """At once."""
        if fate in (Fate.GIVEN_UP, Fate.COLLIDED):
            raise lost()

    def calm(self) -> None:
        """It is."""

    def view(self) -> View:
        """All that it holds."""
        return of_memory(self)

    def compare(self) -> None:
        """There is nobody to compare with."""


class GivenUp(Exception):
    """What a driver says of a transaction that the database gave up."""

    def __init__(self, state: str) -> None:
        """`state` is an SQLSTATE."""
        super().__init__("given up")
        self.sqlstate = state


class Database(SqlStore):
    """The SQL store with its desk; a commit may be given up."""

    def __init__(self, engine: Engine, clock: HandClock) -> None:
        """`engine` is of a migrated database without any rows."""
        super().__init__(engine, clock, LEASE_SECONDS, "machine")
        self._desk = Answers(engine, clock)
        self._commits_left, self._state = 0, ""
        event.listen(engine, "commit", self._commit)

    def open(self, tenant: Tenant, type: str, id: str) -> Opened | None:
        """As the desk's."""
        return self._desk.open(tenant, type, id)

    def answer(self, tenant: Tenant, answered: Answered) -> list[Stored]:
        """As the desk's."""
        return self._desk.answer(tenant, answered)

    def give_up(self, fate: Fate) -> None:
        """At a commit within the next call."""
        self._commits_left, self._state = _GIVEN_UP.get(fate, (0, ""))

    def calm(self) -> None:
        """Gives up nothing any more."""
        self._commits_left = 0

    def view(self) -> View:
        """All that it holds."""
        return of_database(self.engine)

    def compare(self) -> None:
        """What operators see is what there is."""
        counts, patients = self.counts(), self.view().patients.values()
        assert counts.patients_parked == sum(it.is_parked for it in patients), "somebody is parked unseen"
        assert counts.patients_due == sum(it.is_dirty for it in patients)

    def close(self) -> None:
        """Lets go of the database."""
        event.remove(self.engine, "commit", self._commit)
        super().close()

    def _commit(self, connection: Connection) -> None:
        if self._commits_left:
            self._commits_left -= 1
            if not self._commits_left:
                raise OperationalError("COMMIT", None, GivenUp(self._state))


class Twin:
    """A database and the memory beside it: what one says, the other says."""

    def __init__(self, database: Database, memory: InMemory) -> None:
        """Both empty, on one clock."""
        self._database = database
        self._memory = memory
        self._fate = Fate.WELL

    def _both(self, name: str, *args: Any) -> Any:
        """What the database gave up, did not happen in the memory either. Lots fall alike in both."""
        lots = random.getstate()
        found = _tried(self._database, name, *args)
        if name == "commit" and self._fate in (Fate.GIVEN_UP, Fate.COLLIDED):
            _tried(self._memory, "give_up_commit", *args)
        if self._fate in _GIVEN_UP and _is_given_up(found):
            self._agree()
            raise found
        random.setstate(lots)
        expected = _tried(self._memory, name, *args)
        assert _told(found) == _told(expected), f"{name}: database and memory differ"
        if isinstance(found, Exception):
            raise found
        return found

    def submit(
        self, tenant: Tenant, writes: Sequence[Write], happenings: Sequence[Happening]
    ) -> "Future[list[Stored]]":
        """Done at once."""
        future: Future[list[Stored]] = Future()
        try:
            future.set_result(self._both("commit", tenant, writes, happenings))
        except Problem as refusal:
            future.set_exception(refusal)
        return future

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Every other method: both are asked."""
        return partial(self._both, name)

    def give_up(self, fate: Fate) -> None:
        """As the database's."""
        self._fate = fate
        self._database.give_up(fate)

    def calm(self) -> None:
        """As the database's."""
        self._fate = Fate.WELL
        self._database.calm()

    def view(self) -> View:
        """The memory's."""
        return self._memory.view()

    def compare(self) -> None:
        """Everything that both hold, and what operators see of it."""
        self._database.compare()
        self._agree()

    def _agree(self) -> None:
        for part, one, other in zip(View._fields, self._database.view(), self._memory.view(), strict=True):
            assert one == other, f"{part}: database and memory differ"

    def close(self) -> None:
        """Lets go of the database."""
        self._database.close()


AnyStore = InMemory | Database | Twin


def _tried(store: Any, name: str, *args: Any) -> Any:
    try:
        return getattr(store, name)(*args)
    except (Problem, DBAPIError) as error:
        return error


def _is_given_up(said: object) -> bool:
    """A conflict is what a person hears of a collision."""
    given_up = (Category.UNAVAILABLE, Category.FAULT, Category.CONFLICT)
    return isinstance(said, DBAPIError) or (isinstance(said, Problem) and said.category in given_up)


def _told(said: Any) -> Any:
    """As it can be compared: the category of a refusal, a chart's facts in one order."""
    if isinstance(said, Exception):
        return said.category if isinstance(said, Problem) else type(said)
    if isinstance(said, list):
        return [_told(one) for one in said]
    if isinstance(said, Chart):
        facts = sorted(said.facts, key=lambda it: (it.source, it.part))
        return (said.claim, facts, said.episodes, said.referrals)
    return said
