"""HTTP's side of /fhir: reads a request, finds its interaction in the table, writes the answer."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from referral_service.api.errors import (
    MEDIA_TYPE,
    HttpProblem,
    on_database_failure,
    on_problem,
    status_of,
)
from referral_service.api.fhir import entries, negotiate, render
from referral_service.api.fhir.arrival import MOST_FIELDS, MOST_FORM_MB, Arrival
from referral_service.api.fhir.audit import refused, tell
from referral_service.api.fhir.batch import batch
from referral_service.api.fhir.capabilities import etag, statement
from referral_service.api.fhir.exchange import Answer, Ask, Visit
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.fulfil import operations
from referral_service.api.fhir.preconditions import names
from referral_service.api.fhir.table import Place, find
from referral_service.api.fhir.transaction import transaction
from referral_service.api.login.routes import CONFIGURATION_PATH, configured
from referral_service.core.problem import Category, Issue, Problem, problem
from referral_service.fhir.bundle import by_entry, entries_of, that_count
from referral_service.fhir.check import check
from referral_service.fhir.conditional import out_of_place
from referral_service.fhir.parse import parse

Json = dict[str, Any]
# Reading and checking so many bytes would keep other requests waiting.
_LARGE = 128 * 1024
# More of them than a body of real resources has room for.
_MOST_ENTRIES = 50_000
# Open to all, and nothing of anybody is in them.
_OF_NOBODY = frozenset({"/fhir/metadata", f"/fhir{CONFIGURATION_PATH}"})
_FORM = "application/x-www-form-urlencoded"


class Door:
    """/fhir, ahead of the framework's routes, whose own care would be a fifth of a small POST."""

    def __init__(self, app: ASGIApp, face: Face) -> None:
        """`app` is everything but /fhir."""
        self._app = app
        self._face = face

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI; what is neither HTTP nor /fhir goes through untouched."""
        if scope["type"] != "http" or not f"{scope['path']}/".startswith("/fhir/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await _serve(self._face, request)
        except (Problem, HttpProblem) as error:
            response = await on_problem(request, error)
        except (DBAPIError, PoolTimeout) as error:
            response = await on_database_failure(request, error)
        await response(scope, receive, send)


async def _serve(face: Face, request: Request) -> Response:
    request.scope["interaction"] = "/fhir"
    came = Arrival(request, face.service.settings.public_url)
    if not face.service.settings.is_audited or request.scope["path"] in _OF_NOBODY:
        return await _answer(face, came)
    came.visit = Visit(address=request.client.host if request.client else "unknown")
    try:
        return await _answer(face, came)
    except (Problem, HttpProblem) as error:
        await refused(face, came.visit, request, status_of(error))
        raise


async def _answer(face: Face, came: Arrival) -> Response:
    request = came.request
    segments = [segment for segment in request.scope["path"].split("/")[2:] if segment]
    authority = face.service.authority
    if authority and request.scope["path"] == f"/fhir{CONFIGURATION_PATH}":
        return configured(authority)
    if segments[-1:] != ["_search"]:
        negotiate.acceptable(came.header("accept"), came.format)
    if not segments:
        return await _bundle(face, came)
    if segments == ["metadata"]:
        return _metadata(face, came)
    interaction, place = find(request.method, segments)
    request.scope["interaction"] = interaction.code
    if place.shape.endswith("search"):
        came.query += await _form(face, came)
        negotiate.acceptable(came.header("accept"), came.format)
    resource = await _resource(face, came, place) if interaction.has_resource else None
    ask = came.ask(place, resource)
    if interaction.code == "patch":
        negotiate.patch_readable(came.header("content-type"))
        body = await came.read(face.service.settings.max_body_mb)
        ask = msgspec.structs.replace(ask, patch=tuple(operations(body)))
    return _response(face, ask, await interaction.perform(face, ask))


async def _resource(face: Face, came: Arrival, place: Place) -> Json:
    """The checked resource of a request; INCORRECT with every problem found."""
    body = await came.body(face.service.settings.max_body_mb)
    if not body and place.type == "Parameters":
        return {"resourceType": "Parameters"}
    if len(body) > _LARGE:
        return await run_in_threadpool(_checked, body, place.type, came.base)
    return _checked(body, place.type, came.base)


def _checked(body: bytes, kind: str, base: str) -> Json:
    resource = parse(body)
    if resource["resourceType"] != kind:
        raise problem(Category.INCORRECT, "Not a resource of the type in the URL.", "resourceType")
    issues = check(resource)
    if _may_search(body):
        issues += out_of_place(resource, kind, base)
    if issues:
        raise Problem(Category.INCORRECT, *issues)
    return resource


def _may_search(body: bytes) -> bool:
    """Whether a reference may be a search: hardly ever, and looking closer costs."""
    return b"?" in body or b"\\u003" in body


async def _bundle(face: Face, came: Arrival) -> Response:
    """A batch or transaction, posted to /fhir itself."""
    if came.request.method != "POST":
        raise HttpProblem(405, "not-supported", "Post a batch or a transaction here.", allow="POST")
    body = await came.body(face.service.settings.max_body_mb)
    if len(body) > _LARGE:
        resource, faults = await run_in_threadpool(_checked_bundle, body, came.base)
    else:
        resource, faults = _checked_bundle(body, came.base)
    kind = resource["type"]
    if charge := came.request.scope.get("charge"):
        charge(max(len(resource.get("entry", ())) - 1, 0))
    came.request.scope["interaction"] = str(kind)
    ask = came.ask(Place("system", "Bundle"), resource)
    if kind == "batch":
        return _response(face, ask, await batch(face, ask, faults))
    if faults:
        raise Problem(Category.INCORRECT, *faults, *_of_requests(resource, faults))
    answer = await transaction(face, ask)
    if ask.visit and not ask.visit.is_told:
        await tell(face, ask, "transaction", answer)
    return _response(face, ask, answer)


def _checked_bundle(body: bytes, base: str) -> tuple[Json, list[Issue]]:
    """The Bundle, and what the checker found in it."""
    resource = parse(body)
    if resource["resourceType"] != "Bundle":
        raise problem(Category.INCORRECT, "Only a Bundle is posted here.", "resourceType")
    if resource.get("type") not in ("batch", "transaction"):
        raise problem(
            Category.INCORRECT, "Only a batch or a transaction is posted here.", "Bundle.type", "value"
        )
    listed = resource.get("entry")
    if isinstance(listed, list) and len(listed) > _MOST_ENTRIES:
        raise HttpProblem(413, "too-costly", f"A Bundle has at most {_MOST_ENTRIES} entries.", "Bundle.entry")
    faults = check(resource)
    if resource["type"] == "batch" and _may_search(body):
        faults += out_of_place(resource, "Bundle", base)
    return resource, that_count(resource, faults) if faults else faults


def _of_requests(resource: Json, faults: Sequence[Issue]) -> list[Issue]:
    """What else is wrong with a transaction: the requests of entries that are valid by themselves."""
    refused = by_entry(faults)
    return entries_of(resource, refused.keys())[1] if refused is not None else []


async def _form(face: Face, came: Arrival) -> tuple[tuple[str, str], ...]:
    """The parameters in the body of a _search."""
    if came.header("content-type").partition(";")[0].strip().lower() not in ("", _FORM):
        raise HttpProblem(415, "not-supported", f"A search is posted as {_FORM}.")
    body = await came.read(MOST_FORM_MB)
    try:
        return tuple(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise problem(Category.INCORRECT, f"Not a form in UTF-8 of at most {MOST_FIELDS} fields.") from None


def _metadata(face: Face, came: Arrival) -> Response:
    if came.request.method not in ("GET", "HEAD"):
        raise HttpProblem(
            405, "not-supported", "The CapabilityStatement can be read only.", allow="GET, HEAD"
        )
    came.request.scope["interaction"] = "capabilities"
    authority = face.service.authority
    token_url = authority.token_url if authority else ""
    body = statement(face.service.settings.canonical_base, came.base, face.published, token_url)
    headers = {"ETag": etag(body)}
    if names(came.header("if-none-match"), headers["ETag"]):
        return Response(None, 304, headers)
    return Response(body, headers=headers, media_type=MEDIA_TYPE)


def _response(face: Face, ask: Ask, answer: Answer) -> Response:
    stored = answer.stored
    if stored is None:
        return Response(answer.body, answer.status, media_type=MEDIA_TYPE if answer.body else None)
    # A version that followed another within its millisecond is dated after it.
    changed_at = min(stored.updated_at, face.service.clock.now())
    headers = {"ETag": render.etag(stored.version), "Last-Modified": render.http_date(changed_at)}
    if not answer.is_written:
        body = b"" if answer.status == 304 else render.resource(stored)
        return Response(body, answer.status, headers, MEDIA_TYPE)
    headers["Location"] = f"{ask.base}/{stored.type}/{stored.id}/_history/{stored.version}"
    if ask.returns == "minimal":
        return Response(None, answer.status, headers)
    body = entries.written(answer) if ask.returns == "OperationOutcome" else render.resource(stored)
    return Response(body, answer.status, headers, MEDIA_TYPE)
