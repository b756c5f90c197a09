"""The EHR's addresses: FHIR below /fhir, the token endpoint, and what orders faults and tells counts."""

from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from referral_service.fake_ehr.answer import Answer, Refused
from referral_service.fake_ehr.faults import Dice, Faults
from referral_service.fake_ehr.gate import BASE, Gate, base_of, respond
from referral_service.fake_ehr.login import Login, configuration
from referral_service.fake_ehr.metadata import statement
from referral_service.fake_ehr.routes import Interaction

Json = dict[str, Any]
_TOKEN: Final = "/oauth/token"  # noqa: S105 - an address


def application(
    gate: Gate, interactions: Iterable[Interaction], login: Login, dice: Dice, report: Callable[[], Json]
) -> Starlette:
    """What uvicorn serves; `report` is what /_report says."""
    return Starlette(
        routes=[
            *_without_faults(login),
            *_for_tests(dice, report),
            *(route for interaction in interactions for route in _guarded(gate, interaction)),
        ],
        exception_handlers={HTTPException: _nothing_here},
    )


def _guarded(gate: Gate, interaction: Interaction) -> list[Route]:
    async def endpoint(request: Request) -> Response:
        return await gate.pass_through(interaction, request)

    # clients write the base itself with a slash at its end and without
    paths = (BASE + interaction.path, f"{BASE}/")[: 1 if interaction.path else 2]
    return [Route(path, endpoint, methods=[interaction.method]) for path in paths]


def _without_faults(login: Login) -> list[Route]:
    """What needs no token."""

    async def metadata(request: Request) -> Response:
        return respond(Answer(resource=statement(base_of(request))))

    async def smart(request: Request) -> Response:
        return respond(configuration(base_of(request), _token_address(request)))

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        return respond(login.token(form, _token_address(request)))

    return [
        Route(f"{BASE}/metadata", metadata),
        Route(f"{BASE}/.well-known/smart-configuration", smart),
        Route(_TOKEN, token, methods=["POST"]),
    ]


def _token_address(request: Request) -> str:
    return base_of(request).removesuffix(BASE) + _TOKEN


def _for_tests(dice: Dice, report: Callable[[], Json]) -> list[Route]:
    async def faults(request: Request) -> Response:
        if request.method == "POST":
            try:
                dice.order(msgspec.json.decode(await request.body(), type=Faults))
            except (msgspec.MsgspecError, ValueError) as error:
                return Response(f"{error}\n", 400, media_type="text/plain")
        return _json(dice.faults)

    async def told(request: Request) -> Response:
        return _json(report())

    return [Route("/_faults", faults, methods=["GET", "POST"]), Route("/_report", told)]


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


async def _nothing_here(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = "not-found" if error.status_code == 404 else "not-supported"
    return respond(Refused(error.status_code, code, "This is not to be had at this address.").answer)
