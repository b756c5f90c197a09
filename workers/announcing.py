"""In every worker process a thread that tells subscribers what has changed.

A thread of its own, with a few more: a subscriber that is slow to answer keeps nothing else waiting.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from random import uniform
from threading import Event, Thread

import structlog

from referral_service.settings import Settings
from referral_service.store.store import SqlStore
from referral_service.wiring import build_announce
from referral_service.workflow.announce import Announce, Outing

_EVERY_SECONDS = 1.0
_AT_ONCE = 4  # subscribers that this process tells at the same time
_WELL = frozenset({"quiet", "told", "active", "over", "lost"})
_log = structlog.get_logger(__name__)


class Announcing:
    """Looks each second whether a subscriber is to be told something."""

    def __init__(self, settings: Settings, store: SqlStore) -> None:
        """Opens nothing yet."""
        self._settings = settings
        self._store = store
        self._ended = Event()
        self._thread: Thread | None = None
        self._is_out = False

    def start(self) -> None:
        """Begins; raises Problem for an origin that is no address."""
        announce = build_announce(self._settings, self._store)

        def serve() -> None:
            running: set[Future[None]] = set()
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="announcing") as executor:
                while not self._ended.wait(_EVERY_SECONDS * uniform(0.75, 1.25)):  # noqa: S311 - no secret
                    self._look(announce, executor, running)

        self._thread = Thread(target=serve, name="announcing", daemon=True)
        self._thread.start()

    def _look(self, announce: Announce, executor: ThreadPoolExecutor, running: set[Future[None]]) -> None:
        try:
            running -= {one for one in running if one.done()}
            for _ in range(_AT_ONCE - len(running)):
                outing = announce.claim()
                if outing is None:
                    break
                running.add(executor.submit(self._run, announce, outing))
        except Exception as error:  # noqa: BLE001 - whatever it is, the next second tries again
            if not self._is_out:
                _log.error("subscribers cannot be told now", exc_info=error)
            self._is_out = True
        else:
            self._is_out = False

    def _run(self, announce: Announce, outing: Outing) -> None:
        # without its id, which is its owner's word
        told = {"attempt": outing.attempts}
        try:
            ended = announce.run(outing, lambda: not self._ended.is_set())
        except Exception as error:  # noqa: BLE001 - its lease ends, and another look tries again
            _log.error("unforeseen failure of a notification", **told, exc_info=error)
            return
        if ended not in _WELL:
            _log.warning("a subscriber was not told", **told, category=ended)

    def stop(self) -> None:
        """Waits for what is on its way."""
        self._ended.set()
        if self._thread:
            self._thread.join(timeout=self._settings.lease_seconds)
