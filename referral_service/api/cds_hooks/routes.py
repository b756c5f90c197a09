"""`/cds-services`: discovery, the services, and feedback on their cards."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from referral_service.api.cds_hooks.desk import Desk, named
from referral_service.fhir.parse import dump
from referral_service.sources import CdsClient
from referral_service.wiring import Service

Json = dict[str, Any]
_HEADERS: Final = {"Cache-Control": "no-store"}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Done."},
    "default": {"description": "Refused: an OperationOutcome."},
}
_BODY: Final = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}


def routes(service: Service, clients: Sequence[CdsClient]) -> APIRouter:
    """All of them; raises SourcesError for clients that cannot be believed."""
    desk, limit = Desk(service, clients), service.settings.max_body_mb
    router = APIRouter(prefix="/cds-services", responses=_ANSWERS)

    @router.get("")
    async def offered(request: Request) -> Response:
        """Which services there are, and what each of them wants prefetched."""
        await desk.admit(request, "")
        return _answer(desk.offer)

    @router.post("/{name}", openapi_extra=_BODY)
    async def called(request: Request, name: str) -> Response:
        """The cards for one call of a hook."""
        came, caller = await desk.admit(request, f"/{name}")
        body = await came.body(limit)
        return _answer(await desk.work(partial(desk.cards, named(name), body, caller)))

    @router.post("/{name}/feedback", openapi_extra=_BODY)
    async def heard(request: Request, name: str) -> Response:
        """Keeps what became of cards, each answer once."""
        came, caller = await desk.admit(request, f"/{name}/feedback", f"/{name}")
        body = await came.body(limit)
        await desk.work(partial(desk.keep, named(name), body, caller))
        return _answer({})

    return router


def _answer(content: Json) -> Response:
    return Response(dump(content), 200, _HEADERS, "application/json")
