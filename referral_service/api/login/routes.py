"""`/auth/token`, our keys, and what SMART clients look for; there only with REFERRAL_AUTH=smart."""

from typing import Final
from urllib.parse import parse_qsl

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

from referral_service.api.login.journal import Entry, Journal
from referral_service.auth.authority import KEYS_PATH, TOKEN_PATH, Authority
from referral_service.auth.grant import Refused, give

CONFIGURATION_PATH: Final = "/.well-known/smart-configuration"
_FORM: Final = "application/x-www-form-urlencoded"
_MOST_BYTES: Final = 32 * 1024
# A minute: keys are changed by adding the new one first.
_KEPT: Final = {"Cache-Control": "public, max-age=60"}
_UNKEPT: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
# Waiting for a client's keys must keep no thread from those who read and write.
_THREADS: Final = 4


def routes(authority: Authority, journal: Journal) -> APIRouter:
    """The addresses; all of them are open. `journal` has who got a token, and who did not."""
    router = APIRouter()
    limiter = CapacityLimiter(_THREADS)

    @router.get(CONFIGURATION_PATH)
    async def configuration() -> Response:
        """What the service tells SMART clients."""
        return configured(authority)

    @router.get(KEYS_PATH)
    async def keys() -> JSONResponse:
        """The keys that verify our tokens."""
        return JSONResponse(authority.keys.public(), headers=_KEPT)

    @router.post(TOKEN_PATH)
    async def token(request: Request) -> JSONResponse:
        """A token for a registered client; errors as RFC 6749 has them."""
        try:
            form = await _form(request)
            given = await to_thread.run_sync(give, authority, form, limiter=limiter)
        except Refused as refusal:
            answer = _refused(refusal)
            if one := refusal.client:
                await journal.keep(
                    request, Entry(one.tenant, one.actor, status=answer.status_code, why=refusal.error)
                )
            return answer
        await journal.keep(request, Entry(given.client.tenant, given.client.actor))
        return JSONResponse(given.words, headers=_UNKEPT)

    return router


def configured(authority: Authority) -> Response:
    """The same below /fhir, where SMART has clients look."""
    return JSONResponse(authority.configuration(), headers=_KEPT)


async def _form(request: Request) -> list[tuple[str, str]]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Refused("invalid_request", f"Send a form as {_FORM}.")
    if "authorization" in request.headers:
        raise Refused("invalid_client", "Clients prove themselves with a signed assertion.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise Refused("invalid_request", "The form is too large.")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise Refused("invalid_request", "Not a form in UTF-8 of at most 20 fields.") from None


def _refused(refusal: Refused) -> JSONResponse:
    is_unknown = refusal.error == "invalid_client"
    told = {"error": refusal.error, "error_description": str(refusal)}
    headers = {**_UNKEPT, "WWW-Authenticate": "Bearer"} if is_unknown else _UNKEPT
    return JSONResponse(told, 401 if is_unknown else 400, headers)
