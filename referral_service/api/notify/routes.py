"""`/notify/SOURCE` and `/notify/SOURCE/Type/id`: where servers tell of changes.

R4's rest-hook posts nothing, or puts the resource below the endpoint as a FHIR client would; some post it.
The R5 backport posts a Bundle. A DELETE, and Medplum's header for it, say that a resource is gone: that is
asked about before it is believed. Source: https://hl7.org/fhir/R4/subscription.html.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from referral_service.api.errors import MEDIA_TYPE, HttpProblem, refusal
from referral_service.api.fhir import negotiate
from referral_service.api.fhir.arrival import Arrival
from referral_service.api.notify.signature import is_genuine, scheme
from referral_service.api.notify.take import Addressed, Desk
from referral_service.core.problem import Category, Issue, problem
from referral_service.fhir.outcome import outcome
from referral_service.fhir.parse import dump, parse
from referral_service.fhir.search.reference import is_id, local
from referral_service.intakes import build_admit
from referral_service.sources import SourcesError
from referral_service.wiring import Service

_DELETED = "x-medplum-deleted-resource"
_EMPTY = frozenset({b"", b"{}"})


def routes(service: Service) -> APIRouter:
    """Of the sources that may notify."""
    admit = build_admit(service.settings, service.store, service.reader, service.pathway)
    allowed = {name: source.notify for name, source in service.sources.sources.items() if source.notify}
    for name, one in allowed.items():
        if (file := one.secret_file or one.bearer_file) and not file.is_file():
            raise SourcesError(f"sources.{name}.notify: there is no file {file.name}")
    desks = {name: Desk(service, admit, name, service.sources.sources[name]) for name in allowed}
    router = APIRouter()

    async def receive(request: Request) -> Response:
        """200 once it is durable; 401 for a sender that cannot be recognised."""
        source, rest = request.path_params["source"], request.path_params.get("rest", "")
        if source not in desks:
            raise problem(Category.NOT_FOUND, "There is nothing at this address.")
        came = Arrival(request)
        body = await came.read(service.settings.max_body_mb)
        if not await run_in_threadpool(is_genuine, allowed[source], came.header, body):
            sentence = "The sender cannot be recognised: a signature or token is missing, or wrong."
            challenge = {"WWW-Authenticate": scheme(allowed[source])}
            return refusal(401, (Issue("login", sentence),), challenge)
        return await _answer(desks[source], came, _addressed(rest), body)

    for path in ("/notify/{source}", "/notify/{source}/{rest:path}"):
        router.add_api_route(path, receive, methods=["POST", "PUT", "DELETE"], include_in_schema=False)
    return router


async def _answer(desk: Desk, came: Arrival, addressed: Addressed, body: bytes) -> Response:
    is_deletion = came.request.method == "DELETE"
    if is_deletion and not addressed.type:
        raise HttpProblem(405, "not-supported", "Nothing is deleted here.", allow="POST, PUT")
    if is_deletion or body.strip() in _EMPTY:
        deleted = local(came.header(_DELETED)) if not is_deletion else None
        if body.strip() and not is_deletion and deleted is None:
            raise problem(Category.INCORRECT, "The element is required.", "resourceType", "required")
        await run_in_threadpool(desk.hint, addressed.name or deleted or "")
        return Response()
    negotiate.readable(came.header("content-type"), came.header("content-encoding"))
    issues = await run_in_threadpool(lambda: desk.take(addressed, parse(body), body))
    if not issues:
        return Response()
    return Response(dump(outcome(issues, "warning")), media_type=MEDIA_TYPE)


def _addressed(rest: str) -> Addressed:
    kind, _, identity = rest.partition("/")
    if not rest:
        return Addressed()
    if not identity or not is_id(identity) or local(rest) != rest:
        raise problem(Category.NOT_FOUND, "There is nothing at this address.")
    return Addressed(kind, identity)
