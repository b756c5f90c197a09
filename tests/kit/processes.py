"""Processes of the service as tests start, kill and wait for them."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from referral_service.cli.broker import broker_command, wait_for_broker
from referral_service.cli.running import free_port
from referral_service.settings import Settings

PATIENCE = 45.0


def place(folder: Path, **chosen: object) -> Settings:
    """Settings for a service of a test's own: its folder, a free port, short leases."""
    port = free_port("127.0.0.1")
    values = {"data_dir": folder, "port": port, "lease_seconds": 2, "log_level": "warning"} | chosen
    return Settings(**values)


def until(is_so: Callable[[], bool], what: str) -> float:
    """Waits; how many seconds it took. Fails the test if it never comes."""
    start = time.monotonic()
    while not is_so():
        assert time.monotonic() - start < PATIENCE, f"never: {what}"
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
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            words = (stat.parent / "cmdline").read_text()
            if int(fields[1]) == pid and fields[0] != "Z":
                found |= {name: int(stat.parent.name) for sign, name in kinds.items() if sign in words}
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead but not yet buried does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
