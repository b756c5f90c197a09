"""An operator at the desk: the real commands, on a database that the real store and assessor filled."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from referral_service.clock import SystemClock
from referral_service.settings import Settings
from referral_service.store.answers import Answers
from referral_service.store.claims import MOST_ATTEMPTS
from referral_service.store.store import SqlStore
from referral_service.store.tables import ledger
from referral_service.workflow.ports import DEFAULT_TENANT, PatientId, Tenant
from referral_service.workflow.review import Asked, Review, Verb
from tests.kit.clocks import HandClock
from tests.kit.judged import TODAY
from tests.kit.processes import referral_service
from tests.kit.writes import condition, received
from tests.workflow.answers import NAMES, NURSE
from tests.workflow.clinic import Clinic

NOON = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)


class Desk:
    """A clinic on the first of June 2026, and the commands on its database."""

    def __init__(self, folder: Path) -> None:
        self.clinic = Clinic(folder)
        self.settings = Settings(
            data_dir=folder / "data",
            database_url=f"sqlite:///{folder / 'service.db'}",
            clock_shift=f"{int((NOON - SystemClock().now()).total_seconds())}s",
        )

    def start(self, *words: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """A command, as it runs."""
        return subprocess.Popen(
            referral_service(*words),
            env=self.settings.environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, list[str], list[str]]:
        """Its exit code, and the lines of stdout and stderr."""
        with self.start(*words) as running:
            said, complained = running.communicate(timeout=60)
        return running.returncode, said.splitlines(), complained.splitlines()

    def ask(self, *words: str) -> Any:
        """What a command that succeeds says as JSON."""
        code, said, complained = self.run(*words, "--json")
        assert (code, complained) == (0, []), complained
        return json.loads("\n".join(said))

    def store(self, at: timedelta = timedelta(), worker: str = "worker-1") -> SqlStore:
        """Another process's store, whose clock differs from the real one by so much."""
        return SqlStore(self.clinic.engine, HandClock(SystemClock().now() + at), 60, worker)

    def arrive(self, *patients: str, at: timedelta = timedelta(), tenant: Tenant = DEFAULT_TENANT) -> None:
        """Something is received about each, that nobody has looked at."""
        for name in patients:
            write = condition(f"of-{name}", name)
            self.store(at).commit(tenant, [write], [received(write)])

    def park(self, *patients: str, tenant: Tenant = DEFAULT_TENANT) -> None:
        """Each fails five times, an hour ago."""
        self.arrive(*patients, at=timedelta(hours=-1), tenant=tenant)
        clock = HandClock(SystemClock().now() - timedelta(hours=1))
        store = SqlStore(self.clinic.engine, clock)
        for _ in range(MOST_ATTEMPTS * len(patients)):
            clock.pass_by(minutes=1)
            for claim in store.claim(1, NOON):
                store.fail(claim, "fault: ZeroDivisionError")

    def answer(self, verb: Verb, kind: Any, id: str, at: timedelta = timedelta()) -> None:
        """What a nurse says."""
        clock = HandClock(SystemClock().now() + at)
        Review(Answers(self.clinic.engine, clock), clock, NAMES).run(
            DEFAULT_TENANT, Asked(verb, kind, id, NURSE)
        )

    def due(self) -> list[PatientId]:
        """Whom a worker would take now, in its order."""
        return [claim.patient for claim in self.store().claim(100, NOON)]

    def lines(self, *kinds: str) -> list[tuple[str, str, str]]:
        """Kind, subject and detail of these lines of the ledger; each is an operator's."""
        with self.clinic.engine.connect() as connection:
            rows = connection.execute(select(ledger).where(ledger.c.kind.in_(kinds)).order_by(ledger.c.seq))
            found = rows.all()
        assert all(row.actor.startswith("Operator/") for row in found)
        assert self.clinic.store.verify_ledger(DEFAULT_TENANT).broken_at is None
        return [(row.kind, row.subject, row.detail) for row in found]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An empty clinic."""
    made = Desk(tmp_path)
    yield made
    made.clinic.store.close()
