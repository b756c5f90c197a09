"""The doorbell on a real broker: few messages, nothing in them, and no harm in an outage."""

import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import redis
from structlog.testing import capture_logs

from referral_service.doorbell import QUEUE, CeleryDoorbell
from referral_service.settings import Settings
from referral_service.wiring import build_store
from tests.kit.processes import broker, place, service, until
from tests.workers.test_worker_process import arrive, is_decided


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return place(tmp_path)


@pytest.fixture
def doorbell(settings: Settings) -> Iterator[CeleryDoorbell]:
    doorbell = CeleryDoorbell(settings)
    yield doorbell
    doorbell.close()


def messages(settings: Settings) -> list[dict[str, object]]:
    with redis.Redis(unix_socket_path=str(settings.broker_socket)) as client:
        return [orjson.loads(message) for message in client.lrange(QUEUE, 0, -1)]


def test_a_thousand_rings_are_a_few_messages_without_content(
    settings: Settings, doorbell: CeleryDoorbell
) -> None:
    with broker(settings):
        start = time.monotonic()
        for _ in range(1000):
            doorbell.ring()
            time.sleep(0.0005)
        until(lambda: bool(messages(settings)), "a message")
        found = messages(settings)

    assert len(found) <= 1 + (time.monotonic() - start) / 0.05
    assert len(found) <= 8
    for message in found:
        assert message["headers"]["argsrepr"] == "()"  # type: ignore[index]
        assert message["headers"]["kwargsrepr"] == "{}"  # type: ignore[index]


def test_a_dead_broker_is_said_once_and_holds_nobody_up(settings: Settings, doorbell: CeleryDoorbell) -> None:
    with capture_logs() as logs:
        longest = 0.0
        for _ in range(30):
            start = time.monotonic()
            doorbell.ring()
            longest = max(longest, time.monotonic() - start)
            time.sleep(0.1)
        assert [line["log_level"] for line in logs] == ["warning"]

        with broker(settings):
            until(lambda: bool(messages(settings)), "the ring that was not sent before")
    assert longest < 0.1
    assert [line["log_level"] for line in logs] == ["warning", "info"]


def test_where_valkey_cannot_be_had_files_are_the_broker(tmp_path: Path) -> None:
    settings = place(tmp_path, broker_url="filesystem://")
    store = build_store(settings)
    store.migrate()
    doorbell = CeleryDoorbell(settings)
    queued = settings.broker_folder / "messages"
    doorbell.ring()
    until(lambda: any(queued.iterdir()), "a message")
    # Under a supervisor, as in use: kombu may read a file that is only half written, which ends the worker.
    with service(settings):
        until(lambda: not any(queued.iterdir()), "the message read")
        arrive(store, "ann")
        doorbell.ring()
        until(lambda: is_decided(store), "a decision")
    doorbell.close()
    store.close()
