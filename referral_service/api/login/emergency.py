"""`/auth/emergency`: out of one patient's chart into another's (break-glass), with a reason and for a while.

Its form is on the page that says that there is nothing, or that it is about somebody else; so it tells nobody
whether there is such a patient. It opens nothing of another tenant, and nothing that is about no patient.
"""

from hmac import compare_digest

import structlog
from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from referral_service.api.login import pages
from referral_service.api.login.admission import home, may_override, subject_of
from referral_service.api.login.cookies import session_of
from referral_service.api.login.gate import Gate
from referral_service.api.login.people import form_of
from referral_service.auth.entrance import HOME, Entrance, page_of
from referral_service.auth.principal import PURPOSES, Emergency, Principal
from referral_service.auth.sessions import form_token
from referral_service.core.problem import Problem
from referral_service.fhir.audit import EMERGENCY

_UNKNOWN_REASON = 422
_log = structlog.get_logger(__name__)


def routes(entrance: Entrance) -> APIRouter:
    """The address; it is open, and asks for a session by itself."""
    router, override = APIRouter(include_in_schema=False), _Override(entrance)
    router.add_api_route(pages.EMERGENCY_PATH, override.answer, methods=["POST"])
    return router


class _Override:
    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._gate = Gate(entrance)

    async def answer(self, request: Request) -> Response:
        """To the page that is wanted, once it is on record by whom and why."""
        value, form = session_of(self._entrance, request), await form_of(request)
        try:
            principal = await to_thread.run_sync(self._entrance.sessions.find, value)
            if principal is None:
                return pages.sign_in(HOME, is_offered=self._entrance.has_provider)
            refused = _refused(principal, value, form)
            return refused or await self._open(request, principal, value, form)
        except Problem:
            return pages.unavailable()

    async def _open(
        self, request: Request, principal: Principal, value: str, form: dict[str, str]
    ) -> Response:
        token, to = form_token(value), page_of(form.get("to", ""))
        subject = subject_of(principal, to)
        patient = await self._gate.whose(principal, subject) if subject else None
        if patient is None:
            return pages.missing(token, home(principal))
        purpose = next((one for one in PURPOSES if one == form.get("purpose")), None)
        if purpose is None:
            return pages.missing(token, home(principal), to, _UNKNOWN_REASON)
        address = request.client.host if request.client else "unknown"
        said = {"did": EMERGENCY, "status": "200", "from": address, "asked": request.url.path}

        def let_in() -> bool:
            return self._entrance.sessions.let_in(value, Emergency(patient, purpose), said)

        if await to_thread.run_sync(let_in):
            _log.warning("somebody has opened another patient's chart in an emergency", purpose=purpose)
        return RedirectResponse(to, 303)


def _refused(principal: Principal, value: str, form: dict[str, str]) -> Response | None:
    token = form_token(value)
    is_ours = compare_digest(form.get("token", "").encode(), token.encode())
    return None if is_ours and may_override(principal) else pages.closed(token, home(principal))
