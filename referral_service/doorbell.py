"""The doorbell: tells Celery's workers that somebody is due. A message says no more than that.

It is best effort. Ringing only sets a flag; a thread of its own sends, at most one message in 50 ms, and none
while some still wait to be read. A dead broker is logged once, and tried again: the workers look for
themselves each second.
"""

from threading import Event, Lock, Thread
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from referral_service.settings import Settings

QUEUE = "evaluate"
TASK = "evaluate"

_PAUSE_SECONDS = 0.05
_OUTAGE_SECONDS = 1.0
_ENOUGH_WAITING = 8

_log = structlog.get_logger(__name__)


def transport_options(settings: Settings) -> dict[str, Any]:
    """Kombu's options for the broker that is set; makes the folders of the file transport."""
    scheme = settings.broker.partition("://")[0]
    if scheme == "filesystem":
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        folders = {name: settings.broker_folder / name for name in ("messages", "control")}
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        messages, control = map(str, folders.values())
        return {
            "data_folder_in": messages,
            "data_folder_out": messages,
            "control_folder": control,
            "polling_interval": _PAUSE_SECONDS,
        }
    if scheme in ("amqp", "amqps"):
        return {"connect_timeout": 1}
    return {"socket_connect_timeout": 1}


class CeleryDoorbell:
    """The port `Doorbell`, on Celery's broker."""

    def __init__(self, settings: Settings) -> None:
        """Connects to nothing yet; its thread starts with the first ring."""
        self._celery = Celery("doorbell", broker=settings.broker, set_as_current=False)
        self._celery.conf.update(
            task_default_queue=QUEUE,
            broker_connection_timeout=1,
            broker_transport_options={**transport_options(settings), "socket_timeout": 2},
        )
        self._rung = Event()
        self._closed = Event()
        self._starting = Lock()
        self._thread: Thread | None = None
        self._connection: Any = None  # kombu's own, untyped
        self._is_out = False

    def ring(self) -> None:
        """Coalesces: many rings in a short while are one message. Never blocks, never raises."""
        self._rung.set()
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = Thread(target=self._serve, name="doorbell", daemon=True)
                    self._thread.start()

    def close(self) -> None:
        """Ends the thread; a ring that was not sent yet is lost, which matters to nobody."""
        self._closed.set()
        self._rung.set()
        if self._thread:
            self._thread.join(5)
        self._hang_up()

    def _serve(self) -> None:
        while self._rung.wait() and not self._closed.is_set():
            self._rung.clear()
            is_sent = self._try()
            if not is_sent:
                self._rung.set()
            self._closed.wait(_PAUSE_SECONDS if is_sent else _OUTAGE_SECONDS)

    def _try(self) -> bool:
        try:
            self._send()
        except Exception as error:  # noqa: BLE001 - whatever a broker's client raises, the thread lives on
            self._hang_up()
            if not self._is_out:
                _log.warning("the broker is out; workers look for themselves", exception=type(error).__name__)
            self._is_out = True
            return False
        if self._is_out:
            _log.info("the broker is back")
        self._is_out = False
        return True

    def _send(self) -> None:
        if self._connection is None:
            self._connection = self._celery.connection_for_write()
        channel = self._connection.default_channel
        queue = self._celery.amqp.queues[QUEUE].bind(channel)
        queue.declare()
        if queue.queue_declare().message_count < _ENOUGH_WAITING:
            with self._celery.amqp.Producer(self._connection, auto_declare=False) as producer:
                self._celery.send_task(TASK, producer=producer, retry=False, ignore_result=True)

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.release()
            except (OSError, OperationalError):
                _log.debug("the broker's connection was gone already")
