"""What is to be done in a while, one thing after the other, by a thread that ends when nothing is left."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from threading import Condition, Thread
from time import monotonic


class Later:
    """A calendar of actions; those of one time are done in the order in which they came."""

    def __init__(self) -> None:
        """Nothing is to be done yet."""
        self._changed = Condition()
        self._actions: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()
        self._is_busy = False
        self._thread: Thread | None = None

    def call(self, seconds: float, action: Callable[[], object]) -> None:
        """Does it that much later, or as soon as what comes before is done."""
        with self._changed:
            heappush(self._actions, (monotonic() + seconds, next(self._numbers), action))
            self._changed.notify_all()
            if self._thread is None:
                self._thread = Thread(target=self._run, daemon=True)
                self._thread.start()

    def settle(self, seconds: float) -> bool:
        """Waits until nothing is left to be done, at most that long; says whether nothing is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, seconds)

    def close(self) -> None:
        """Forgets what is left, and waits for what has begun."""
        with self._changed:
            self._actions.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while (action := self._next()) is not None:
            try:
                action()
            except BaseException:
                self._end()
                raise

    def _next(self) -> Callable[[], object] | None:
        with self._changed:
            while self._actions:
                wait = self._actions[0][0] - monotonic()
                if wait <= 0:
                    return heappop(self._actions)[2]
                self._changed.wait(wait)
            self._end()
            return None

    def _end(self) -> None:
        with self._changed:
            self._thread = None
            self._changed.notify_all()
