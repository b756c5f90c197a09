"""A load generator: keeps connections busy, one request at a time each, and notes how long each takes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import cast

import uvloop
from httptools import HttpResponseParser

WARM_UP_SECONDS = 0.2


@dataclass(frozen=True)
class Figures:
    """What was found: for how many seconds, and how many seconds each request took."""

    seconds: float = 0.0
    latencies: tuple[float, ...] = ()

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    def within(self, share: float) -> float:
        """The milliseconds within which this share of the requests was answered."""
        return sorted(self.latencies)[int(share * len(self.latencies))] * 1000

    def __add__(self, other: "Figures") -> "Figures":
        """Two runs as one."""
        return Figures(self.seconds + other.seconds, self.latencies + other.latencies)


class _Run:
    def __init__(self, request: Callable[[], bytes], clients: int, seconds: float) -> None:
        self.request = request
        self.begin = perf_counter() + WARM_UP_SECONDS
        self.end = self.begin + seconds
        self.last = self.end
        self.latencies: list[float] = []
        self.busy = clients
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def note(self, sent: float, status: int) -> bool:
        """Counts an answer; whether another request is wanted."""
        at = perf_counter()
        if status not in (200, 201) and not self.over.done():
            self.over.set_exception(RuntimeError(f"answered with status {status}"))
        if self.begin <= sent:
            self.latencies.append(at - sent)
            self.last = at
        if at < self.end:
            return True
        self.busy -= 1
        if not self.busy and not self.over.done():
            self.over.set_result(None)
        return False


class _Client(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._parser = HttpResponseParser(self)
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._run.note(self._sent, self._parser.get_status_code()):
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if error and not self._run.over.done():
            self._run.over.set_exception(error)

    def _send(self) -> None:
        self._sent = perf_counter()
        self._transport.write(self._run.request())


def drive(port: int, request: Callable[[], bytes], clients: int, seconds: float) -> Figures:
    """So many clients for so long; raises RuntimeError at any answer but 200 and 201."""

    async def run() -> Figures:
        one = _Run(request, clients, seconds)
        loop = asyncio.get_running_loop()
        for _ in range(clients):
            await loop.create_connection(lambda: _Client(one), "127.0.0.1", port)
        await one.over
        return Figures(one.last - one.begin, tuple(one.latencies))

    return uvloop.run(run())
