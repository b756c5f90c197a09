"""Failures as HTTP answers: always an OperationOutcome, never a stack trace, never a patient's value."""

from math import ceil

import orjson
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from referral_service.core.problem import Category, Issue, Problem, problem
from referral_service.fhir.outcome import outcome
from referral_service.fhir.transaction import PRECONDITIONS
from referral_service.store.failures import problem_of

MEDIA_TYPE = "application/fhir+json; charset=utf-8"
_OURS = 500
_FAULT = Issue("exception", "An error of the service; it has been logged.")
_log = structlog.get_logger(__name__)

_SENTENCES = {
    404: ("not-found", "There is nothing at this address."),
    405: ("not-supported", "This method is not supported at this address."),
    413: ("too-long", "The body is larger than this service takes."),
}


class HttpProblem(Exception):
    """A failure that only HTTP knows: 405, 406, 410, 412, 413, 415."""

    def __init__(
        self, status: int, code: str, diagnostics: str, expression: str = "", allow: str = ""
    ) -> None:
        """`code` is FHIR's issue type; `allow` the methods of a 405."""
        super().__init__(diagnostics)
        self.status = status
        self.issues: tuple[Issue, ...] = (Issue(code, diagnostics, expression),)
        self.headers = {"Allow": allow} if allow else {}


def status_of(error: Problem | HttpProblem) -> int:
    """The HTTP status of a failure; an unmet condition is 412, any other conflict 409."""
    if isinstance(error, HttpProblem):
        return error.status
    if error.category is Category.CONFLICT and all(issue.code in PRECONDITIONS for issue in error.issues):
        return 412
    return error.category.value.status


def refusal(status: int, issues: tuple[Issue, ...], headers: dict[str, str] | None = None) -> Response:
    """An OperationOutcome with its status."""
    return Response(orjson.dumps(outcome(issues)), status, headers, MEDIA_TYPE)


async def on_problem(request: Request, error: Exception) -> Response:
    """Problem and HttpProblem, wherever raised."""
    assert isinstance(error, Problem | HttpProblem)
    status = status_of(error)
    headers = error.headers if isinstance(error, HttpProblem) else {}
    if status >= _OURS:
        _log.warning("a request failed", status=status)
        headers = {**headers, "Retry-After": "1"}
    if isinstance(error, Problem) and error.wait_seconds is not None:
        headers = {**headers, "Retry-After": str(max(1, ceil(error.wait_seconds)))}
    return refusal(status, error.issues, headers)


async def on_database_failure(request: Request, error: Exception) -> Response:
    """A read that the database did not answer; a write's failure is a Problem already."""
    assert isinstance(error, DBAPIError | PoolTimeout)
    return await on_problem(request, _of_database(error))


def _of_database(error: DBAPIError | PoolTimeout) -> Problem:
    if isinstance(error, DBAPIError):
        return problem_of(error)
    return problem(Category.UNAVAILABLE, "The database is busy just now.")


async def on_http_exception(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: unknown paths, methods, bodies over the limit."""
    assert isinstance(error, HTTPException)
    code, sentence = _SENTENCES.get(error.status_code, ("invalid", "The request cannot be answered."))
    return refusal(error.status_code, (Issue(code, sentence),), dict(error.headers or {}))


def on_fault(error: Exception) -> Response:
    """Anything unforeseen: logged without its text, which may quote a value; answered without a trace."""
    _log.error("unforeseen failure", exc_info=error)
    return refusal(500, (_FAULT,))


def of_one_among_others(error: Exception) -> Problem:
    """What a single request would be answered where no handler is: logged in the same way."""
    if isinstance(error, DBAPIError | PoolTimeout):
        found = _of_database(error)
        _log.warning("a request failed", status=status_of(found))
        return found
    _log.error("unforeseen failure", exc_info=error)
    return Problem(Category.FAULT, _FAULT)
