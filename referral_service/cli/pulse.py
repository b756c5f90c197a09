"""Whether the API still answers: asked by a thread of its own, so that one that hangs holds up nobody."""

from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from threading import Event, Thread
from time import monotonic

_EVERY_SECONDS = 5.0


class Pulse:
    """Asks `/livez` again and again; `heard_at` is when an answer came last, as `monotonic` counts."""

    def __init__(self, host: str, port: int, patience: float) -> None:
        """Asks nothing yet; an answer within `patience` seconds counts, however busy the machine is."""
        self.heard_at = monotonic()
        self._host, self._port, self._patience = host, port, patience
        self._has_ended = Event()

    def start(self) -> None:
        """From now on, until it is ended or this process is."""
        Thread(target=self._listen, name="pulse", daemon=True).start()

    def end(self) -> None:
        """Asks no more: the port may be somebody else's soon."""
        self._has_ended.set()

    def _listen(self) -> None:
        while not self._has_ended.is_set():
            with suppress(OSError, HTTPException):
                self._ask()
                self.heard_at = monotonic()
            self._has_ended.wait(min(_EVERY_SECONDS, self._patience / 2))

    def _ask(self) -> None:
        with closing(HTTPConnection(self._host, self._port, timeout=self._patience)) as connection:
            connection.request("GET", "/livez")
            connection.getresponse().close()
