"""One resource as it was received or written, for people who are signed in and follow a link to /fhir."""

import re
from typing import Any, Final

import msgspec
from fastapi import APIRouter
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from referral_service.api.errors import HttpProblem
from referral_service.api.worklist.site import Site, Visit

_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")


def add_record(router: APIRouter, site: Site) -> None:
    """The two addresses."""

    @router.get("/worklist/record/{type}/{id}")
    async def current(request: Request, type: str, id: str) -> Response:
        """As it stands."""
        return await shown(request, type, id, None)

    @router.get("/worklist/record/{type}/{id}/_history/{version}")
    async def earlier(request: Request, type: str, id: str, version: str) -> Response:
        """One version."""
        if not _VERSION.fullmatch(version):
            raise _missing()
        return await shown(request, type, id, int(version))

    async def shown(request: Request, type: str, id: str, version: int | None) -> Response:
        found = await run_in_threadpool(_view, site.visit(request), type, id, version)
        return site.page(request, "record.html", **found)


def _view(visit: Visit, type: str, id: str, version: int | None) -> dict[str, Any]:
    text = msgspec.json.format(_body(visit, type, id, version), indent=2).decode()
    return {"reference": f"{type}/{id}", "version": version, "text": text}


def _body(visit: Visit, type: str, id: str, version: int | None) -> bytes:
    stored = visit.service.store.read(visit.tenant, type, id, version)
    if stored is not None and not stored.is_deleted:
        return stored.body
    published = visit.service.published.read(type, id) if version is None else None
    if published is None:
        raise _missing()
    return published.body


def _missing() -> HttpProblem:
    return HttpProblem(404, "not-found", "There is no such resource.")
