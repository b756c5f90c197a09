"""A worker process with a fault put into it: its evaluator ill-treats a few patients, each as its name says.

Everything else is the real worker. Run: python -m tests.faults.poison
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import date
from time import sleep

from celery.__main__ import main as celery

from referral_service.cli.supervisor import worker_command
from referral_service.core.decide import Answer
from referral_service.core.pathway import Pathway
from referral_service.core.timeline import Timeline
from referral_service.workflow import assess

SLOW_SECONDS = 0.1
_CHUNK = 64 * 2**20
_CHUNKS = 24  # more in all than workers/watch.py lets a worker have, too little to hurt the machine


def _raises() -> None:
    raise ZeroDivisionError("a fault of the evaluator")


def _hangs() -> None:
    while True:
        sleep(0.01)


def _dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _grows() -> None:
    """Takes more memory than it may, and never returns."""
    taken = [b"x" * _CHUNK for _ in range(_CHUNKS)]
    while taken:
        sleep(0.01)


def _dawdles() -> None:
    sleep(SLOW_SECONDS)


# What is done to a patient whose id begins so.
WAYS: dict[str, Callable[[], None]] = {
    "raises": _raises,
    "hangs": _hangs,
    "dies": _dies,
    "grows": _grows,
    "dawdles": _dawdles,
}


def command() -> list[str]:
    """The command line of such a worker."""
    return [sys.executable, "-m", "tests.faults.poison"]


def main() -> None:
    """Runs Celery as `referral-service worker` does, with the other evaluator."""
    healthy = assess.ask

    def ask(timeline: Timeline, pathway: Pathway, as_of: date) -> Answer:
        for way, ill_treat in WAYS.items():
            if any(fact.source.startswith(f"Patient/{way}") for fact in timeline.facts):
                ill_treat()
        return healthy(timeline, pathway, as_of)

    assess.ask = ask
    sys.argv = worker_command()[2:]
    celery()


if __name__ == "__main__":
    main()
