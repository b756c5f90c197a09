"""Whether the API still answers: asked by a thread of its own, so that one that hangs holds up nobody."""

from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from threading import Thread
from time import monotonic, sleep

_EVERY_SECONDS = 5.0


class Pulse:
    """Asks `/livez` again and again; `heard_at` is when an answer came last, as `monotonic` counts."""

    def __init__(self, host: str, port: int, patience: float) -> None:
        """Asks nothing yet; an answer within `patience` seconds counts, however busy the machine is."""
        self.heard_at = monotonic()
        self._host, self._port, self._patience = host, port, patience

    def start(self) -> None:
        """From now on, as long as this process lives."""
        Thread(target=self._listen, name="pulse", daemon=True).start()

    def _listen(self) -> None:
        while True:
            with suppress(OSError, HTTPException):
                self._ask()
                self.heard_at = monotonic()
            sleep(min(_EVERY_SECONDS, self._patience / 2))

    def _ask(self) -> None:
        connection = HTTPConnection(self._host, self._port, timeout=self._patience)
        try:
            connection.request("GET", "/livez")
            connection.getresponse()
        finally:
            connection.close()
