"""What every page shares: its frame, who is looking, the token that a form must bring, and the headers."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from hmac import compare_digest
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request

from referral_service.api.errors import HttpProblem
from referral_service.api.login.admission import FORM_TOKEN, may_act, may_see_all
from referral_service.api.worklist import fate, words
from referral_service.auth.principal import Principal
from referral_service.fhir.search.reference import local
from referral_service.settings import Settings
from referral_service.store.worklist import Worklist
from referral_service.wiring import Service
from referral_service.workflow.ports import DEFAULT_TENANT, Tenant

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
NOBODY: Final = "Practitioner/demo"
_ACTOR, _TOKEN = "worklist-actor", "worklist-token"
_YEAR = 365 * 24 * 3600
_MOST_FORM = 64 * 1024
# What no text of FHIR may hold.
_UNWRITABLE: Final = dict.fromkeys(mark for mark in range(32) if chr(mark) not in "\t\r\n")
_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


@dataclass(frozen=True)
class Visit:
    """One look at one tenant's pages: by whom (a reference), and what is to be seen."""

    service: Service
    zone: ZoneInfo
    tenant: Tenant
    actor: str

    @property
    def worklist(self) -> Worklist:
        """The tenant's lists."""
        return Worklist(self.service.store.engine, self.tenant)

    def today(self) -> date:
        """The day that questions are asked for."""
        return self.service.clock.as_of().astimezone(self.zone).date()

    def moment(self, at: datetime | None) -> str:
        """An instant in the site's zone."""
        return moment(at, self.zone)


def moment(at: datetime | None, zone: ZoneInfo) -> str:
    """An instant as people in that zone write it."""
    return at.astimezone(zone).isoformat(" ", "minutes")[:16] if at else "none"


class Site:
    """One for each application."""

    def __init__(self, service: Service) -> None:
        """`service` is shared with /fhir."""
        self.service = service
        self.zone = ZoneInfo(service.settings.timezone)
        self._environment = Environment(
            loader=PackageLoader("referral_service.api.worklist"), autoescape=True, undefined=StrictUndefined
        )
        self._environment.globals.update(
            words=words,
            fate=fate,
            moment=self._moment,
            warnings=_warnings(service.settings),
            timezone=service.settings.timezone,
            files=addresses(),
        )

    def page(self, request: Request, template: str, status: int = 200, /, **found: Any) -> Response:
        """A page for whoever asks; a form's token comes with it, in the page and in a cookie."""
        is_signed_in = FORM_TOKEN in request.scope
        token = _token(request) or secrets.token_urlsafe(32)
        principal = _principal(request)
        text = self._environment.get_template(template).render(
            actor=self.actor(request),
            token=token,
            address=request.url.path,
            is_signed_in=is_signed_in,
            may_act=principal is not None and may_act(principal),
            sees_all=not is_signed_in or (principal is not None and may_see_all(principal)),
            **found,
        )
        answer = HTMLResponse(text, status, _HEADERS)
        if not is_signed_in and request.cookies.get(_TOKEN) != token:
            self.keep(request, answer, _TOKEN, token)
        return answer

    def _moment(self, at: datetime | None) -> str:
        return moment(at, self.zone)

    def visit(self, request: Request) -> Visit:
        """Who looks, and at whose pages."""
        principal = _principal(request)
        tenant = principal.tenant if principal else DEFAULT_TENANT
        return Visit(self.service, self.zone, tenant, self.actor(request))

    def actor(self, request: Request) -> str:
        """Who is looking, as they are known, else as they said; a reference."""
        principal = _principal(request)
        if principal and not principal.is_open:
            return principal.actor
        said = request.cookies.get(_ACTOR, "")
        return said if said.startswith("Practitioner/") and local(said) else NOBODY

    def known_as(self, request: Request, name: str) -> Response:
        """Remembers who is looking; 400 for what cannot be an id."""
        actor = f"Practitioner/{name.strip()}"
        if not local(actor):
            raise HttpProblem(400, "value", "A name here is letters, digits, dots and hyphens, at most 64.")
        answer = RedirectResponse("/worklist", 303, _HEADERS)
        self.keep(request, answer, _ACTOR, actor)
        return answer

    async def form(self, request: Request) -> dict[str, str]:
        """What a form of ours was filled with; 403 unless it came from a page of ours."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_FORM:
                raise HttpProblem(413, "too-long", "The form is too large.")
        said = parse_qs(body.decode("utf-8", "replace"))
        found = {name: values[-1].translate(_UNWRITABLE) for name, values in said.items()}
        token = _token(request)
        is_ours = bool(token) and compare_digest(found.pop("token", "").encode(), token.encode())
        if not is_ours or not _is_from_here(request):
            raise HttpProblem(403, "forbidden", "The form did not come from this site; open the page again.")
        return found

    @staticmethod
    def back(address: str) -> Response:
        """To a page of ours after something was done, so that a reload does not do it again."""
        return RedirectResponse(address, 303, _HEADERS)

    def keep(self, request: Request, answer: Response, name: str, value: str) -> None:
        """Has the browser bring this along for a year."""
        is_safe = (self.service.settings.public_url or request.url.scheme).startswith("https")
        answer.set_cookie(
            name, value, _YEAR, path="/worklist", secure=is_safe, httponly=True, samesite="strict"
        )


def addresses() -> dict[str, str]:
    """Where each stylesheet and script is, by its name."""
    return {name: f"/worklist/static/{_digest(body)}/{name}" for name, body in _STATIC.items()}


def static(name: str) -> Response:
    """A stylesheet or script; its address holds its digest, so that it may be kept."""
    body = _STATIC.get(name)
    if body is None:
        raise HttpProblem(404, "not-found", "There is nothing at this address.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(body, 200, headers, _TYPES[name.rpartition(".")[2]])


def _principal(request: Request) -> Principal | None:
    found = request.scope.get("principal")
    return found if isinstance(found, Principal) else None


def _token(request: Request) -> str:
    """What a form must bring: bound to the session of whoever is signed in, else to a cookie."""
    return str(request.scope.get(FORM_TOKEN) or request.cookies.get(_TOKEN, ""))


def _is_from_here(request: Request) -> bool:
    """Browsers say where a form came from; what says nothing has brought the token."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _digest(body: bytes) -> str:
    return sha256(body).hexdigest()[:16]


def _warnings(settings: Settings) -> list[str]:
    """What whoever looks at a page must know of how the service runs."""
    said = []
    if settings.auth == "off":
        said.append("Authentication is off: whoever reaches this address sees and changes everything.")
    if settings.allow_insecure:
        said.append("ALLOW_INSECURE is set: the service may be reachable from other machines.")
    if settings.clock_shift:
        said.append("CLOCK_SHIFT is set: decisions are made for another day than today.")
    return said


def _read() -> Mapping[str, bytes]:
    folder = files("referral_service.api.worklist") / "static"
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.name.endswith((".css", ".js"))}


_STATIC = _read()
