"""`/auth/login`, `/auth/callback`, `/auth/logout`, `/auth/launch`: how people come in and leave."""

from collections.abc import Callable
from hmac import compare_digest
from typing import Final
from urllib.parse import parse_qs

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from referral_service.api.login import pages
from referral_service.api.login.admission import home
from referral_service.api.login.cookies import attempt_of, keep_attempt, keep_session, session_of
from referral_service.api.login.pages import LOGIN_PATH, LOGOUT_PATH
from referral_service.auth.entrance import (
    CALLBACK_PATH,
    SIGNED_OUT_PATH,
    Begun,
    Entrance,
    page_of,
)
from referral_service.auth.person import Unwelcome
from referral_service.auth.provider import Refused
from referral_service.auth.sessions import form_token
from referral_service.auth.signed import Untrusted
from referral_service.core.problem import Problem

LAUNCH_PATH: Final = "/auth/launch"
_MOST_FORM: Final = 4096
# Waiting for a provider must keep no thread from those who read and write.
_THREADS: Final = 4
_log = structlog.get_logger(__name__)


def routes(entrance: Entrance) -> APIRouter:
    """The addresses; all of them are open."""
    router, doors = APIRouter(include_in_schema=False), _Doors(entrance)
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

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._limiter = CapacityLimiter(_THREADS)

    async def login(self, request: Request) -> Response:
        """To the provider; from another site only after a click on a page of ours."""
        to = page_of(request.query_params.get("to", ""))
        if request.headers.get("sec-fetch-site") == "cross-site":
            return pages.asking(to)
        return await self._answer(lambda: self._going(self._entrance.begin(to)))

    async def launch(self, request: Request) -> Response:
        """To the EHR that has opened us, for whose chart is open there."""
        told = request.query_params
        iss, launch = told.get("iss", ""), told.get("launch", "")
        return await self._answer(lambda: self._going(self._entrance.launch(iss, launch)))

    async def callback(self, request: Request, via: str = "") -> Response:
        """Back from one of them: somebody is signed in, or told why not."""
        kept, session = attempt_of(self._entrance, request), session_of(self._entrance, request)
        told = request.query_params.multi_items()

        def enter() -> Response:
            entered = self._entrance.finish(via, told, kept, session)
            answer = RedirectResponse(entered.to, 303)
            keep_session(self._entrance, answer, entered.session)
            return answer

        answer = await self._answer(enter)
        keep_attempt(self._entrance, answer, "")
        return answer

    async def logout(self, request: Request) -> Response:
        """Ends the session, for a form of its own pages alone."""
        value, told = session_of(self._entrance, request), await _token(request)
        return await self._answer(lambda: self._leave(value, told))

    async def signed_out(self) -> Response:
        """Back from the provider, where one has signed out too."""
        return pages.signed_out()

    def _going(self, begun: Begun) -> Response:
        answer = RedirectResponse(begun.address, 303)
        keep_attempt(self._entrance, answer, begun.kept)
        return answer

    def _leave(self, value: str, told: str) -> Response:
        principal = self._entrance.sessions.find(value, is_used=False)
        onward = ""
        if principal is not None:
            token = form_token(value)
            if not compare_digest(told.encode(), token.encode()):
                return pages.closed(token, home(principal))
            self._entrance.sessions.end(value)
            onward = "" if principal.patient else self._entrance.way_out()
        answer = pages.signed_out(onward)
        keep_session(self._entrance, answer, "")
        return answer

    async def _answer(self, act: Callable[[], Response]) -> Response:
        try:
            return await to_thread.run_sync(act, limiter=self._limiter)
        except (Untrusted, Refused) as error:
            _log.warning("a sign-in was refused", why=str(error))
            return pages.failed()
        except Unwelcome as error:
            _log.warning("somebody has nothing to do here", lack=error.lack)
            return pages.unwelcome(error.lack)
        except Problem:
            return pages.unavailable()


async def _token(request: Request) -> str:
    """That of the form; "" for what is no form of ours."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_FORM:
            return ""
    return parse_qs(body.decode("utf-8", "replace")).get("token", [""])[-1]
