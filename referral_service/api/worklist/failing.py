"""What cannot be shown or done, said on a page to whoever came with a browser."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.requests import Request
from starlette.responses import Response

from referral_service.api.errors import HttpProblem, on_database_failure, on_problem
from referral_service.api.worklist.site import Site
from referral_service.core.problem import Problem

_TITLES: Final = {
    400: "Not understood",
    403: "Not from this site",
    404: "Not found",
    413: "Too large",
    503: "Not available just now",
}
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def route_of(site: Site) -> type[APIRoute]:
    """Routes whose failures are pages for a browser, and what the application makes of them for all else."""

    class Shown(APIRoute):
        def get_route_handler(self) -> _Handler:
            handle = super().get_route_handler()

            async def shown(request: Request) -> Response:
                try:
                    return await handle(request)
                except (Problem, HttpProblem, DBAPIError, PoolTimeout) as error:
                    if "text/html" not in request.headers.get("accept", ""):
                        raise
                    return await _page(site, request, error)

            return shown

    return Shown


async def _page(site: Site, request: Request, error: Exception) -> Response:
    if isinstance(error, Problem | HttpProblem):
        told, said = await on_problem(request, error), [one.diagnostics for one in error.issues]
    else:
        told, said = await on_database_failure(request, error), []
    title = _TITLES.get(told.status_code, "Not done")
    answer = site.page(request, "failure.html", told.status_code, failure=title, said=said)
    if "retry-after" in told.headers:
        answer.headers["Retry-After"] = told.headers["retry-after"]
    return answer
