"""The addresses of the pages."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from referral_service.api.login.gate import while_current
from referral_service.api.worklist import lists, measures, patient, referral
from referral_service.api.worklist.acting import act
from referral_service.api.worklist.failing import route_of
from referral_service.api.worklist.letter import letter, may_be_read
from referral_service.api.worklist.live import Live
from referral_service.api.worklist.record import add_record
from referral_service.api.worklist.site import Site, Visit, static
from referral_service.api.worklist.viewing import add_views, views_of
from referral_service.core.problem import Category, problem
from referral_service.core.stage import Stage
from referral_service.wiring import Service
from referral_service.workflow.ports import Tenant

_UNTOUCHED: Final[dict[str, Any]] = {"faults": {}, "tried": "", "filled": {}}
_FILE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def routes(service: Service) -> APIRouter:
    """`/worklist` and what is below it, and `/` that leads there."""
    site = Site(service)
    router = APIRouter(include_in_schema=False, route_class=route_of(site))
    for add in (
        _add_lists,
        _add_files,
        _add_pages,
        _add_measures,
        _add_letters,
        add_views,
        _add_acting,
        _add_live,
        add_record,
    ):
        add(router, site)

    @router.get("/worklist/{rest:path}")
    async def elsewhere(rest: str) -> Response:
        """Where none of those before is."""
        raise problem(Category.NOT_FOUND, "There is no such page.")

    return router


async def _shown(
    site: Site, request: Request, template: str, look: Callable[[Visit], dict[str, Any]]
) -> Response:
    found = await run_in_threadpool(look, site.visit(request))
    return site.page(request, template, **_UNTOUCHED, **found)


def _add_lists(router: APIRouter, site: Site) -> None:
    # Pages of lists are short and many. Side by side they would only wait for each other, and not in turn.
    turn = CapacityLimiter(1)

    @router.get("/")
    async def home() -> Response:
        """The worklist is the home page."""
        return RedirectResponse("/worklist", 303)

    @router.get("/worklist")
    async def first(request: Request) -> Response:
        """The first list that anything stands on."""
        counts = await run_in_threadpool(site.visit(request).worklist.counts)
        stage = next((name for name, number in counts.stages.items() if number), "review")
        return await listed(request, stage)

    @router.get("/worklist/list/{name}")
    async def listed(request: Request, name: str) -> Response:
        """One list, filtered and paged."""
        return await shown(request, lists.stage_of(name), lists.in_address(request.query_params))

    @router.post("/worklist/list/{name}")
    async def looked_for(request: Request, name: str) -> Response:
        """The same as its form asks for; to the address that says it, unless that would name a patient."""
        stage, form = lists.stage_of(name), await site.form(request)
        if not form.get(lists.IDENTIFIER, "").strip():
            return site.back(lists.address_of(stage, form))
        return await shown(request, stage, form)

    async def shown(request: Request, stage: Stage, query: Mapping[str, str]) -> Response:
        def look() -> Response:
            found = lists.page(site.visit(request), stage, query)
            views = views_of(site, request)
            return site.page(request, "list.html", **_UNTOUCHED, **found, views=views, view_fault="")

        return await to_thread.run_sync(look, limiter=turn)


def _add_files(router: APIRouter, site: Site) -> None:
    @router.get("/worklist/list/{name}/file.csv")
    async def file(request: Request, name: str) -> Response:
        """One list, filtered, as CSV."""
        return written(request, lists.stage_of(name), lists.in_address(request.query_params))

    @router.post("/worklist/list/{name}/file.csv")
    async def file_looked_for(request: Request, name: str) -> Response:
        """The same as a form asks for."""
        return written(request, lists.stage_of(name), await site.form(request))

    def written(request: Request, stage: Stage, query: Mapping[str, str]) -> Response:
        lines = lists.file(site.visit(request), stage, query)
        return StreamingResponse(lines, 200, _FILE | _attached(f"{stage}.csv"), "text/csv; charset=utf-8")


def _add_pages(router: APIRouter, site: Site) -> None:
    @router.get("/worklist/referral/{task}")
    async def one(request: Request, task: str) -> Response:
        """One referral."""
        return await _shown(site, request, "referral.html", lambda visit: referral.view(visit, task))

    @router.get("/worklist/patient/{id}")
    async def person(request: Request, id: str) -> Response:
        """One patient."""
        return await _shown(site, request, "patient.html", lambda visit: patient.view(visit, id))

    @router.get("/worklist/static/{digest}/{name}")
    async def kept(digest: str, name: str) -> Response:
        """Styles and scripts."""
        return static(name)


def _add_measures(router: APIRouter, site: Site) -> None:
    @router.get("/worklist/measures")
    async def measured(request: Request) -> Response:
        """How referrals went."""
        query = request.query_params
        return await _shown(site, request, "measures.html", lambda visit: measures.view(visit, query))

    @router.get("/worklist/measures/file.csv")
    async def file(request: Request) -> Response:
        """The same as CSV."""
        text = await run_in_threadpool(measures.file, site.visit(request), request.query_params)
        return Response(text, 200, _FILE | _attached("measures.csv"), "text/csv; charset=utf-8")


def _add_letters(router: APIRouter, site: Site) -> None:
    @router.get("/worklist/referral/{task}/letter")
    async def page(request: Request, task: str) -> Response:
        """The letter to print; before it was asked for, the referral's page, where that is done."""
        visit = site.visit(request)
        found = await run_in_threadpool(referral.opened, visit, task)
        if not may_be_read(found.referral):
            return site.back(f"/worklist/referral/{task}")
        return site.page(request, "letter.html", letter=await run_in_threadpool(letter, visit, found))

    @router.get("/worklist/referral/{task}/letter.pdf")
    async def file(request: Request, task: str) -> Response:
        """The same as PDF; 404 before the letter was asked for."""
        # what makes PDFs takes a third of a second to load, and most processes never do
        from referral_service.api.worklist.letter_pdf import pdf

        visit = site.visit(request)
        found = await run_in_threadpool(referral.opened, visit, task)
        made = await run_in_threadpool(lambda: pdf(letter(visit, found)))
        return Response(made, 200, _FILE | _attached("referral.pdf", "inline"), "application/pdf")


def _add_acting(router: APIRouter, site: Site) -> None:
    @router.post("/worklist/referral/{task}/{name}")
    async def acting(request: Request, task: str, name: str) -> Response:
        """What a form of the page asks for."""
        return await act(site, request, task, name)

    @router.post("/worklist/me")
    async def me(request: Request) -> Response:
        """Who is looking."""
        return site.known_as(request, (await site.form(request)).get("name", ""))


def _add_live(router: APIRouter, site: Site) -> None:
    lives: dict[Tenant, Live] = {}

    @router.get("/worklist/events")
    async def events(request: Request) -> Response:
        """Tells an open page of red flags."""
        visit = site.visit(request)
        live = lives.setdefault(visit.tenant, Live(visit.worklist))
        headers = {"Cache-Control": "no-store"}
        told = while_current(request.scope, live.events())
        return StreamingResponse(told, 200, headers, "text/event-stream; charset=utf-8")


def _attached(name: str, how: str = "attachment") -> dict[str, str]:
    return {"Content-Disposition": f'{how}; filename="{name}"'}
