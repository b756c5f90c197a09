"""Where requests come in: counted, asked for their token, struck by their fault, answered, or cut off."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from referral_service.fake_ehr.answer import Answer, Ask, Refused
from referral_service.fake_ehr.faults import Dice, Drawn
from referral_service.fake_ehr.later import Later
from referral_service.fake_ehr.login import Login
from referral_service.fake_ehr.routes import Interaction
from referral_service.fhir.parse import dump

BASE: Final = "/fhir"
_HANG_UP: Final = "hang_up"
_PAGE: Final = b"<!doctype html><title>Sign in</title><p>Your session has ended. Please sign in again."


class Protocol(HttpToolsProtocol):
    """HTTP whose connection an application can cut, by what it finds in its state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Each connection has its own way to be cut."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _HANG_UP: transport.close}


class CutOff(Response):
    """No answer: the connection is closed without a byte."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Returns once the client is gone."""
        hang_up: Callable[[], None] = scope["state"][_HANG_UP]
        hang_up()
        while (await receive())["type"] != "http.disconnect":
            pass


class Gate:
    """Lets requests through to interactions. `requests` counts them by method and kind."""

    def __init__(self, dice: Dice, login: Login, later: Later) -> None:
        """`dice` decides the faults, `login` who may ask; `later` does what is done late."""
        self.requests: Counter[tuple[str, str]] = Counter()
        self._dice = dice
        self._login = login
        self._later = later

    async def pass_through(self, interaction: Interaction, request: Request) -> Response:
        """One request, from its first byte to its answer or its end."""
        ask = Ask(
            method=request.method,
            base=base_of(request),
            path=request.path_params | ({"type": interaction.type} if interaction.type else {}),
            query=request.query_params.multi_items(),
            headers=request.headers,
            body=await request.body(),
        )
        kind = interaction.kind_of(ask)
        self.requests[ask.method, kind] += 1
        if not self._login.allows(ask.headers.get("authorization", "")):
            return respond(Refused(401, "login", "A valid token is needed.").answer)
        drawn = self._dice.draw(kind, interaction.is_write)
        await asyncio.sleep(drawn.delay_seconds)
        return self._end(interaction, msgspec.structs.replace(ask, flaws=drawn.flaws), drawn)

    def _end(self, interaction: Interaction, ask: Ask, drawn: Drawn) -> Response:
        if drawn.ending == "cut-request":
            return CutOff()
        if drawn.ending == "html":
            return Response(_PAGE, media_type="text/html")
        if drawn.ending == "busy":
            wait = str(self._dice.faults.retry_after_seconds)
            return respond(Refused(429, "throttled", "Too many requests.").answer, {"Retry-After": wait})
        if drawn.ending == "slow-commit":
            self._later.call(self._dice.faults.slow_commit_seconds, lambda: carry_out(interaction, ask))
        elif drawn.ending != "error-before":
            answer = carry_out(interaction, ask)
            if drawn.ending == "lost-answer":
                return CutOff()
            if not drawn.ending:
                return respond(answer)
        return respond(Refused(drawn.error, "exception", "Something went wrong.").answer)


def carry_out(interaction: Interaction, ask: Ask) -> Answer:
    """What the interaction answers, or why it refuses."""
    try:
        return interaction.act(ask)
    except Refused as refused:
        return refused.answer


def respond(answer: Answer, headers: dict[str, str] | None = None) -> Response:
    """An answer as HTTP has it."""
    content = dump(answer.resource) if answer.resource is not None else answer.content
    return Response(
        content,
        answer.status,
        {**answer.headers, **(headers or {})},
        media_type=answer.media_type if content else None,
    )


def base_of(request: Request) -> str:
    """The FHIR server's address as the client has written it."""
    return str(request.base_url).rstrip("/") + BASE
