"""Around every request: its id, how long it took, and an answer for whatever nobody foresaw."""

import re
from time import perf_counter

import structlog
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from referral_service.api.errors import on_fault
from referral_service.api.identity import mint

HTTP_SECONDS = Histogram(
    "http_request_seconds",
    "Time to answer a request, by what it asked for (R4's interaction, or the page) and by status.",
    ["what", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
_LOG = structlog.get_logger(__name__)
_NAME = b"x-request-id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}\Z")


class Observe:
    """The middleware. `X-Request-Id` is echoed if it looks like an id, else made; it is in every log line."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is everything inside."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI; what is not HTTP goes through untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        sent = next((value.decode("latin-1") for name, value in scope["headers"] if name == _NAME), "")
        request_id = sent if _REQUEST_ID.match(sent) else mint()
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((_NAME, request_id.encode()))
            await send(message)

        # Each request is a task with a context of its own: what is bound here is gone with it.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, send_named)
        except Exception as error:
            if status:
                raise
            await on_fault(error)(scope, receive, send_named)
        what = scope.get("interaction") or getattr(scope.get("route"), "path", "") or "unknown"
        seconds = perf_counter() - started
        HTTP_SECONDS.labels(what, str(status)).observe(seconds)
        # Never the address: it holds ids.
        _LOG.debug("request", what=what, status=status, milliseconds=round(seconds * 1000, 1))
