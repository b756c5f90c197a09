"""`/auth/login`, `/auth/callback`, `/auth/logout`, `/auth/launch`: how people come in and leave."""

from collections.abc import Callable
from hmac import compare_digest
from typing import Final, TypeVar
from urllib.parse import parse_qs

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from referral_service.api.login import pages
from referral_service.api.login.admission import home
from referral_service.api.login.cookies import attempt_of, keep_attempt, keep_session, session_of
from referral_service.api.login.journal import Entry, Journal
from referral_service.api.login.pages import LOGIN_PATH, LOGOUT_PATH
from referral_service.auth.entrance import (
    CALLBACK_PATH,
    SIGNED_OUT_PATH,
    Begun,
    Entered,
    Entrance,
    page_of,
)
from referral_service.auth.person import Unwelcome
from referral_service.auth.principal import Principal
from referral_service.auth.provider import Refused
from referral_service.auth.sessions import form_token
from referral_service.auth.signed import Untrusted
from referral_service.core.problem import Problem
from referral_service.fhir.audit import LOGOUT, UNKNOWN

LAUNCH_PATH: Final = "/auth/launch"
_MOST_FORM: Final = 4096
# Waiting for a provider must keep no thread from those who read and write.
_THREADS: Final = 4
_TURNED_AWAY: Final = (Untrusted, Refused, Unwelcome)
_log = structlog.get_logger(__name__)
Found = TypeVar("Found")


def routes(entrance: Entrance, journal: Journal) -> APIRouter:
    """The addresses; all of them are open. `journal` has who came in, who did not, and who left."""
    router, doors = APIRouter(include_in_schema=False), _Doors(entrance, journal)
    if entrance.has_provider:
        router.add_api_route(LOGIN_PATH, doors.login, methods=["GET"])
        router.add_api_route(CALLBACK_PATH, doors.callback, methods=["GET"])
    router.add_api_route(f"{CALLBACK_PATH}/{{via}}", doors.callback, methods=["GET"])
    router.add_api_route(LAUNCH_PATH, doors.launch, methods=["GET"])
    router.add_api_route(LOGOUT_PATH, doors.logout, methods=["POST"])
    router.add_api_route(SIGNED_OUT_PATH, doors.signed_out, methods=["GET"])
    return router


class _Doors:
    """What is behind each address; whatever may wait has a thread of its own."""

    def __init__(self, entrance: Entrance, journal: Journal) -> None:
        self._entrance = entrance
        self._journal = journal
        self._limiter = CapacityLimiter(_THREADS)

    async def login(self, request: Request) -> Response:
        """To the provider; from another site only after a click on a page of ours."""
        to = page_of(request.query_params.get("to", ""))
        if request.headers.get("sec-fetch-site") == "cross-site":
            return pages.asking(to)
        return await self._go(lambda: self._entrance.begin(to))

    async def launch(self, request: Request) -> Response:
        """To the EHR that has opened us, for whose chart is open there."""
        told = request.query_params
        iss, launch = told.get("iss", ""), told.get("launch", "")
        return await self._go(lambda: self._entrance.launch(iss, launch))

    async def callback(self, request: Request, via: str = "") -> Response:
        """Back from one of them: somebody is signed in, or told why not."""
        kept, session = attempt_of(self._entrance, request), session_of(self._entrance, request)
        told = request.query_params.multi_items()
        try:
            entered = await self._run(lambda: self._entrance.finish(via, told, kept, session))
            await self._journal.keep(request, _came(entered))
            answer: Response = RedirectResponse(entered.to, 303)
            keep_session(self._entrance, answer, entered.session)
        except _TURNED_AWAY as error:
            answer = await self._turned_away(request, via, error)
        except Problem:
            answer = pages.unavailable()
        keep_attempt(self._entrance, answer, "")
        return answer

    async def logout(self, request: Request) -> Response:
        """Ends the session, for a form of its own pages alone."""
        value, told = session_of(self._entrance, request), (await form_of(request)).get("token", "")
        try:
            answer, principal = await self._run(lambda: self._leave(value, told))
            if principal is not None:
                await self._journal.keep(request, Entry(principal.tenant, principal.actor, LOGOUT))
        except Problem:
            return pages.unavailable()
        return answer

    async def signed_out(self) -> Response:
        """Back from the provider, where one has signed out too."""
        return pages.signed_out()

    async def _go(self, begin: Callable[[], Begun]) -> Response:
        try:
            begun = await self._run(begin)
        except Unwelcome as error:
            return _said(error)
        except Problem:
            return pages.unavailable()
        answer = RedirectResponse(begun.address, 303)
        keep_attempt(self._entrance, answer, begun.kept)
        return answer

    def _leave(self, value: str, told: str) -> tuple[Response, Principal | None]:
        """The page, and who has left if somebody has."""
        principal = self._entrance.sessions.find(value, is_used=False)
        onward = ""
        if principal is not None:
            token = form_token(value)
            if not compare_digest(told.encode(), token.encode()):
                return pages.closed(token, home(principal)), None
            self._entrance.sessions.end(value)
            onward = "" if principal.patient else self._entrance.way_out()
        answer = pages.signed_out(onward)
        keep_session(self._entrance, answer, "")
        return answer, principal

    async def _turned_away(self, request: Request, via: str, error: Exception) -> Response:
        """The page that says so, once it is on record for whoever it concerns."""
        answer, actor, tenant, why = _said(error), UNKNOWN, self._entrance.tenant_of(via), "refused"
        if isinstance(error, Unwelcome):
            actor, tenant, why = error.actor or actor, error.tenant or tenant, error.lack
        if tenant is None:
            return answer
        try:
            entry = Entry(tenant, actor, status=answer.status_code, why=why)
            await self._journal.keep(request, entry)
        except Problem:
            return pages.unavailable()
        return answer

    async def _run(self, act: Callable[[], Found]) -> Found:
        return await to_thread.run_sync(act, limiter=self._limiter)


def _came(entered: Entered) -> Entry:
    one = entered.principal
    return Entry(one.tenant, one.actor, patient=one.patient or "")


def _said(error: Exception) -> Response:
    """The page for one of `_TURNED_AWAY`; why is in the log."""
    if isinstance(error, Unwelcome):
        _log.warning("somebody has nothing to do here", lack=error.lack)
        return pages.unwelcome(error.lack)
    _log.warning("a sign-in was refused", why=str(error))
    return pages.failed()


async def form_of(request: Request) -> dict[str, str]:
    """What a form says, the last of each name; {} for what is no form of ours."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_FORM:
            return {}
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
