"""`up`: the broker, the workers and the API as children of one process, kept running and stopped in order."""

import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from types import FrameType

from referral_service.cli import CannotStart
from referral_service.cli.broker import broker_command, is_answering, wait_for_broker
from referral_service.cli.child import Child
from referral_service.cli.pulse import Pulse
from referral_service.cli.start import check_migrated, check_port, open_store
from referral_service.core.problem import Problem
from referral_service.settings import Settings

_TICK_SECONDS = 0.2
_STUCK_SECONDS = 30.0
_SILENT_SECONDS = 90.0


def worker_command() -> list[str]:
    """Celery's command: one process, which evaluates by itself and needs no other worker's news."""
    return [
        *(sys.executable, "-m", "celery", "--quiet", "--app", "workers.app", "worker"),
        *("--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]


class Supervisor:
    """Runs the whole service on this machine until it is told to stop."""

    def __init__(self, settings: Settings) -> None:
        """Starts nothing yet."""
        self._settings = settings
        self._is_stopping = False
        environment = settings.environment()
        broker = broker_command(settings)
        api = [sys.executable, "-m", "referral_service", "api"]
        self._brokers = [Child("broker", broker, environment, self._broker_answers, _say)] if broker else []
        self._workers = [
            Child(f"worker {number}", worker_command(), environment, self._beats, _say)
            for number in range(1, settings.workers + 1)
        ]
        self._api = Child("api", api, environment, self._api_answers, _say)
        self._pulse = Pulse(settings.host, settings.port, _STUCK_SECONDS)

    def run(self) -> None:
        """Returns once everything has stopped after Ctrl-C, SIGTERM or SIGHUP; raises CannotStart."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        with self._alone():
            check_port(self._settings)
            _prepare_database(self._settings)
            try:
                self._start()
                self._watch()
            finally:
                self._pulse.end()
                for child in (self._api, *self._workers, *self._brokers):
                    child.stop()

    def _start(self) -> None:
        for old in self._settings.heartbeat_folder.glob("worker-*"):
            old.unlink(missing_ok=True)
        for broker in self._brokers:
            broker.start()
            if not wait_for_broker(self._settings):
                _say("broker     does not answer yet; the workers look for themselves each second")
        for child in (*self._workers, self._api):
            child.start()

    def _watch(self) -> None:
        stuck = max(_STUCK_SECONDS, 2.0 * self._settings.lease_seconds)
        is_serving = False
        self._pulse.start()
        while not self._is_stopping:
            for child in (*self._brokers, self._api):
                child.tick()
            if any([worker.tick() for worker in self._workers]):
                self._release()
            for worker in self._workers:
                worker.kill_if_stuck(self._heartbeat(worker.pid), stuck)
            self._api.kill_if_silent(self._pulse.heard_at, _SILENT_SECONDS)
            if not is_serving and self._api.has_been_well:
                is_serving = True
                _say(f"ready      {self._address()}")
            sleep(_TICK_SECONDS)

    def _release(self) -> None:
        """Whoever a dead worker held waits for no lease, where all workers on the database are our own."""
        if self._settings.database_url:
            return
        try:
            with open_store(self._settings) as store:
                store.release()
        except (CannotStart, Problem):
            _say("database   is busy; whom the worker held is looked at when the lease ends")

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._is_stopping = True

    def _heartbeat(self, pid: int | None) -> Path:
        return self._settings.heartbeat_folder / f"worker-{pid}"

    def _beats(self, pid: int) -> bool:
        return self._heartbeat(pid).exists()

    def _broker_answers(self, pid: int) -> bool:
        return is_answering(self._settings.broker_socket)

    def _api_answers(self, pid: int) -> bool:
        with suppress(OSError):
            socket.create_connection((self._settings.host, self._settings.port), timeout=1).close()
            return True
        return False

    def _address(self) -> str:
        host = self._settings.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._settings.port}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds the data folder's lock, which ends with this process however that ends."""
        self._settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._settings.data_dir / "up.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise CannotStart(
                    f"another `referral-service up` runs on {self._settings.data_dir} (pid {lock.read()})"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield


def _prepare_database(settings: Settings) -> None:
    """The embedded database is brought to this version by itself, any other by its owner."""
    if settings.database_url:
        check_migrated(settings)
        return
    with open_store(settings) as store:
        store.migrate()
        store.release()


def _say(line: str) -> None:
    print(line, flush=True)
