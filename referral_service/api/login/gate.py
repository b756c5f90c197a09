"""Before every page for people: who is signed in, and whether the page is open to them."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

from anyio import CapacityLimiter, to_thread
from msgspec import structs
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from referral_service.api.errors import on_database_failure
from referral_service.api.login import pages
from referral_service.api.login.admission import (
    ENTRIES,
    FORM_TOKEN,
    IS_CURRENT,
    PURPOSE,
    Subject,
    home,
    may_open,
    may_override,
    subject_of,
)
from referral_service.api.login.cookies import session_of
from referral_service.auth.entrance import HOME, Entrance, page_of
from referral_service.auth.principal import Principal
from referral_service.auth.sessions import form_token
from referral_service.store.belonging import are_one, of_patient, of_referral, of_resource
from referral_service.store.tenancy import serving

_THREADS: Final = 4
_RESOURCE: Final = re.compile(r"/fhir(/[A-Z][A-Za-z]*/[A-Za-z0-9.-]{1,64}(?:/_history/[0-9]{1,9})?)")


class Gate:
    """One for each application."""

    def __init__(self, entrance: Entrance) -> None:
        """`entrance` knows the sessions."""
        self._entrance = entrance
        self._limiter = CapacityLimiter(_THREADS)

    async def admit(self, scope: Scope) -> Principal | Response:
        """Who asks, or the page that they get instead."""
        request = Request(scope)
        value = session_of(self._entrance, request)
        try:
            principal = await self._find(value, is_used=_is_by_hand(request)) if value else None
            if principal is None:
                return self._sign_in(request)
            found = await self._opened(principal, request, form_token(value))
        except (DBAPIError, PoolTimeout) as error:
            return await on_database_failure(request, error)
        scope[FORM_TOKEN] = form_token(value)
        scope[IS_CURRENT] = self._current(value)
        return found

    def lead(self, scope: Scope) -> Response | None:
        """To the page about a resource, for a browser that has followed a link of a page to it at /fhir."""
        request = Request(scope)
        form = _RESOURCE.fullmatch(scope["path"])
        is_browser = request.method == "GET" and "authorization" not in request.headers
        if form is None or not is_browser or not session_of(self._entrance, request):
            return None
        return RedirectResponse(f"/worklist/record{form[1]}", 303)

    def has_session(self, request: Request) -> bool:
        """Whether a session is named, whatever becomes of it."""
        return bool(session_of(self._entrance, request))

    async def whose(self, principal: Principal, subject: Subject) -> str | None:
        """The patient whom a page is about, as far as the principal's tenant knows; None if there is none."""
        with serving(principal.tenant):
            return await to_thread.run_sync(self._whose, principal, subject, limiter=self._limiter)

    async def _find(self, value: str, *, is_used: bool) -> Principal | None:
        find = self._entrance.sessions.find
        return await to_thread.run_sync(lambda: find(value, is_used=is_used), limiter=self._limiter)

    def _current(self, value: str) -> Callable[[], Awaitable[bool]]:
        async def is_current() -> bool:
            return await self._find(value, is_used=False) is not None

        return is_current

    def _sign_in(self, request: Request) -> Response:
        to = page_of(request.url.path) if request.method == "GET" else HOME
        return pages.sign_in(to, is_offered=self._entrance.has_provider)

    async def _opened(self, principal: Principal, request: Request, token: str) -> Principal | Response:
        """As who they see the page, or the one that they see instead."""
        method, path = request.method, request.scope["path"]
        if method == "GET" and path in ENTRIES and home(principal) != HOME:
            return RedirectResponse(home(principal), 303)
        if not may_open(principal, method, path):
            return pages.closed(token, home(principal))
        subject = subject_of(principal, path)
        whose = await self.whose(principal, subject) if subject else principal.patient
        if whose == principal.patient:
            return principal
        emergency = principal.emergency
        if emergency and whose == emergency.patient and method in ("GET", "HEAD"):
            request.scope[PURPOSE] = emergency.purpose
            # Without a role: they read, and change nothing.
            return structs.replace(principal, patient=whose, roles=frozenset())
        offered = path if may_override(principal) else ""
        # An address with the patient's own id says whom it is about; any other says nothing of that.
        is_said = subject is not None and subject.kind == "patient"
        return pages.missing(token, home(principal), offered, 403 if is_said else 404)

    def _whose(self, principal: Principal, subject: Subject) -> str | None:
        """Of a person who is several patients, the one whose chart is open."""
        engine, tenant, own = self._entrance.engine, principal.tenant, principal.patient
        found = self._owner(principal, subject)
        if found and own and found != own and are_one(engine, tenant, own, found):
            return own
        return found

    def _owner(self, principal: Principal, subject: Subject) -> str | None:
        engine, tenant = self._entrance.engine, principal.tenant
        if subject.kind == "patient":
            return subject.id if subject.id == principal.patient else of_patient(engine, tenant, subject.id)
        if subject.kind == "referral":
            return of_referral(engine, tenant, subject.id)
        return of_resource(engine, tenant, subject.type, subject.id, subject.version)


async def while_current(scope: Scope, events: AsyncIterator[str]) -> AsyncIterator[str]:
    """The same stream, which ends once its session has."""
    is_current = scope.get(IS_CURRENT)
    async with aclosing(events) as told:  # type: ignore[type-var]
        async for event in told:
            if is_current is not None and not await is_current():
                return
            yield event


def _is_by_hand(request: Request) -> bool:
    """Whether a person has done something, and not a page by itself, as browsers say (Fetch Metadata)."""
    return request.headers.get("sec-fetch-dest", "document") == "document"
