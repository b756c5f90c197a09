"""`/openapi.json`: the routes as OpenAPI, from the CapabilityStatement and the table of interactions."""

from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from referral_service.api.fhir.capabilities import statement
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.table import VERBS, Interaction, interactions

Json = dict[str, Any]

_FHIR: Final = "application/fhir+json"
_FORM: Final = "application/x-www-form-urlencoded"
# The address of each shape of a place; that of an operation is the name of its shape.
_ADDRESSES: Final = {
    "type": "/fhir/{0}",
    "search": "/fhir/{0}/_search",
    "instance": "/fhir/{0}/{{id}}",
    "history": "/fhir/{0}/{{id}}/_history",
    "version": "/fhir/{0}/{{id}}/_history/{{version}}",
    "compartment": "/fhir/Patient/{{id}}/{0}",
    "compartment search": "/fhir/Patient/{{id}}/{0}/_search",
}
_SUCCESSES: Final = {"create": (200, 201), "update": (200, 201), "delete": (204,), "read": (200, 304)}
_HEADERS: Final = {
    "read": ("If-None-Match", "If-Modified-Since"),
    "create": ("If-None-Exist", "Prefer"),
    "update": ("If-Match", "If-None-Match", "Prefer"),
    "delete": ("If-Match",),
    "search-type": ("Prefer",),
}
_OF_ANY_SEARCH: Final = ("_count", "_sort")
_TEXT: Final = {"type": "string"}
_IN_PATH: Final = {
    "id": {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"},
    "version": {"type": "string", "pattern": "^[0-9]{1,9}$"},
}


def routes(face: Face) -> APIRouter:
    """`/openapi.json`, with the address that it was asked under."""
    router = APIRouter()
    canonical, public_url = face.service.settings.canonical_base, face.service.settings.public_url

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> JSONResponse:
        """All that is served, the pages and the operators' endpoints too."""
        base = f"{public_url or str(request.base_url).rstrip('/')}/fhir"
        declared = orjson.loads(statement(canonical, base, face.published))
        others = get_openapi(title="referral-service", version=declared["version"], routes=request.app.routes)
        others["paths"] |= paths(declared)
        return JSONResponse(others)

    return router


def paths(declared: Json) -> Json:
    """OpenAPI's paths of what a CapabilityStatement declares."""
    found: Json = {
        "/fhir": {"post": _described("batch or transaction", _body("Bundle"))},
        "/fhir/metadata": {"get": _described("capabilities", {})},
    }
    for resource in declared["rest"][0]["resource"]:
        kind = resource["type"]
        parameters = [one["name"] for one in resource["searchParam"]]
        codes = {one["code"] for one in resource["interaction"]}
        codes |= {"$" + one["name"] for one in resource.get("operation", ())}
        for (shape, method), interaction in interactions(kind).items():
            if interaction.code in codes and (not shape.startswith("compartment") or "patient" in parameters):
                address = _ADDRESSES.get(shape, f"/fhir/{{0}}/{{{{id}}}}/{shape}").format(kind)
                operation = _operation(kind, shape, method, interaction, parameters)
                found.setdefault(address, {})[method.lower()] = operation
    return found


def _operation(kind: str, shape: str, method: str, interaction: Interaction, searched: list[str]) -> Json:
    names = [name for name in _IN_PATH if f"{{{name}}}" in _ADDRESSES.get(shape, "{id}")]
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": _IN_PATH[name]} for name in names
    ]
    parameters += [_parameter(name, "header") for name in _HEADERS.get(interaction.code, ())]
    is_search = interaction.code == "search-type"
    more: Json = {}
    if interaction.has_resource:
        more = _body("Parameters" if interaction.code.startswith("$") else kind)
        more["requestBody"]["required"] = (shape, method) not in VERBS.get(kind, {})
    elif is_search and method == "POST":
        fields = {name: _TEXT for name in (*searched, *_OF_ANY_SEARCH)}
        more = {"requestBody": {"content": {_FORM: {"schema": {"type": "object", "properties": fields}}}}}
    if (is_search and method == "GET") or (shape, method) == ("type", "PUT"):
        parameters += [_parameter(name, "query") for name in (*searched, *_OF_ANY_SEARCH * is_search)]
    return _described(f"{interaction.code} {kind}", {**more, "parameters": parameters})


def _parameter(name: str, place: str) -> Json:
    return {"name": name, "in": place, "schema": _TEXT}


def _body(kind: str) -> Json:
    return {"requestBody": {"required": True, "content": {_FHIR: {"schema": _resource(kind)}}}}


def _resource(kind: str) -> Json:
    return {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"type": "string", "const": kind}},
    }


def _described(summary: str, more: Json) -> Json:
    """An operation with its answers: those of success by status, any other is an OperationOutcome."""
    answers: Json = {
        str(status): {"description": "Done."} for status in _SUCCESSES.get(summary.partition(" ")[0], (200,))
    }
    refusal = {"schema": {**_resource("OperationOutcome"), "required": ["resourceType", "issue"]}}
    answers["default"] = {"description": "Refused: an OperationOutcome.", "content": {_FHIR: refusal}}
    return {"summary": summary, "responses": answers, **more}
