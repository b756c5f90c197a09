"""In every worker process threads that fetch what other systems have told of, and poll them.

Two for each source, one for each kind of errand: a source that is slow to answer, or that has a long poll
under way at the pace of its budget, keeps nothing else waiting.
"""

from collections.abc import Callable
from random import uniform
from threading import Event, Thread
from time import monotonic

import structlog

from referral_service.core.problem import Category, Problem
from referral_service.doorbell import CeleryDoorbell
from referral_service.intakes import Intake, build_intakes
from referral_service.settings import Settings
from referral_service.store.store import SqlStore
from referral_service.workflow.fetch import Errand
from referral_service.workflow.poll import PREFIX, polls

_EVERY_SECONDS = 1.0
_LONGEST_REST_SECONDS = 30.0
_RENEWALS = 4  # in the time of a lease
# The other side as a whole is in trouble: whatever is next would fail too.
_AWAY = (Category.UNAVAILABLE, Category.BUSY)
_log = structlog.get_logger(__name__)


class Fetching:
    """Looks each second whether something is to be fetched, if there is a source to fetch from."""

    def __init__(self, settings: Settings, store: SqlStore) -> None:
        """Opens nothing yet."""
        self._settings = settings
        self._store = store
        self._ended = Event()
        self._doorbell = CeleryDoorbell(settings)
        self._intakes: list[Intake] = []
        self._threads: list[Thread] = []

    def start(self) -> None:
        """Begins; raises SourcesError, PathwayError, TerminologyError, and Problem for a wrong address."""
        if self._settings.sources is None:
            return
        self._intakes = build_intakes(self._settings, self._store, self._doorbell)
        for intake in self._intakes:
            for is_polling in (False, True):
                runner = Runner(intake, self._ended, self._settings.lease_seconds, polls=is_polling)
                name = f"{'polling' if is_polling else 'fetching'} {intake.feed.source}"
                self._threads.append(Thread(target=runner.serve, name=name, daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Waits for the requests at hand; what is left goes on in another process, or the next time."""
        self._ended.set()
        end = monotonic() + self._settings.lease_seconds
        for thread in self._threads:
            thread.join(timeout=max(end - monotonic(), 0))
        for intake in self._intakes:
            intake.close()
        self._doorbell.close()


class _Ended(Exception):
    """The process ends: the errand is given back."""


class _Lost(Exception):
    """The lease ran out, and another has the errand."""


class Runner:
    """One thread's work: the errands of one source, polls or all others."""

    def __init__(self, intake: Intake, ended: Event, lease_seconds: float, *, polls: bool) -> None:
        """Ends soon after `ended` is set."""
        self._intake = intake
        self._ended = ended
        self._between = lease_seconds / _RENEWALS
        self._polls = polls
        self._is_out = False
        self._is_ensured = not (polls and intake.types)

    def serve(self) -> None:
        """Until the end."""
        while not self._ended.wait(_EVERY_SECONDS * uniform(0.75, 1.25)):  # noqa: S311 - no secret
            try:
                if not self._is_ensured:
                    self._intake.errands.ensure(self._intake.feed, polls(self._intake.types))
                    self._is_ensured = True
                while not self._ended.is_set() and self.run():
                    pass
                self._is_out = False
            except Exception as error:  # noqa: BLE001 - whatever it is, the next second tries again
                if not self._is_out:
                    _log.error("nothing can be fetched now", source=self._intake.feed.source, exc_info=error)
                self._is_out = True

    def run(self) -> bool:
        """Does what has been due the longest; whether there was anything."""
        errands = self._intake.errands
        errand = errands.claim(self._intake.feed, polls=self._polls)
        if errand is None:
            return False
        try:
            self._do(errand)
        except _Ended:
            errands.give_back(errand)
        except _Lost:
            _log.warning("an errand took longer than its lease", source=errand.feed.source)
        except Problem as problem:
            self._failed(errand, problem)
        except Exception as error:  # noqa: BLE001 - one errand must not end the others
            _log.error("unforeseen failure of an errand", source=errand.feed.source, exc_info=error)
            errands.fail(errand, Category.FAULT)
        return True

    def _do(self, errand: Errand) -> None:
        intake = self._intake
        if self._polls:
            intake.poll.run(errand, self._step(errand))
            is_regular = errand.what.removeprefix(PREFIX) in intake.types
            intake.errands.done(errand, intake.every if is_regular else None)
            return
        partly = intake.fetch.run(errand, self._step(errand))
        strangers = intake.admit.strangers(errand.feed.tenant, partly)
        intake.errands.ask(errand.feed, {f"Patient/{one}" for one in strangers})
        intake.errands.done(errand)

    def _failed(self, errand: Errand, problem: Problem) -> None:
        category = problem.category
        is_parked = self._intake.errands.fail(errand, category, problem.wait_seconds)
        told = {"source": errand.feed.source, "category": category.name.lower(), "attempt": errand.attempts}
        if is_parked:
            _log.error("an errand is parked", **told)
        else:
            _log.warning("an errand failed", **told)
        if category in _AWAY:
            self._ended.wait(min(problem.wait_seconds or _EVERY_SECONDS, _LONGEST_REST_SECONDS))

    def _step(self, errand: Errand) -> Callable[[], None]:
        """Before each request: keeps the lease, and the pace of a poll."""
        renewed_at = monotonic()

        def step() -> None:
            nonlocal renewed_at
            left = self._intake.pace.take() if self._polls else 0.0
            while True:
                if monotonic() - renewed_at > self._between:
                    if not self._intake.errands.renew(errand):
                        raise _Lost
                    renewed_at = monotonic()
                if self._ended.wait(min(left, self._between)):
                    raise _Ended
                left -= self._between
                if left <= 0:
                    return

        return step
