"""The sweep: in every worker process a thread that looks each second whether somebody is due.

So a decision follows within seconds whether or not the broker is up, and time alone wakes whom it must. The
doorbell's wake-ups run the same loop; one of the two runs at a time. Several workers look at different
moments. As long as either makes progress, the process touches its file in DATA_DIR/heartbeats, whose age
tells a supervisor that the process hangs; and every few seconds it tells the database, for operators.
"""

import os
from contextlib import suppress
from random import uniform
from socket import gethostname
from threading import Event, Lock, Thread
from time import monotonic

import structlog
from sqlalchemy.exc import SQLAlchemyError

from referral_service.core.problem import Problem
from referral_service.settings import Settings
from referral_service.wiring import build_assessor, build_clock, build_store
from referral_service.workflow.assess import Assessor
from workers.alarms import Alarms
from workers.announcing import Announcing
from workers.fetching import Fetching
from workers.seals import Seals
from workers.sending import Sending
from workers.watch import LONGEST_SECONDS, Watch

_EVERY_SECONDS = 1.0
_TOLD_EVERY_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class Sweep:
    """Evaluates whoever is due; `run` at once, and each second by itself once it is started."""

    def __init__(self, settings: Settings) -> None:
        """Opens nothing yet."""
        self._settings = settings
        self._clock = build_clock(settings)
        self._store = build_store(settings, f"{gethostname()}-{os.getpid()}")
        self._watch = Watch(min(LONGEST_SECONDS, settings.lease_seconds))
        self._seals = Seals(settings, self._store, self._clock)
        self._alarms = Alarms(settings, self._store)
        self._sending = Sending(settings, self._store)
        self._fetching = Fetching(settings, self._store)
        self._announcing = Announcing(settings, self._store)
        self._told = -_TOLD_EVERY_SECONDS
        self._assessor: Assessor | None = None
        self._busy = Lock()
        self._finishing = Event()
        self._thread = Thread(target=self._serve, name="sweep", daemon=True)
        self._heartbeat = settings.heartbeat_folder / f"worker-{os.getpid()}"
        self._is_out = False

    def start(self) -> None:
        """Begins to look, at once; raises PathwayError and UnknownDestination."""
        self._assessor = build_assessor(self._settings, self._store)
        self._heartbeat.parent.mkdir(parents=True, exist_ok=True)
        self._alarms.start()
        self._sending.start()
        self._fetching.start()
        self._announcing.start()
        self._watch.start()
        self._thread.start()

    def finish(self) -> None:
        """Lets the batch at hand be the last."""
        self._finishing.set()

    def stop(self) -> None:
        """Waits for the last batch, and lets go of the database."""
        self.finish()
        if self._thread.is_alive():
            self._thread.join(timeout=self._settings.lease_seconds)
        self._alarms.stop()
        self._sending.stop()
        self._fetching.stop()
        self._announcing.stop()
        self._watch.stop()
        self._seals.export(is_last=True)
        with suppress(Problem, SQLAlchemyError):  # gone, or never migrated: then nobody asks who has left
            self._store.left()
        self._store.close()
        self._heartbeat.unlink(missing_ok=True)

    def run(self) -> None:
        """Evaluates batch after batch until nobody is due; waits while the other one does."""
        with self._busy:
            self._run()

    def _serve(self) -> None:
        while not self._finishing.is_set():
            # never waits for a wake-up that is at work: it leaves nobody
            if self._busy.acquire(blocking=False):
                try:
                    self._look()
                finally:
                    self._busy.release()
            self._finishing.wait(_EVERY_SECONDS * uniform(0.75, 1.25))  # noqa: S311 - no secret

    def _look(self) -> None:
        try:
            self._tell()
            self._seals.export()
            is_due = self._store.is_anybody_due(self._clock.as_of())
        except Exception as error:  # noqa: BLE001 - a look that fails must not end the looking
            self._complain(error)
        else:
            self._recover()
            if is_due:
                self._run()
        self._heartbeat.touch()

    def _run(self) -> None:
        assert self._assessor is not None, "start comes first"
        try:
            while not self._finishing.is_set() and self._assessor.run_due(progress=self._watch.progress):
                self._heartbeat.touch()
                self._tell()
                self._seals.export()
        except Exception as error:  # noqa: BLE001 - the same
            self._complain(error)
        else:
            self._recover()
        finally:
            self._watch.rest()

    def _tell(self) -> None:
        """Lets operators see that somebody looks."""
        if monotonic() - self._told >= _TOLD_EVERY_SECONDS:
            self._store.looked()
            self._told = monotonic()

    def _complain(self, error: Exception) -> None:
        if not self._is_out:
            _log.error("patients cannot be evaluated now", exc_info=error)
        self._is_out = True

    def _recover(self) -> None:
        if self._is_out:
            _log.info("patients are evaluated again")
        self._is_out = False
