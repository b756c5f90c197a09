"""httpx's transport with one deadline for all of a call: connecting, each write, each read.

httpx has a timeout for each of these, and starts it anew with every byte. Here no socket waits beyond the
deadline that the calling thread holds.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from math import inf
from ssl import SSLContext
from threading import Lock
from time import monotonic
from typing import Any, Final
from weakref import WeakSet

import httpcore
import httpx

# The system takes so much at once, or waits: a slow reader cannot stretch one write.
_SLICE_BYTES: Final = 16 * 1024


_ends: ContextVar[float] = ContextVar("ends", default=inf)


class Deadline:
    """The instant by which a call is over; never later than one that this thread holds already."""

    def __init__(self, seconds: float) -> None:
        """`seconds` from now."""
        self._end = min(monotonic() + seconds, _ends.get())

    def left(self) -> float:
        """The seconds that are left; 0 when it is over."""
        return max(0.0, self._end - monotonic())

    @contextmanager
    def held(self) -> Iterator[None]:
        """While inside, no socket of this thread waits longer."""
        before = _ends.set(self._end)
        try:
            yield
        finally:
            _ends.reset(before)


def _bounded(seconds: float | None, late: type[httpcore.TimeoutException]) -> float | None:
    """The shorter of a timeout and what the deadline leaves."""
    left = _ends.get() - monotonic()
    if left <= 0:
        raise late
    return left if seconds is None else min(seconds, left)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, open_ones: "_OpenOnes") -> None:
        self._inner = inner
        self._open_ones = open_ones
        open_ones.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _bounded(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _SLICE_BYTES):
            left = _bounded(timeout, httpcore.WriteTimeout)
            self._inner.write(buffer[start : start + _SLICE_BYTES], left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _bounded(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._open_ones)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _OpenOnes:
    """The pool closes what it holds; another thread may be at work in a connection, or about to open one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._streams: WeakSet[_Stream] = WeakSet()
        self._is_closed = False

    def add(self, stream: _Stream) -> None:
        with self._lock:
            if not self._is_closed:
                self._streams.add(stream)
                return
        stream.close()
        raise httpcore.ConnectError

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            found = list(self._streams)
        for stream in found:
            stream.close()


class _Backend(httpcore.SyncBackend):
    def __init__(self, open_ones: _OpenOnes) -> None:
        self._open_ones = open_ones

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _bounded(timeout, httpcore.ConnectTimeout)
        inner = super().connect_tcp(host, port, left, local_address, socket_options)
        return _Stream(inner, self._open_ones)


@cache
def _trust() -> SSLContext:
    """Certificates are checked, as httpx does by default; read once, because that takes 20 ms."""
    return httpx.create_ssl_context()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class Transport(httpx.BaseTransport):
    """HTTP/1.1 without proxies; raises the exceptions of httpcore, not those of httpx."""

    def __init__(self) -> None:
        """Nothing is connected yet."""
        self._open_ones = _OpenOnes()
        self._pool = httpcore.ConnectionPool(
            ssl_context=_trust(),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=_Backend(self._open_ones),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer's head; its body is read from the stream."""
        address = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                address,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        """Closes every connection, and those that other threads are still about to open."""
        self._pool.close()
        self._open_ones.close()
