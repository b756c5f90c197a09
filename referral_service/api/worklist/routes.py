"""The addresses of the pages."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from referral_service.api.worklist import lists, patient, referral
from referral_service.api.worklist.acting import act
from referral_service.api.worklist.live import Live
from referral_service.api.worklist.site import Site, static
from referral_service.wiring import Service


def routes(service: Service) -> APIRouter:
    """`/worklist` and what is below it, and `/` that leads there."""
    router, site = APIRouter(include_in_schema=False), Site(service)
    for add in (_add_lists, _add_pages, _add_acting, _add_live):
        add(router, site)
    return router


async def _shown(site: Site, request: Request, template: str, look: Callable[[], dict[str, Any]]) -> Response:
    found = await run_in_threadpool(look)
    return site.page(request, template, faults={}, **found)


def _add_lists(router: APIRouter, site: Site) -> None:
    @router.get("/")
    async def home() -> Response:
        """The worklist is the home page."""
        return RedirectResponse("/worklist", 303)

    @router.get("/worklist")
    async def first(request: Request) -> Response:
        """The first list that anything stands on."""
        counts = await run_in_threadpool(site.worklist.counts)
        stage = next((name for name, number in counts.items() if number), "review")
        return await listed(request, stage)

    @router.get("/worklist/list/{name}")
    async def listed(request: Request, name: str) -> Response:
        """One list, filtered and paged."""
        stage, query, actor = lists.stage_of(name), request.query_params, site.actor(request)
        return await _shown(site, request, "list.html", lambda: lists.page(site, stage, query, actor))

    @router.get("/worklist/list/{name}/file.csv")
    async def file(request: Request, name: str) -> Response:
        """One list, filtered, as CSV."""
        stage, query, actor = lists.stage_of(name), request.query_params, site.actor(request)
        headers = {
            "Content-Disposition": f'attachment; filename="{stage}.csv"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        lines = lists.file(site, stage, query, actor)
        return StreamingResponse(lines, 200, headers, "text/csv; charset=utf-8")


def _add_pages(router: APIRouter, site: Site) -> None:
    @router.get("/worklist/referral/{task}")
    async def one(request: Request, task: str) -> Response:
        """One referral."""
        return await _shown(site, request, "referral.html", lambda: referral.view(site, task))

    @router.get("/worklist/patient/{id}")
    async def person(request: Request, id: str) -> Response:
        """One patient."""
        return await _shown(site, request, "patient.html", lambda: patient.view(site, id))

    @router.get("/worklist/static/{digest}/{name}")
    async def kept(digest: str, name: str) -> Response:
        """Styles and scripts."""
        return static(name)


def _add_acting(router: APIRouter, site: Site) -> None:
    @router.post("/worklist/referral/{task}/{verb}")
    async def acting(request: Request, task: str, verb: str) -> Response:
        """One of people's verbs."""
        return await act(site, request, task, verb)

    @router.post("/worklist/me")
    async def me(request: Request) -> Response:
        """Who is looking."""
        return site.known_as(request, (await site.form(request)).get("name", ""))


def _add_live(router: APIRouter, site: Site) -> None:
    live = Live(site)

    @router.get("/worklist/events")
    async def events() -> Response:
        """Tells an open page of red flags."""
        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(live.events(), 200, headers, "text/event-stream; charset=utf-8")
