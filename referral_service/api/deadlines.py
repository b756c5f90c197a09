"""Slow clients: a request's head and its body have to arrive in time, or the connection is closed."""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from referral_service.api.errors import HttpProblem

HEAD_SECONDS: Final = 10.0
BODY_SECONDS: Final = 60.0


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 that waits for a head no longer than `head_seconds`, from the connection or its first byte."""

    head_seconds = HEAD_SECONDS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Whoever connects says something."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """What has begun is finished in time, however often another byte comes."""
        super().data_received(data)
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()

    def on_headers_complete(self) -> None:
        """In time."""
        self._forget()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more is expected."""
        self._forget()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Deadline:
    """The middleware: a body that is not whole in time is answered with 408, and the connection closed."""

    def __init__(self, app: ASGIApp, seconds: float = BODY_SECONDS) -> None:
        """`app` is everything inside."""
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI; what has no body goes through untouched."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        end = asyncio.get_running_loop().time() + self._seconds
        is_whole = is_late = False

        async def receive_in_time() -> Message:
            nonlocal is_whole, is_late
            if is_whole:
                return await receive()
            try:
                async with asyncio.timeout_at(end):
                    message = await receive()
            except TimeoutError:
                is_late = True
                sentence = "The body did not arrive in time."
                raise HttpProblem(408, "timeout", sentence) from None
            is_whole = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def send_last(message: Message) -> None:
            if is_late and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive_in_time, send_last)


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
