"""What ends a worker that should not go on: one that is stuck in an evaluation, or has grown too large.

Either is started again by whoever started it. Celery's own limits are for pools of child processes; this
worker evaluates in its own process, so that a wake-up costs no more than a claim.
"""

import os
import resource
import signal
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import structlog

LONGEST_SECONDS = 15.0  # without any progress; one patient takes milliseconds
LARGEST_MEGABYTES = 1024
_MEMORY = Path("/proc/self/statm")
STUCK = 70  # the exit status: an internal fault, not one of our commands' refusals

_log = structlog.get_logger(__name__)


class Watch:
    """A thread beside the work. `longest` is how many seconds an evaluation may go without progress."""

    def __init__(self, longest: float = LONGEST_SECONDS, largest: int = LARGEST_MEGABYTES) -> None:
        """Watches from `start` on; `largest` is the most memory, in megabytes."""
        self._longest = longest
        self._largest = largest
        self._since: float | None = None
        self._ended = Event()
        self._thread = Thread(target=self._serve, name="watch", daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def progress(self) -> None:
        """Work goes on."""
        self._since = monotonic()

    def rest(self) -> None:
        """Nothing is at work."""
        self._since = None

    def stop(self) -> None:
        """Watches no more."""
        self._ended.set()

    def _serve(self) -> None:
        is_asked = False
        while not self._ended.wait(min(1.0, self._longest / 4)):
            since = self._since
            if since is not None and monotonic() - since > self._longest:
                # No thread can be interrupted; the attempt was counted before it began.
                _log.error("an evaluation does not end; the process does")
                os._exit(STUCK)
            if not is_asked and _megabytes() > self._largest:
                _log.warning("the process has grown too large; it ends after the batch at hand")
                os.kill(os.getpid(), signal.SIGTERM)
                is_asked = True  # and the watch goes on: the batch at hand may be what does not end


def _megabytes() -> float:
    """The memory that this process has now; its peak would count what its parent had at its beginning."""
    try:
        pages = int(_MEMORY.read_text(encoding="ascii").split()[1])
    except OSError:  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / (1024 * 1024)
