"""What is under way: an evaluation or a person's answer, stopped wherever it reaches for the store.

Each runs in a thread of its own, but only while the machine waits for it, so that one seed is one history. At
each stop the machine says what becomes of the call: all is well, it fails, its answer is lost, somebody dies.
"""

from collections.abc import Callable
from enum import Enum
from threading import Lock, Thread
from typing import Protocol, TypeVar

from referral_service.core.problem import Category, Problem, problem

Answer = TypeVar("Answer")


class Fate(Enum):
    """What becomes of one call of the store."""

    WELL = "it is done and answered"
    REFUSED = "the database cannot be reached: nothing is done"
    UNHEARD = "it is done, but the answer is lost"
    DEAD = "the process dies before it"
    DEAD_AFTER = "it is done, and the process dies"
    GIVEN_UP = "the database gives up at the commit: nothing may be left of it"
    HALF = "the database gives up at a second commit: there must be none"
    COLLIDED = "the database prefers another transaction at first"

    def __repr__(self) -> str:
        """As a history prints it."""
        return f"Fate.{self.name}"


class Killed(BaseException):
    """The process is gone: nothing in it may go on."""


class Fragile(Protocol):
    """A store that can be told to give up."""

    def give_up(self, fate: Fate) -> None:
        """Once, within the next call."""

    def calm(self) -> None:
        """Not any more."""


def reach(store: Fragile, fate: Fate, make: Callable[[], Answer]) -> Answer:
    """Makes one call of the store with its fate; raises Problem or Killed as the caller would have it."""
    if fate is Fate.DEAD:
        raise Killed
    if fate is Fate.REFUSED:
        raise lost()
    store.give_up(fate)
    try:
        answer = make()
    finally:
        store.calm()
    if fate is Fate.DEAD_AFTER:
        raise Killed
    if fate is Fate.UNHEARD:
        raise lost()
    return answer


def lost() -> Problem:
    """What the service hears of a database that does not answer."""
    return problem(Category.UNAVAILABLE, "The database cannot be reached just now.")


class Course:
    """One thing under way. `at` is the name of the call that it stands before, None once it is over."""

    def __init__(self, store: Fragile, body: Callable[["Course"], None]) -> None:
        """Runs `body` up to its first stop."""
        self.at: str | None = None
        self.is_disturbed = False
        self._store = store
        self._failure: BaseException | None = None
        self._fate = Fate.WELL
        self._mine, self._theirs = Lock(), Lock()
        self._mine.acquire()
        self._theirs.acquire()
        self._thread = Thread(target=self._run, args=(body,), daemon=True)
        self._thread.start()
        self._wait()

    @property
    def is_over(self) -> bool:
        """Whether it came to its end, good or bad."""
        return self.at is None

    def go(self, fate: Fate = Fate.WELL) -> None:
        """Lets it make the call that it stands before, with this fate, and go on to its next."""
        self._fate = fate
        self.is_disturbed |= fate is not Fate.WELL
        self._mine.release()
        self._wait()

    def finish(self) -> None:
        """Lets it go on to its end, undisturbed from here on."""
        while not self.is_over:
            self.go()

    def die(self) -> None:
        """Ends it where it stands."""
        if not self.is_over:
            self.go(Fate.DEAD)

    def call(self, name: str, make: Callable[[], Answer]) -> Answer:
        """Called by what runs: stands before a call of the store until its fate is known, and makes it.

        A failed assertion is the machine's own, and none of the failures that the service must live with.
        """
        self.at = name
        self._theirs.release()
        self._mine.acquire()
        try:
            return reach(self._store, self._fate, make)
        except AssertionError as error:
            self._failure = error
            raise Killed from None

    def _run(self, body: Callable[["Course"], None]) -> None:
        try:
            body(self)
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - the machine's thread raises it again
            self._failure = error
        self.at = None
        self._theirs.release()

    def _wait(self) -> None:
        self._theirs.acquire()
        if self.is_over:
            self._thread.join()
        if self._failure is not None:
            raise self._failure
