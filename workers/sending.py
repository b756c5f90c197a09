"""In every worker process a thread that sends approved orders, and asks how they fare.

A thread of its own: the other side may be slow to answer, and evaluation must not wait for that.
"""

from concurrent.futures import ThreadPoolExecutor
from random import uniform
from threading import Event, Thread

import structlog

from referral_service.settings import Settings
from referral_service.store.store import SqlStore
from referral_service.wiring import Sender, build_sender
from referral_service.workflow.courier import AT_ONCE

_EVERY_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Sending:
    """Looks each second whether an order is to be sent, if this service sends any."""

    def __init__(self, settings: Settings, store: SqlStore) -> None:
        """Opens nothing yet."""
        self._settings = settings
        self._store = store
        self._ended = Event()
        self._thread: Thread | None = None
        self._fails: set[str] = set()

    def start(self) -> None:
        """Begins, unless people carry the orders; raises PathwayError, and Problem for a wrong address."""
        sender = build_sender(self._settings, self._store)
        if sender is None:
            return

        def serve() -> None:
            with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sending") as executor:
                while not self._ended.wait(_EVERY_SECONDS * uniform(0.75, 1.25)):  # noqa: S311 - no secret
                    self._look(sender, executor)
            sender.close()

        self._thread = Thread(target=serve, name="sending", daemon=True)
        self._thread.start()

    def _look(self, sender: Sender, executor: ThreadPoolExecutor) -> None:
        try:
            while not self._ended.is_set() and (ended := sender.courier.deliver(executor)):
                self._tell(ended)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next second tries again
            self._complain("orders", error)
        else:
            self._fails.discard("orders")
        try:
            sender.courier.ask(sender.opened)
        except Exception as error:  # noqa: BLE001 - the same
            self._complain("fulfillers", error)
        else:
            self._fails.discard("fulfillers")

    def _tell(self, ended: list[str]) -> None:
        failed = sorted({one for one in ended if one != "arrived"})
        if failed:
            _log.warning("orders did not arrive", categories=failed, number=len(ended))

    def _complain(self, what: str, error: Exception) -> None:
        if what not in self._fails:
            _log.error(f"{what} cannot be reached now", exc_info=error)
        self._fails.add(what)

    def stop(self) -> None:
        """Waits for what is on its way."""
        self._ended.set()
        if self._thread:
            self._thread.join(timeout=self._settings.lease_seconds)
