"""A circuit breaker: a side that fails again and again is left alone for a while, then asked once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import Final

from referral_service.core.problem import Category, Issue, Problem

_FAILURES_OF_THE_OTHER_SIDE: Final = (Category.UNAVAILABLE, Category.INTERRUPTED)


class Resting(Problem):
    """The other side is left alone for now: nothing was sent."""

    def __init__(self, wait_seconds: float) -> None:
        """`wait_seconds` until it is asked again, if nothing else is learned before."""
        issue = Issue(Category.UNAVAILABLE.value.code, "The other side has failed lately; nothing was sent.")
        super().__init__(Category.UNAVAILABLE, issue, wait_seconds=wait_seconds)


class Breaker:
    """Opens after so many failures in a row; then one call at a time probes; safe for many threads."""

    def __init__(self, failures: int, rest_seconds: float) -> None:
        """It is closed: calls go through."""
        self._most = failures
        self._rest_seconds = rest_seconds
        self._lock = Lock()
        self._failures = 0
        self._rests_until = 0.0
        self._is_probing = False

    @contextmanager
    def call(self) -> Iterator[None]:
        """Learns from how the block ends; raises Resting at once while open."""
        probes = self._enter()
        failed: bool | None = None
        try:
            yield
            failed = False
        except Problem as error:
            failed = error.category in _FAILURES_OF_THE_OTHER_SIDE
            raise
        finally:
            self._leave(failed, probes=probes)

    def _enter(self) -> bool:
        """Whether this call is the probe."""
        with self._lock:
            if self._failures < self._most:
                return False
            left = self._rests_until - monotonic()
            if left > 0 or self._is_probing:
                raise Resting(max(left, 0.0))
            self._is_probing = True
            return True

    def _leave(self, failed: bool | None, *, probes: bool) -> None:
        """`failed` is None where nothing was learned of the other side."""
        with self._lock:
            if probes:
                self._is_probing = False
            if failed:
                self._failures += 1
                if probes or self._failures == self._most:
                    self._rests_until = monotonic() + self._rest_seconds
            elif failed is False:
                self._failures = 0
