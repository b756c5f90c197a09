"""Every broker the service can have: absent, gone, emptied, doubled and full of garbage, nothing is lost.

A broker only says "look"; each worker looks by itself each second. RabbitMQ is tried where it is installed.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from referral_service.cli.broker import broker_command
from referral_service.cli.running import free_port
from referral_service.doorbell import TASK
from referral_service.settings import Settings
from referral_service.wiring import build_store
from tests.kit.brokers import Broker, FileBroker, RabbitBroker, RedisBroker
from tests.kit.processes import Kept, is_ready, place, referral_service, until, valkey

pytestmark = pytest.mark.xdist_group("processes")

BROKERS = ("embedded", "redis", "rabbitmq", "filesystem")
SOON_SECONDS = 10.0  # a sweep comes every second; a busy machine takes its time
_DEBIAN = "/usr/lib/rabbitmq/bin"  # its own programs; those on the path change the user


class House:
    """An API process, a worker and a broker, each started again while it is kept and somebody waits."""

    def __init__(self, settings: Settings, broker: Broker, servers: list[Kept]) -> None:
        """`servers` are the broker's own processes: none where it is a folder."""
        self.settings = settings
        self.broker = broker
        self.servers = servers
        self.worker = Kept("worker", settings, referral_service("worker"))
        self.api = Kept("api", settings, referral_service("api"))
        self.kept = {self.api, self.worker}
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{settings.port}/fhir", timeout=30)

    def until(self, is_so: Callable[[], bool], what: str) -> float:
        """Waits, and keeps running what is kept; how many seconds it took."""

        def is_so_by_now() -> bool:
            for one in self.kept:
                one.tick()
            return is_so()

        return until(is_so_by_now, what)

    def let_go(self, *programs: Kept) -> None:
        """SIGKILL, and not started again."""
        self.kept -= set(programs)
        for one in programs:
            one.kill()

    def bring_the_broker(self) -> None:
        """Until it answers."""
        self.kept |= set(self.servers)
        self.until(self.broker.answers, "the broker")

    def arrives(self, name: str) -> None:
        """Ingest goes on, whatever the broker does."""
        started = time.monotonic()
        self._http.put(f"/Patient/{name}", json={"resourceType": "Patient", "id": name}).raise_for_status()
        assert time.monotonic() - started < SOON_SECONDS / 2

    def is_decided(self, name: str) -> bool:
        """Once, and not again."""
        found = self._http.get(f"/GuidanceResponse?patient=Patient/{name}").json().get("entry", [])
        assert all(one["resource"]["meta"]["versionId"] == "1" for one in found)
        return len(found) == 1

    def decides(self, name: str) -> None:
        """A patient who arrives now is decided soon."""
        self.arrives(name)
        seconds = self.until(lambda: self.is_decided(name), f"{name} decided")
        assert seconds < SOON_SECONDS, name

    def reads_everything(self) -> None:
        """No message waits."""
        self.until(lambda: not self.broker.messages(), "all messages read")

    def close(self) -> None:
        """Ends everything."""
        self._http.close()
        self.broker.close()
        for one in (self.api, self.worker, *self.servers):
            one.kill()


@contextmanager
def house(kind: str, folder: Path) -> Iterator[House]:
    """With a broker of that kind, which is not started yet; the others are at work."""
    port = free_port("127.0.0.1")
    urls = {
        "embedded": "",
        "redis": f"redis://127.0.0.1:{port}/0",
        "rabbitmq": f"amqp://guest:guest@127.0.0.1:{port}//",
        "filesystem": "filesystem://",
    }
    settings = place(folder / "data", broker_url=urls[kind])
    servers: list[Kept] = []
    broker: Broker = FileBroker(settings.broker_folder / "messages")
    if kind == "embedded":
        command = broker_command(settings)
        assert command, "the wheel of the broker is installed"
        servers, broker = [Kept(kind, settings, command)], RedisBroker(f"unix://{settings.broker_socket}")
    elif kind == "redis":
        servers, broker = [Kept(kind, settings, _redis(folder / kind, port))], RedisBroker(urls[kind])
    elif kind == "rabbitmq":
        commands = _rabbitmq(folder / kind, port)
        servers, broker = [Kept(kind, settings, one) for one in commands], RabbitBroker(urls[kind])
    store = build_store(settings)
    store.migrate()
    store.close()
    with ExitStack() as living:
        made = House(settings, broker, servers)
        living.callback(made.close)
        made.until(lambda: is_ready(settings), "the API ready")
        yield made


def _redis(folder: Path, port: int) -> list[str]:
    """Redis where it is installed, else Valkey in its stead; the same options serve both."""
    program = shutil.which("redis-server")
    ours = valkey(folder, port)
    return [program, *ours[1:]] if program else ours


def _rabbitmq(folder: Path, port: int) -> list[list[str]]:
    """RabbitMQ, and the Erlang daemon that it needs, on ports of their own."""
    path = os.pathsep.join((_DEBIAN, *os.get_exec_path()))
    program, daemon = shutil.which("rabbitmq-server", path=path), shutil.which("epmd")
    if program is None or daemon is None:
        pytest.skip("RabbitMQ is not installed")
    folder.mkdir()
    (daemon_port, own_port) = (str(free_port("127.0.0.1")) for _ in range(2))
    said = {
        "HOME": folder,
        "NOTIFY_SOCKET": folder / "nobody",  # so that its script becomes the server, and starts no other
        "ERL_EPMD_PORT": daemon_port,
        "RABBITMQ_NODENAME": "tests@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": port,
        "RABBITMQ_DIST_PORT": own_port,
        "RABBITMQ_MNESIA_BASE": folder / "mnesia",
        "RABBITMQ_LOG_BASE": folder / "log",
        "RABBITMQ_ENABLED_PLUGINS_FILE": folder / "plugins",
    }
    named = [f"{name}={value}" for name, value in said.items()]
    return [[daemon, "-port", daemon_port], ["/usr/bin/env", *named, program]]


def garbage(known: bytes) -> list[bytes]:
    """What may stand in a queue that others can reach."""
    message: dict[str, Any] = orjson.loads(known)
    headers = message.get("headers", {})
    return [
        b"not JSON",
        b"{}",
        b"[]",
        known[: len(known) // 2],
        orjson.dumps({**message, "body": "!"}),
        orjson.dumps({**message, "content-type": "application/x-python-serialize"}),
        orjson.dumps({**message, "headers": {**headers, "task": "os.system"}}),
        orjson.dumps({**message, "headers": {}}),
    ]


@pytest.mark.parametrize("kind", BROKERS)
def test_nothing_waits_for_a_broker(kind: str, tmp_path: Path) -> None:
    with house(kind, tmp_path) as service:
        service.decides("absent")

        service.bring_the_broker()
        service.decides("present")
        service.reads_everything()

        service.let_go(service.worker)
        service.arrives("waiting")
        service.until(lambda: bool(service.broker.messages()), "a message")
        (known, *_) = service.broker.messages()
        assert TASK.encode() in known
        assert b"waiting" not in known, "a message names nobody"
        service.broker.empty()
        service.kept.add(service.worker)
        service.until(lambda: service.is_decided("waiting"), "decided without its message")

        for _ in range(50):
            service.broker.send(known)
        service.decides("doubled")
        service.reads_everything()

        for one in garbage(known):
            service.broker.send(one)
        service.arrives("among-garbage")
        service.until(lambda: service.is_decided("among-garbage"), "decided by a worker that may have ended")
        service.reads_everything()

        service.let_go(*service.servers)
        service.decides("gone")

        service.bring_the_broker()
        service.decides("back")
        service.reads_everything()
