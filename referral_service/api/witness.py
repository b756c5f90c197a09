"""Who opened or used which page for people: on record before the page is sent, or it is not sent."""

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from referral_service.api.errors import on_problem
from referral_service.api.fhir.audit import keep
from referral_service.api.login.admission import PURPOSE, is_reading
from referral_service.auth.principal import Principal
from referral_service.core.problem import Problem
from referral_service.fhir.audit import AUDIT, PAGE
from referral_service.fhir.definitions import R4_TYPES
from referral_service.fhir.search.reference import is_id
from referral_service.store.store import SqlStore
from referral_service.workflow.ports import Happening

_PAGES: Final = "/worklist/"
# They show nothing of anybody: files, the signs that something changed, and who is looking.
_BLANK: Final = ("/worklist/static/", "/worklist/events", "/worklist/me")


class Witness:
    """The middleware; it stands inside Guard."""

    def __init__(self, app: ASGIApp, store: SqlStore, is_audited: bool) -> None:
        """`app` is everything inside."""
        self._app = app
        self._store = store
        self._is_audited = is_audited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI; what is no page goes through untouched."""
        path = f"{scope.get('path', '')}/"
        is_page = scope["type"] == "http" and path.startswith(_PAGES) and not path.startswith(_BLANK)
        # Whoever is let in beyond what they may see is on record whatever is set.
        is_told = self._is_audited or PURPOSE in scope
        if not is_told or not is_page:
            await self._app(scope, receive, send)
            return
        is_withheld = False

        async def send_told(message: Message) -> None:
            nonlocal is_withheld
            if is_withheld:
                return
            if message["type"] == "http.response.start":
                try:
                    await self._tell(scope, message["status"])
                except Problem as error:
                    is_withheld = True
                    response = await on_problem(Request(scope), error)
                    await response(scope, receive, send)
                    return
            await send(message)

        await self._app(scope, receive, send_told)

    async def _tell(self, scope: Scope, status: int) -> None:
        principal: Principal = scope["principal"]
        segments = scope["path"].split("/")[2:]
        type, id = _about(segments)
        detail = {
            "did": PAGE,
            "action": "R" if is_reading(scope["method"], scope["path"]) else "U",
            "status": str(status),
            "from": scope["client"][0] if scope.get("client") else "unknown",
            "asked": getattr(scope.get("route"), "path", _PAGES),
        }
        if type == "Patient" and id:
            detail["patients"] = f" {id} "
        if PURPOSE in scope:
            detail |= {"patients": f" {principal.patient} ", "purpose": scope[PURPOSE]}
        subject = f"{type}/{id}" if id else type
        await keep(self._store, principal.tenant, [Happening(AUDIT, subject, principal.actor, detail)])


def _about(segments: list[str]) -> tuple[str, str]:
    """The resource that a page is about, by its address; of lists and the like, none."""
    match segments:
        case ["patient", id, *_] if is_id(id):
            return "Patient", id
        case ["referral", id, *_] if is_id(id):
            return "Task", id
        case ["record", type, id, *_] if type in R4_TYPES and is_id(id):
            return type, id
    return PAGE, ""
