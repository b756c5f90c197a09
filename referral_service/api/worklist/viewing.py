"""Saving a list with its filters as a view of one's own, and removing it."""

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from referral_service.api.worklist import lists, views
from referral_service.api.worklist.site import Site
from referral_service.api.worklist.views import View


def views_of(site: Site, request: Request) -> list[View]:
    """Those of whoever looks."""
    return views.read(request.cookies.get(views.cookie_of(site.actor(request)), ""))


def add_views(router: APIRouter, site: Site) -> None:
    """The two addresses."""

    @router.post("/worklist/views")
    async def save(request: Request) -> Response:
        """Keeps the list that is shown, and shows it again; 422 on the page for what cannot be kept."""
        form = await site.form(request)
        stage = lists.stage_of(form.get("stage", ""))
        known = views_of(site, request)
        kept = views.saved(known, form)
        if isinstance(kept, str):
            query = views.filters_of(form.get("filters", ""))
            found = await run_in_threadpool(lists.page, site.visit(request), stage, query)
            said = {"faults": {}, "tried": "", "filled": {}, "views": known, "view_fault": kept}
            return site.page(request, "list.html", 422, **said, **found)
        return _kept(site, request, kept, kept[-1].address)

    @router.post("/worklist/views/remove")
    async def remove(request: Request) -> Response:
        """Forgets one, and shows the list again."""
        form = await site.form(request)
        stage = lists.stage_of(form.get("stage", ""))
        left = [one for one in views_of(site, request) if one.name != form.get("name", "")]
        return _kept(site, request, left, f"/worklist/list/{stage}")


def _kept(site: Site, request: Request, kept: list[View], address: str) -> Response:
    answer = site.back(address)
    site.keep(request, answer, views.cookie_of(site.actor(request)), views.written(kept))
    return answer
