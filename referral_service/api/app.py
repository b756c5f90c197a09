"""The application: every route, and what stands around them."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from referral_service.api import openapi, operate
from referral_service.api.cds_hooks.cross_origin import CrossOrigin
from referral_service.api.cds_hooks.gate import is_open
from referral_service.api.cds_hooks.routes import routes as cds_hooks
from referral_service.api.deadlines import Deadline
from referral_service.api.errors import HttpProblem, on_database_failure, on_http_exception, on_problem
from referral_service.api.fhir.door import Door
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.spaced import Spaced
from referral_service.api.guard import Guard
from referral_service.api.limits import Limit
from referral_service.api.login.emergency import routes as emergency
from referral_service.api.login.journal import Journal
from referral_service.api.login.people import routes as people
from referral_service.api.login.routes import routes as login
from referral_service.api.notify.routes import routes as notify
from referral_service.api.observe import Observe
from referral_service.api.witness import Witness
from referral_service.api.worklist.routes import routes as worklist
from referral_service.core.problem import Problem
from referral_service.fhir.check import check
from referral_service.fhir.search.table import KINDS
from referral_service.wiring import Service

# More threads would wait for each other; the store keeps a connection for each.
_THREADS = 8
_YOUNG = 100_000
# The framework's own would name patients by their addresses; see tracing.py for ours.
_NONE_OF_ITS_OWN: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


@asynccontextmanager
async def _warmed_up(app: FastAPI) -> AsyncIterator[None]:
    """Compiles every checker before the first request, and lets the collector pass by what stays for good."""
    for kind in KINDS:
        check({"resourceType": kind})
    gc.collect()
    gc.freeze()
    # A Bundle's own objects are many, and hardly ever of use to the collector.
    gc.set_threshold(_YOUNG)
    current_default_thread_limiter().total_tokens = _THREADS
    yield


def create_app(service: Service) -> FastAPI:
    """One application on one service, which whoever made it closes."""
    app = FastAPI(
        title="referral-service",
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_warmed_up,
        telemetry=_NONE_OF_ITS_OWN,
    )
    face = Face(service)
    app.include_router(operate.routes(service))
    app.include_router(openapi.routes(face))
    app.include_router(worklist(service))
    app.include_router(notify(service))
    clients = service.sources.cds_clients
    app.include_router(cds_hooks(service, clients))
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HttpProblem, on_problem)
    app.add_exception_handler(DBAPIError, on_database_failure)
    app.add_exception_handler(PoolTimeout, on_database_failure)
    app.add_exception_handler(HTTPException, on_http_exception)
    if service.authority:
        journal = Journal(service.store, service.settings.is_audited)
        app.include_router(login(service.authority, journal))
        if service.authority.entrance:
            app.include_router(people(service.authority.entrance, journal))
            app.include_router(emergency(service.authority.entrance))
    app.add_middleware(Door, face=face)
    app.add_middleware(Spaced, most_bytes=service.settings.max_body_mb * 1024 * 1024)
    app.add_middleware(CrossOrigin, clients=clients, is_open=is_open(clients, service.settings))
    app.add_middleware(Witness, store=service.store, is_audited=service.settings.is_audited)
    app.add_middleware(Limit, limits=service.authority.limits if service.authority else None)
    app.add_middleware(Guard, authority=service.authority)
    app.add_middleware(Deadline)
    app.add_middleware(Observe)
    return app
