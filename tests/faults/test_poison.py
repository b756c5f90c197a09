"""Patients whose evaluation breaks the worker, and workers that are stopped: nobody else waits for them."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from referral_service.core.timeline import Person
from referral_service.doorbell import CeleryDoorbell
from referral_service.settings import Settings
from referral_service.store.claims import MOST_ATTEMPTS
from referral_service.store.engine import reading
from referral_service.store.store import SqlStore
from referral_service.store.tables import ledger, patient, resource, worker
from referral_service.wiring import build_store
from referral_service.workflow.ports import PatientId, Write
from tests.faults.poison import SLOW_SECONDS, command
from tests.kit.processes import Kept, broker, lines, place, running, until
from tests.kit.writes import TENANT, received

pytestmark = pytest.mark.xdist_group("processes")

POISON = ("raises", "hangs", "dies", "grows")
HEALTHY = [f"healthy-{number}" for number in range(30)]
LEASE_SECONDS = 2


@contextmanager
def ready(
    folder: Path, lease_seconds: int = LEASE_SECONDS, broker_url: str = "redis://127.0.0.1:1/0"
) -> Iterator[tuple[Settings, SqlStore]]:
    """A database of its own, and no broker unless one is said: whoever is due is found by looking."""
    settings = place(folder / "data", lease_seconds=lease_seconds, broker_url=broker_url)
    store = build_store(settings)
    store.migrate()
    try:
        yield settings, store
    finally:
        store.close()


@contextmanager
def kept(*programs: Kept) -> Iterator[Callable[[Callable[[], bool], str], float]]:
    """Programs that are started again while somebody waits: as `until`, with patience for five attempts."""

    def wait(is_so: Callable[[], bool], what: str) -> float:
        def is_so_by_now() -> bool:
            for one in programs:
                one.tick()
            return is_so()

        return until(is_so_by_now, what, patience=120)

    try:
        yield wait
    finally:
        for one in programs:
            one.kill()


def arrive(store: SqlStore, *names: str) -> None:
    """All at the same moment."""
    writes = [
        Write(
            type="Patient",
            id=name,
            body=b'{"resourceType":"Patient"}',
            patient=PatientId(name),
            facts=(Person(source=f"Patient/{name}"),),
        )
        for name in names
    ]
    store.commit(TENANT, writes, [received(write) for write in writes])


def decided(store: SqlStore) -> dict[str, int]:
    """The version of the decision of each patient that has one."""
    asked = select(resource.c.patient, resource.c.version).where(resource.c.type == "GuidanceResponse")
    with reading(store.engine) as connection:
        return {owner: number for owner, number in connection.execute(asked)}


def parked(store: SqlStore) -> dict[str, int]:
    """Who is set aside, after how many attempts."""
    asked = select(patient.c.id, patient.c.attempts).where(patient.c.parked_at.is_not(None))
    with reading(store.engine) as connection:
        return {owner: number for owner, number in connection.execute(asked)}


def on_duty(store: SqlStore) -> list[int]:
    """The process ids of the workers that have said that they look."""
    with reading(store.engine) as connection:
        return [int(name.rpartition("-")[2]) for name in connection.scalars(select(worker.c.name))]


def holders(store: SqlStore) -> set[int]:
    """The process ids of the workers that hold patients."""
    asked = select(patient.c.leased_by).where(patient.c.leased_by.is_not(None))
    with reading(store.engine) as connection:
        return {int(name.rpartition("-")[2]) for name in connection.scalars(asked)}


def test_whoever_breaks_the_worker_is_set_aside_and_delays_nobody(tmp_path: Path) -> None:
    with ready(tmp_path) as (settings, store):
        arrive(store, *POISON, *HEALTHY)
        with kept(*(Kept("worker", settings, command()) for _ in range(2))) as wait:
            wait(lambda: bool(store.counts().tallies.get("attempts")), "begun")
            wait(lambda: set(HEALTHY) <= decided(store).keys(), "the others decided")
            arrive(store, "late")
            wait(lambda: "late" in decided(store), "life goes on")
            wait(lambda: parked(store).keys() == set(POISON), "set aside")

        assert parked(store) == dict.fromkeys(POISON, MOST_ATTEMPTS)
        assert decided(store) == dict.fromkeys([*HEALTHY, "late"], 1)
        with reading(store.engine) as connection:
            said = connection.scalars(select(ledger.c.subject).where(ledger.c.kind == "parked")).all()
        assert sorted(said) == sorted(f"Patient/{name}" for name in POISON)
        assert store.verify_ledger(TENANT).broken_at is None


def test_a_worker_that_has_grown_too_large_in_a_wake_up_ends_too(tmp_path: Path) -> None:
    """It is evaluated where signals are handled: asked to end, it would wait for what never ends."""
    with ready(tmp_path, 3 * LEASE_SECONDS, broker_url="") as (settings, store):
        doorbell = CeleryDoorbell(settings)
        with broker(settings), running(settings, command()) as growing:
            until(lambda: bool(on_duty(store)), "a worker on duty")
            while not holders(store):
                arrive(store, "grows")
                doorbell.ring()
                time.sleep(0.2)
            assert growing.wait(30) != 0
        doorbell.close()


def test_a_stopped_workers_patients_move_on_within_two_leases(tmp_path: Path) -> None:
    lease_seconds = 2 * LEASE_SECONDS
    everybody = {*HEALTHY, *(f"dawdles-{number}" for number in range(5))}
    with ready(tmp_path, lease_seconds) as (settings, store):
        workers = [Kept("worker", settings, command()) for _ in range(2)]
        with kept(*workers) as wait:
            wait(lambda: len(on_duty(store)) == 2, "both on duty")
            arrive(store, *everybody)
            wait(lambda: bool(holders(store)), "a batch at hand")
            (stopped,) = holders(store)
            os.kill(stopped, signal.SIGSTOP)
            seconds = wait(lambda: decided(store).keys() == everybody, "decided by the other one")
            assert seconds < 2 * lease_seconds

            next(one for one in workers if one.pid != stopped).kill()
            os.kill(stopped, signal.SIGCONT)
            arrive(store, "late")
            wait(lambda: "late" in decided(store), "life goes on")
            assert set(decided(store).values()) == {1}, "what the stopped one was at is another's"


def test_a_worker_that_is_asked_to_end_finishes_its_batch(tmp_path: Path) -> None:
    names = {f"dawdles-{number}" for number in range(int(0.4 * LEASE_SECONDS / SLOW_SECONDS))}
    with ready(tmp_path) as (settings, store), running(settings, command()) as ending:
        arrive(store, "first")
        until(lambda: "first" in decided(store), "the worker at work")
        assert len(on_duty(store)) == 1
        arrive(store, *names)
        until(lambda: store.counts().leases_held == len(names), "a batch at hand")
        arrive(store, "too-late")

        ending.send_signal(signal.SIGTERM)

        assert ending.wait(30) == 0, lines(settings)
        assert decided(store).keys() == {"first", *names}
        assert (on_duty(store), store.counts().leases_held) == ([], 0)
