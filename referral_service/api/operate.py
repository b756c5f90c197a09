"""What operators ask: is the process alive, is it ready for traffic, and its numbers."""

import asyncio

import structlog
from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from referral_service.core.problem import Problem
from referral_service.store.store import SqlStore
from referral_service.store.tenancy import ALL, serving
from referral_service.telemetry import exposition
from referral_service.wiring import Service
from referral_service.workflow.ports import DEFAULT_TENANT

_STUCK_SECONDS = 30
_log = structlog.get_logger(__name__)


def routes(service: Service) -> APIRouter:
    """`/livez`, `/readyz`, `/metrics`."""
    router = APIRouter()

    @router.get("/livez")
    async def livez() -> JSONResponse:
        """200 while requests are served and the storing thread moves on, whatever the database says."""
        future = service.store.submit(DEFAULT_TENANT, (), ())
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), _STUCK_SECONDS)
        except TimeoutError:
            return JSONResponse({"status": "stuck"}, 503)
        except Problem:
            _log.warning("the database does not answer")
        return JSONResponse({"status": "alive"})

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        """200 if the database answers and has this version's schema; the broker may be dead."""
        state = await run_in_threadpool(_database, service.store)
        return JSONResponse({"database": state}, 200 if state == "ready" else 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        """Prometheus; without the store's numbers where the database does not answer."""
        return Response(await run_in_threadpool(_metrics, service.store), media_type=CONTENT_TYPE_LATEST)

    return router


def _database(store: SqlStore) -> str:
    try:
        return "ready" if store.is_migrated() else "not migrated"
    except SQLAlchemyError:
        return "unreachable"


def _metrics(store: SqlStore) -> bytes:
    try:
        with serving(ALL):
            return exposition(store.counts())
    except SQLAlchemyError:
        return exposition(None)
