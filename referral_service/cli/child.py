"""A child process that is started again when it ends, and that cannot outlive its parent."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, time

from referral_service.cli import CannotStart

_SHORT_SECONDS = 5.0
_LONGEST_PAUSE = 10.0
_STOP_SECONDS = 15.0
_GIVE_UP_AFTER = 3
_REFUSALS = (1, 2)  # what our commands end with when they cannot start

_SET_PARENT_DEATH_SIGNAL = 1
_C = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """One program, kept running. `tick` is to be called a few times a second."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        is_well: Callable[[int], bool],
        say: Callable[[str], None],
    ) -> None:
        """`is_well` says of its process id whether it does its work; `say` prints a line. Starts nothing."""
        self.name = name
        self.has_been_well = False
        self._command = list(command)
        self._environment = dict(environment)
        self._is_well = is_well
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._again = 0.0
        self._short_lives = 0

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts it, in a session of its own: a Ctrl-C is the supervisor's to pass on, in order."""
        self._process = subprocess.Popen(  # noqa: S603 - our own programs alone
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent(os.getpid()),
        )
        self._started = monotonic()
        self._say(f"{self.name:<10} started, pid {self._process.pid}")

    def tick(self) -> bool:
        """Notices its end, and starts it again: at once, later the more often it ended soon.

        Says whether it has just ended.
        Raises CannotStart when it has never been well and refuses to start, or has ended a few times.
        """
        if self._process is None:
            if monotonic() >= self._again:
                self.start()
            return False
        code = self._process.poll()
        if code is None:
            self.has_been_well = self.has_been_well or self._is_well(self._process.pid)
            return False
        self._process = None
        is_short = monotonic() - self._started < _SHORT_SECONDS
        self._short_lives = self._short_lives + 1 if is_short or not self.has_been_well else 0
        ended_itself = code >= 0
        hopeless = code in _REFUSALS or self._short_lives >= _GIVE_UP_AFTER
        if not self.has_been_well and ended_itself and hopeless:
            raise CannotStart(f"{self.name} cannot start ({_ending(code)})")
        pause = min(_LONGEST_PAUSE, 0.5 * 2**self._short_lives) if self._short_lives else 0.0
        self._again = monotonic() + pause
        self._say(f"{self.name:<10} ended ({_ending(code)}); it is started again in {pause:g} s")
        return True

    def kill_if_stuck(self, heartbeat: Path, seconds: float) -> None:
        """Ends it when the file that it touches while it makes progress is older than that."""
        if self._process is None or monotonic() - self._started < seconds:
            return
        try:
            age = time() - heartbeat.stat().st_mtime
        except FileNotFoundError:
            return
        if age > seconds:
            self._say(f"{self.name:<10} makes no progress; it is ended")
            self._process.kill()

    def kill_if_silent(self, heard_at: float, seconds: float) -> None:
        """Ends it when it has not answered for so long; `heard_at`, of `monotonic`, is when it did last."""
        if self._process is not None and monotonic() - max(self._started, heard_at) > seconds:
            self._say(f"{self.name:<10} answers nobody; it is ended")
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Asks it to end, waits, and ends it if it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._say(f"{self.name:<10} stopped")
        self._process = None


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    """What the child does before its program: where the system can, it asks to be killed with its parent."""
    if _C is None:
        return None

    def ask() -> None:
        _C.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # the parent died before it could be asked for

    return ask
