"""A real Celery worker: woken by the doorbell, or by itself while the broker is dead."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from referral_service.cli.supervisor import worker_command
from referral_service.core.timeline import Person
from referral_service.doorbell import QUEUE, CeleryDoorbell
from referral_service.settings import Settings
from referral_service.store.store import SqlStore
from referral_service.wiring import build_store
from referral_service.workflow.ports import PatientId, Write
from tests.kit.processes import broker, lines, place, running, until
from tests.kit.writes import TENANT, received

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return place(tmp_path)


@pytest.fixture
def store(settings: Settings) -> Iterator[SqlStore]:
    store = build_store(settings)
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def doorbell(settings: Settings) -> Iterator[CeleryDoorbell]:
    doorbell = CeleryDoorbell(settings)
    yield doorbell
    doorbell.close()


def arrive(store: SqlStore, name: str) -> None:
    person = Person(source=f"Patient/{name}")
    body = f'{{"resourceType":"Patient","id":"{name}"}}'.encode()
    write = Write(type="Patient", id=name, body=body, patient=PatientId(name), facts=(person,))
    store.commit(TENANT, [write], [received(write)])


def is_decided(store: SqlStore) -> bool:
    return store.counts().patients_due == 0


def waiting(settings: Settings) -> int:
    """Wake-ups that nobody has read."""
    with redis.Redis(unix_socket_path=str(settings.broker_socket)) as client:
        return int(client.llen(QUEUE))


def test_a_decision_follows_a_ring_or_time_whatever_the_broker_does(
    settings: Settings, store: SqlStore, doorbell: CeleryDoorbell
) -> None:
    with ExitStack() as living, running(settings, worker_command()) as worker:
        arrive(store, "before-the-broker")
        doorbell.ring()
        until(lambda: is_decided(store), "decided before the broker came")

        valkey = living.enter_context(broker(settings))
        for name in ("ann", "bob", "mia"):
            arrive(store, name)
            doorbell.ring()
            assert until(lambda: is_decided(store), "decided after a ring") < 10
        until(lambda: waiting(settings) == 0, "wake-ups read")

        valkey.kill()
        valkey.wait()
        arrive(store, "without-a-broker")
        doorbell.ring()
        assert until(lambda: is_decided(store), "decided while the broker is dead") < 10

        living.enter_context(broker(settings))
        doorbell.ring()
        arrive(store, "with-a-new-broker")
        until(lambda: is_decided(store), "decided after the broker is back")
        until(lambda: waiting(settings) == 0, "wake-ups read again")
        assert worker.poll() is None
        ((label, number),) = store.counts().tallies["evaluations"].items()
        assert (label.split()[0], number) == ("no-qualifying-condition", 6)


def test_a_worker_that_is_asked_to_end_ends_in_order(settings: Settings, store: SqlStore) -> None:
    with running(settings, worker_command()) as worker:
        heartbeat = settings.heartbeat_folder / f"worker-{worker.pid}"
        until(heartbeat.exists, "the first heartbeat")
        first = heartbeat.stat().st_mtime
        until(lambda: heartbeat.stat().st_mtime > first, "the next heartbeat")

        worker.send_signal(signal.SIGTERM)

        assert worker.wait(30) == 0, lines(settings)
        assert not heartbeat.exists()
