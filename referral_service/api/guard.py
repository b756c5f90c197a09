"""Who asks: the middleware that gives every request its Principal, or refuses it.

With REFERRAL_AUTH=smart everything is closed but what is named here. A new route is closed until it is named.
Systems bring a token to /fhir, people a session to /worklist, and neither is of use at the other place, but
for auditors' sessions at /fhir/AuditEvent.
"""

from typing import Final

import structlog
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from referral_service.api.errors import on_problem, refusal
from referral_service.api.login.gate import Gate
from referral_service.api.login.pages import EMERGENCY_PATH, LOGIN_PATH, LOGOUT_PATH
from referral_service.api.login.people import LAUNCH_PATH
from referral_service.api.login.routes import CONFIGURATION_PATH
from referral_service.auth.authority import KEYS_PATH, TOKEN_PATH, Authority
from referral_service.auth.entrance import CALLBACK_PATH, SIGNED_OUT_PATH
from referral_service.auth.principal import Principal
from referral_service.auth.scopes import OPERATOR
from referral_service.auth.signed import Unfit, Untrusted
from referral_service.core.problem import Issue, Problem
from referral_service.store.tenancy import serving

# Authentication is off: everybody is somebody, who may do everything. See `arrival` for X-Actor.
EVERYBODY: Final = Principal(actor="Practitioner/demo", is_open=True)
# Of requests that anybody may send; may do nothing.
NOBODY: Final = Principal(actor="Device/nobody")
# They say nothing of anybody, or are how one comes in.
OPEN: Final = frozenset(
    {
        "/livez",
        "/readyz",
        "/openapi.json",
        "/fhir/metadata",
        f"/fhir{CONFIGURATION_PATH}",
        CONFIGURATION_PATH,
        KEYS_PATH,
        TOKEN_PATH,
    }
)
# The same for people, with everything below.
OPEN_TO_PEOPLE: Final = (
    LOGIN_PATH,
    CALLBACK_PATH,
    LOGOUT_PATH,
    LAUNCH_PATH,
    EMERGENCY_PATH,
    SIGNED_OUT_PATH,
    "/worklist/static",
)
# Whoever asks here has shown who they are in a way of its own: see api/cds_hooks and api/notify.
WITH_THEIR_OWN: Final = ("/cds-services", "/notify")
METRICS: Final = "/metrics"
_PAGES: Final = ("/worklist",)
_AUDITS: Final = ("/fhir/AuditEvent",)
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
_FORWARDED: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"via"})
_THREADS: Final = 4
# Of every answer that does not say otherwise by itself.
_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_SECURE: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
_PAGE: Final = (
    '<!doctype html><html lang="en"><title>Sign in</title>'
    "<h1>Sign in</h1><p>These pages are for people who have signed in.</p></html>"
)
_log = structlog.get_logger(__name__)


class Guard:
    """The middleware; it stands inside Observe, and before /fhir and all routes."""

    def __init__(self, app: ASGIApp, authority: Authority | None) -> None:
        """`app` is everything inside; without an authority, authentication is off."""
        self._app = app
        self._authority = authority
        self._gate = Gate(authority.entrance) if authority and authority.entrance else None
        is_secure = authority is not None and authority.address.startswith("https:")
        self._headers = (*_HEADERS, _SECURE) if is_secure else _HEADERS
        # Waiting for an issuer's keys must keep no thread from those who read and write.
        self._limiter = CapacityLimiter(_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if self._authority is None:
            scope["principal"] = EVERYBODY
            with serving(EVERYBODY.tenant):
                await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._guarded(self._authority, scope, receive, self._hardened(send))
        else:
            await self._app(scope, receive, send)

    async def _guarded(self, authority: Authority, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_open(scope):
            found: Principal | Response = NOBODY
        elif scope["path"] == "/" or _is_below(scope["path"], _PAGES) or self._is_auditing(scope):
            found = await self._gate.admit(scope) if self._gate else HTMLResponse(_PAGE, 401, _CHALLENGE)
        else:
            led = self._gate.lead(scope) if self._gate else None
            found = led or await self._with_token(authority, scope)
        if isinstance(found, Principal):
            scope["principal"] = found
            with serving(found.tenant if found is not NOBODY else ""):
                await self._app(scope, receive, send)
        else:
            await found(scope, receive, send)

    def _is_auditing(self, scope: Scope) -> bool:
        """Auditors are people, and read what they are for at /fhir with their session."""
        if self._gate is None or not _is_below(scope["path"], _AUDITS):
            return False
        request = Request(scope)
        return "authorization" not in request.headers and self._gate.has_session(request)

    async def _with_token(self, authority: Authority, scope: Scope) -> Principal | Response:
        try:
            token = _token(scope)
            principal = authority.bearer.known(token)
            if principal is None:
                principal = await to_thread.run_sync(authority.bearer.verify, token, limiter=self._limiter)
        except Untrusted as error:
            return _unknown(authority, error)
        except Problem as error:
            return await on_problem(Request(scope), error)
        if scope["path"] == METRICS and OPERATOR not in principal.scopes:
            return refusal(403, (Issue("forbidden", f"This needs the scope {OPERATOR}."),))
        return principal

    def _hardened(self, send: Send) -> Send:
        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                said = {name for name, _ in headers}
                message["headers"] = [*headers, *(one for one in self._headers if one[0] not in said)]
            await send(message)

        return send_hardened


class _Missing(Untrusted):
    """No token came along."""


def _is_open(scope: Scope) -> bool:
    """Whether anybody may ask."""
    path = scope["path"]
    is_named = path in OPEN or _is_below(path, (*OPEN_TO_PEOPLE, *WITH_THEIR_OWN))
    return is_named or (path == METRICS and _is_from_here(scope))


def _is_below(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _is_from_here(scope: Scope) -> bool:
    """Whether a process of this machine asks for itself, and forwards nobody's request."""
    client = scope.get("client")
    is_near = client is not None and client[0] in _LOOPBACK
    return is_near and all(name not in _FORWARDED for name, _ in scope["headers"])


def _token(scope: Scope) -> str:
    """The one bearer token; an address is no place for one."""
    told: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    if not told:
        raise _Missing
    kind, _, token = told[0].decode("latin-1").partition(" ")
    if len(told) > 1 or kind.lower() != "bearer":
        raise Untrusted("it is no bearer token")
    return token.strip(" ")


def _unknown(authority: Authority, error: Untrusted) -> Response:
    """401 as RFC 6750 (3) has it. Why is told those alone whose token somebody whom we know has signed."""
    challenge = f'Bearer realm="{authority.realm}"'
    sentence = "An access token is needed."
    if not isinstance(error, _Missing):
        _log.warning("a token was refused", why=str(error))
        why = str(error) if isinstance(error, Unfit) else "it is not one of an issuer of ours"
        sentence = f"The access token is not taken: {why}."
        challenge += f', error="invalid_token", error_description="{sentence}"'
    return refusal(401, (Issue("login", sentence),), {"WWW-Authenticate": challenge})
