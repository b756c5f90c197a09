"""In every worker process a thread that tells people of red flags which nobody has acknowledged.

A thread of its own: whoever is told may be slow to answer, and evaluation must not wait for that.
"""

from random import uniform
from threading import Event, Thread

import structlog

from referral_service.settings import Settings
from referral_service.store.store import SqlStore
from referral_service.wiring import build_ladder

_EVERY_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Alarms:
    """Climbs the ladder each second, if one is set."""

    def __init__(self, settings: Settings, store: SqlStore) -> None:
        """Opens nothing yet."""
        self._settings = settings
        self._store = store
        self._ended = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begins, if REFERRAL_LADDER names anybody; raises UnknownDestination."""
        ladder = build_ladder(self._settings, self._store)
        if ladder is None:
            return

        def climb() -> None:
            is_out = False
            while not self._ended.wait(_EVERY_SECONDS * uniform(0.75, 1.25)):  # noqa: S311 - no secret
                try:
                    ladder.climb()
                    is_out = False
                except Exception as error:  # noqa: BLE001 - whatever it is, the next second tries again
                    if not is_out:
                        _log.error("nobody can be told of red flags now", exc_info=error)
                    is_out = True

        self._thread = Thread(target=climb, name="alarms", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Waits for what is being told."""
        self._ended.set()
        if self._thread:
            self._thread.join(timeout=self._settings.lease_seconds)
