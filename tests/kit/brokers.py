"""What a test does to the queue of each broker that the service can have."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import orjson
import redis
from kombu import Connection

from referral_service.doorbell import QUEUE


class Broker(Protocol):
    """What a test does to a broker's queue."""

    def answers(self) -> bool:
        """Whether it takes connections."""

    def messages(self) -> list[bytes]:
        """Those that nobody has read."""

    def send(self, message: bytes) -> None:
        """Puts one there as it is."""

    def empty(self) -> None:
        """Loses everything."""

    def close(self) -> None:
        """Lets go of its connections."""


class RedisBroker:
    """Redis or Valkey."""

    def __init__(self, address: str) -> None:
        self._redis = redis.Redis.from_url(address)

    def answers(self) -> bool:
        with suppress(redis.ConnectionError):
            return bool(self._redis.ping())
        return False

    def messages(self) -> list[bytes]:
        found: list[bytes] = self._redis.lrange(QUEUE, 0, -1)  # type: ignore[assignment]
        return found

    def send(self, message: bytes) -> None:
        self._redis.lpush(QUEUE, message)

    def empty(self) -> None:
        self._redis.flushall()

    def close(self) -> None:
        self._redis.close()


class RabbitBroker:
    """RabbitMQ, by its own protocol."""

    def __init__(self, address: str) -> None:
        self._address = address

    def answers(self) -> bool:
        with suppress(OSError), Connection(self._address, connect_timeout=1) as connection:
            return bool(connection.connect())
        return False

    def messages(self) -> list[bytes]:
        with Connection(self._address) as connection:
            channel, found = connection.channel(), []
            # what is read here and not acknowledged goes back with the channel
            while (one := channel.basic_get(QUEUE)) is not None:
                kind, headers = one.properties["content_type"], one.properties.get("application_headers")
                found.append(orjson.dumps({"body": one.body, "content-type": kind, "headers": headers}))
            return found

    def send(self, message: bytes) -> None:
        with Connection(self._address) as connection:
            channel, known = connection.channel(), {}
            with suppress(ValueError):
                known = orjson.loads(message)
            if "content-type" in known:
                kind = {"content_type": known["content-type"], "content_encoding": "utf-8"}
                made = channel.prepare_message(known["body"], headers=known["headers"], **kind)
            else:
                made = channel.prepare_message(message)
            channel.basic_publish(made, routing_key=QUEUE)

    def empty(self) -> None:
        with Connection(self._address) as connection:
            connection.channel().queue_delete(QUEUE)

    def close(self) -> None:
        """Nothing stays open."""


class FileBroker:
    """Files in the data folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def answers(self) -> bool:
        return self._folder.is_dir()

    def messages(self) -> list[bytes]:
        found = []
        for one in self._files():
            with suppress(FileNotFoundError):  # a worker has taken it meanwhile
                found.append(one.read_bytes())
        return found

    def send(self, message: bytes) -> None:
        (self._folder / f"{time.monotonic_ns()}_{uuid4()}.{QUEUE}.msg").write_bytes(message)

    def empty(self) -> None:
        for one in self._files():
            one.unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing stays open."""

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(f"*.{QUEUE}.msg"))
