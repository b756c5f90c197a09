"""/fhir for a client with ids of its own: each request and each answer in its id space, ours inside.

What it sends is turned before anybody looks at it, and what it gets once all is done; every interaction in
between knows one kind of ids. See fhir/space.py.
"""

from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from referral_service.api.fhir.arrival import MOST_FIELDS, MOST_FORM_MB
from referral_service.auth.principal import Principal
from referral_service.core.problem import Problem
from referral_service.fhir.parse import dump, parse
from referral_service.fhir.space import Space, type_of

Json = dict[str, Any]
_MEGABYTE: Final = 1024 * 1024
_BELOW: Final = "/fhir/"
_SEARCH: Final = "/_search"
_PLACES: Final = ("location", "content-location")
_TURNED: Final = frozenset({"path", "raw_path", "query_string", "headers"})


class Spaced:
    """ASGI, between who asks and /fhir."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        """Longer bodies are not turned: they are refused inside."""
        self._app = app
        self._most = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Touches nothing but requests below /fhir of a client that has a space."""
        principal: Principal | None = scope.get("principal")
        is_fhir = scope["type"] == "http" and f"{scope['path']}/".startswith(_BELOW)
        if not (is_fhir and principal and principal.space):
            await self._app(scope, receive, send)
            return
        turning = _Turning(Space(principal.space, sees_others=True), send)
        inside = turning.scope(scope)
        body = await self._read(Request(scope, receive))
        await self._app(inside, turning.receiving(scope, body, receive), turning.send)
        # what is noted of a request is noted for all
        scope.update({name: it for name, it in inside.items() if name not in _TURNED})
        await turning.end()

    async def _read(self, request: Request) -> bytes:
        chunks, size = [], 0
        async for chunk in request.stream():
            chunks.append(chunk)
            size += len(chunk)
            if size > self._most:
                break
        return b"".join(chunks)


class _Turning:
    """One request."""

    def __init__(self, space: Space, send: Send) -> None:
        self._space = space
        self._send = send
        self._start: Message | None = None
        self._chunks: list[bytes] = []

    def scope(self, scope: Scope) -> Scope:
        """The request's address and headers as they are inside."""
        path = _BELOW + self._space.entered(scope["path"].removeprefix(_BELOW.rstrip("/")).lstrip("/"))
        query = scope["query_string"].decode("latin-1")
        headers = [
            (name, self._condition(scope, value) if name == b"if-none-exist" else value)
            for name, value in scope["headers"]
            if name != b"content-length"
        ]
        return {
            **scope,
            "path": path,
            "raw_path": quote(path, safe="/$:@!&'()*+,;=~").encode(),
            "query_string": self._query(type_of(path), query).encode("latin-1"),
            "headers": headers,
        }

    def _query(self, type: str, query: str) -> str:
        return urlencode(self._space.asked(type, parse_qsl(query, keep_blank_values=True))) if query else ""

    def _condition(self, scope: Scope, value: bytes) -> bytes:
        text = value.decode("latin-1").strip()
        before, mark, query = text.rpartition("?")
        return f"{before}{mark}{self._query(type_of(scope['path']), query)}".encode("latin-1")

    def receiving(self, scope: Scope, body: bytes, receive: Receive) -> Receive:
        """The body as it is inside; what cannot be read is refused there."""
        if scope["path"].rstrip("/").endswith(_SEARCH):
            body = self._form(type_of(scope["path"]), body)
        else:
            with suppress(Problem):
                body = dump(self._space.enter(parse(body)))
        told = False

        async def received() -> Message:
            nonlocal told
            if told:
                return await receive()
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        return received

    def _form(self, type: str, body: bytes) -> bytes:
        if len(body) > MOST_FORM_MB * _MEGABYTE:
            return body
        try:
            asked = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            return body
        return urlencode(self._space.asked(type, asked)).encode()

    async def send(self, message: Message) -> None:
        """Keeps the answer until all of it is there."""
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._chunks.append(message.get("body", b""))
        else:
            await self._send(message)

    async def end(self) -> None:
        """Sends it as the client knows it."""
        if self._start is None:
            return
        headers = MutableHeaders(raw=list(self._start["headers"]))
        body = b"".join(self._chunks)
        if "json" in headers.get("content-type", "") and body:
            body = dump(self._space.leave(parse(body)))
        for name in _PLACES:
            if name in headers:
                headers[name] = self._space.left(headers[name])
        if "content-length" in headers:
            headers["content-length"] = str(len(body))
        await self._send({**self._start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})
