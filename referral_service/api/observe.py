"""Around every request: its id, whom it asks, how long it took, an answer for whatever nobody foresaw."""

import re
from email.utils import formatdate
from time import perf_counter

import structlog
from prometheus_client import Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from referral_service.api.errors import on_fault, refusal
from referral_service.api.identity import mint
from referral_service.core.problem import Issue
from referral_service.tracing import request_span, say_request

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
HTTP_SECONDS = Histogram(
    "http_request_seconds",
    "Time to answer a request, by what it asked for (R4's interaction, or the page) and by status.",
    ["what", "status"],
    buckets=_BUCKETS,
)
INGEST_SECONDS = Histogram(
    "ingest_seconds",
    "Time from the arrival of a write that succeeded until it was durable.",
    buckets=_BUCKETS,
)
_LOG = structlog.get_logger(__name__)
_NAME = b"x-request-id"
_WRITES = frozenset({"create", "update", "delete", "batch", "transaction"})
_SUCCESS = range(200, 300)
_CUT_SHORT = 400
# Whatever ids and traces are made of; nothing that a log or a page could take for more than a word.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._~:/+=@|,;\-]{1,200}\Z")
# Narrower than RFC 3986's: what no name has is in no link of ours either.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~%\-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?")
_NO_HOST = Issue("value", "Host: Not one name with or without a port.")


class Observe:
    """The middleware. `X-Request-Id` is echoed if it looks like an id, else made; it is in every log line.

    A request that does not say whom it asks, as HTTP/1.1 must, is refused with 400.
    """

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
        status, answered = 0, started

        async def send_named(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], perf_counter()
                message["headers"] += [
                    (_NAME, request_id.encode()),
                    # the server's own is up to a second old, and Last-Modified must not be later
                    (b"date", formatdate(usegmt=True).encode()),
                ]
            await send(message)

        # Each request is a task with a context of its own: what is bound here is gone with it.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        with request_span(scope["headers"]) as span:
            try:
                app = self._app if _has_host(scope) else refusal(400, (_NO_HOST,))
                await app(scope, receive, send_named)
            except ClientDisconnect:
                # What it sent is not whole, and nobody is there to be told.
                status = _CUT_SHORT
            except Exception as error:
                if status:
                    raise
                await on_fault(error)(scope, receive, send_named)
            # Never the address: it holds ids.
            what = scope.get("interaction") or getattr(scope.get("route"), "path", "") or "unknown"
            say_request(span, what, scope["method"], status)
        seconds = perf_counter() - started
        HTTP_SECONDS.labels(what, str(status)).observe(seconds)
        if what in _WRITES and status in _SUCCESS:
            INGEST_SECONDS.observe(answered - started)
        _LOG.debug("request", what=what, status=status, milliseconds=round(seconds * 1000, 1))


def _has_host(scope: Scope) -> bool:
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if not hosts:
        return bool(scope["http_version"] == "1.0")
    return len(hosts) == 1 and _HOST.fullmatch(hosts[0]) is not None
