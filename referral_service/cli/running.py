"""The whole service as a child of this process, started as `referral-service up` and stopped in order."""

import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from referral_service.settings import Settings

_STOP_SECONDS = 20.0
_LAST_LINES = 20


class NotRunning(Exception):
    """The service did not start, or has ended; the text says why, with the last lines of its log."""


class RunningService:
    """`with RunningService(settings) as service:` starts it, waits for nothing, and stops it at the end."""

    def __init__(self, settings: Settings) -> None:
        """The log goes to service.log in the data folder."""
        self._settings = settings
        self._child: subprocess.Popen[bytes] | None = None
        self._logged = 0

    @property
    def address(self) -> str:
        """Where it answers, such as http://127.0.0.1:8000."""
        host = self._settings.host
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{self._settings.port}"

    @property
    def log(self) -> Path:
        """Where it logs to."""
        return self._settings.data_dir / "service.log"

    @property
    def pid(self) -> int | None:
        """The process id of the supervisor, while it runs."""
        return None if self._child is None else self._child.pid

    def __enter__(self) -> Self:
        """Starts it; raises NotRunning when its port is taken."""
        if not is_free(self._settings.host, self._settings.port):
            raise NotRunning(f"port {self._settings.port} is taken; set REFERRAL_PORT to another one")
        self._settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._logged = log.tell()  # what stands there is of earlier runs, or of whoever has the folder
            self._child = subprocess.Popen(
                [sys.executable, "-m", "referral_service", "up"],
                env=self._settings.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is ours to pass on, once
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Asks it to stop, waits, and ends it if it does not."""
        child = self._child
        if child is None:
            return
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._child = None

    def wait(self) -> None:
        """Returns never; raises NotRunning once it has ended."""
        if self._child is not None:
            self._child.wait()
        self.check()

    def is_ready(self, http: httpx.Client) -> bool:
        """Whether it takes requests already; raises NotRunning once it has ended."""
        self.check()
        with suppress(httpx.TransportError):
            return http.get(f"{self.address}/readyz").is_success
        return False

    def check(self) -> None:
        """Raises NotRunning once it has ended."""
        if self._child is not None and self._child.poll() is None:
            return
        written = self.log.read_bytes()[self._logged :].decode(errors="replace")
        lines = written.splitlines()[-_LAST_LINES:]
        raise NotRunning("\n".join(["the service has ended; the last lines of its log:", *lines]))


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens on that port."""
    with socket.socket(_family(host)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
        return True


def free_port(host: str) -> int:
    """A port that nobody listens on now."""
    with socket.socket(_family(host)) as listener:
        listener.bind((host, 0))
        port: int = listener.getsockname()[1]
        return port


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
