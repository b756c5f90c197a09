"""A request below /fhir as it arrives: its headers, its query, its body."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Scope

from referral_service.api.errors import HttpProblem
from referral_service.api.fhir import negotiate
from referral_service.api.fhir.exchange import Ask, Visit
from referral_service.api.fhir.table import Place
from referral_service.auth.principal import Principal
from referral_service.core.problem import Category, problem
from referral_service.fhir.search.reference import local

Json = dict[str, Any]
MOST_FIELDS = 100  # of a form
MOST_FORM_MB = 1  # it is read while others wait, and the longest search is far shorter
_MEGABYTE = 1024 * 1024
# Those whose lines are one list, as RFC 9110 (5.3) says.
_LISTS = frozenset({b"accept", b"prefer", b"if-match", b"if-none-match"})


class Arrival:
    """One request; `base` is the address of /fhir, `query` its parameters in order.

    `visit` is None where nothing is put on record.
    """

    def __init__(self, request: Request, public_url: str = "") -> None:
        """Headers and query are read once, here; `public_url` is where clients reach us, if that is set."""
        scope = request.scope
        self.request = request
        self.visit: Visit | None = None
        self._headers = _read(scope["headers"])
        address = public_url or f"{scope['scheme']}://{self.header('host') or _own_host(scope)}"
        self.base = f"{address}/fhir"
        query = scope["query_string"].decode("latin-1")
        self.query = tuple(parse_qsl(query, keep_blank_values=True)) if query else ()

    @property
    def format(self) -> str:
        """`_format`, "" without it."""
        return dict(self.query).get("_format", "") if self.query else ""

    def header(self, name: str) -> str:
        """The header's value, "" without it; `name` in lower case."""
        return self._headers.get(name.encode(), "")

    def ask(self, place: Place, resource: Json | None) -> Ask:
        """What the interaction is asked."""
        wishes = negotiate.preferences(self.header("prefer"))
        if_none_exist = self.header("if-none-exist")
        if sum(name == b"if-none-exist" for name, _ in self.request.scope["headers"]) > 1:
            # Hearing one of them alone would make the duplicate that the other guards against.
            raise problem(Category.INCORRECT, "If-None-Exist stands there more than once.", code="value")
        if not if_none_exist.strip() and b"if-none-exist" in self._headers:
            # Passing it by would make the duplicate that the client guards against.
            raise problem(Category.INCORRECT, "If-None-Exist is empty.", code="value")
        principal: Principal = self.request.scope["principal"]
        return Ask(
            base=self.base,
            principal=principal,
            tenant=principal.tenant,
            actor=self._actor(principal),
            type=place.type,
            id=place.id,
            version=place.version,
            parameters=self.query,
            resource=resource,
            path=place.type,
            about=place.about,
            visit=self.visit,
            wait_seconds=self.request.scope.get("wait_seconds", 0.0),
            if_match=self.header("if-match"),
            if_none_match=self.header("if-none-match"),
            if_none_exist=if_none_exist,
            if_modified_since=self.header("if-modified-since"),
            if_unmodified_since=self.header("if-unmodified-since"),
            returns=wishes.get("return", ""),
            is_strict=wishes.get("handling") == "strict",
        )

    def _actor(self, principal: Principal) -> str:
        """On whose behalf the client says it asks; nobody may be taken for another by a slip."""
        if b"x-actor" not in self._headers:
            return principal.actor
        if not principal.is_open:
            raise problem(
                Category.INCORRECT, "X-Actor: Who asks is said by the token alone.", code="not-supported"
            )
        actor = local(self.header("x-actor").strip())
        if actor is None:
            raise problem(
                Category.INCORRECT, "X-Actor: Not a reference such as Practitioner/ID.", code="value"
            )
        return actor

    async def body(self, most: int) -> bytes:
        """JSON of at most `most` megabytes, not yet read as such; 413, 415."""
        negotiate.readable(self.header("content-type"), self.header("content-encoding"))
        return await self.read(most)

    async def read(self, most: int) -> bytes:
        """The body whatever it is; 413 as soon as it is too large."""
        chunks, size = [], 0
        announced = self.header("content-length")
        if announced.isdigit() and int(announced) > most * _MEGABYTE:
            raise _too_large(most)
        async for chunk in self.request.stream():
            chunks.append(chunk)
            size += len(chunk)
            if size > most * _MEGABYTE:
                raise _too_large(most)
        return b"".join(chunks)


def _own_host(scope: Scope) -> str:
    """Where the request arrived, for HTTP/1.0, which need not say what it asked."""
    name, port = scope["server"]
    return f"{name}:{port}"


def _read(lines: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    headers: dict[bytes, str] = {}
    for name, value in lines:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in _LISTS and name in headers else text
    return headers


def _too_large(most: int) -> HttpProblem:
    return HttpProblem(413, "too-long", f"The body is larger than {most} MB.")
