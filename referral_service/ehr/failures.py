"""What an answer that is no success, or no answer, means: one of the categories of core/problem.py.

The texts hold a status at most: never an address, a header or a body.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpcore
import httpx

from referral_service.clock import SystemClock
from referral_service.core.problem import Category, Issue, Problem, problem

_LONGEST_WAIT_SECONDS: Final = 3600.0

_CATEGORIES: Final = {
    401: Category.FORBIDDEN,
    403: Category.FORBIDDEN,
    404: Category.NOT_FOUND,
    408: Category.INTERRUPTED,
    409: Category.CONFLICT,
    410: Category.NOT_FOUND,
    412: Category.CONFLICT,
    422: Category.REFUSED,
    429: Category.BUSY,
}
_NOT_REACHED: Final = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, UnicodeError)
_CUT: Final = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)


class Unauthorized(Problem):
    """The answer was 401: the token, if there was one, is not taken any more."""


def not_understood(sentence: str) -> Problem:
    """An answer that is not what it should be."""
    return problem(Category.FAULT, sentence)


@contextmanager
def as_problems() -> Iterator[None]:
    """While inside, what breaks on the way is a Problem."""
    try:
        yield
    except _NOT_REACHED:
        raise problem(Category.UNAVAILABLE, "The other side was not reached.") from None
    except _CUT:
        raise problem(Category.INTERRUPTED, "The other side was reached, and gave no whole answer.") from None
    except httpx.DecodingError:
        raise not_understood("The answer's compression cannot be read.") from None


def of_answer(response: httpx.Response) -> Problem:
    """What an answer that is no success (2xx) means."""
    status = response.status_code
    wait = wait_seconds(response.headers)
    category = _CATEGORIES.get(status) or _category(status, has_wait=wait is not None)
    issue = Issue(category.value.code, f"The other side answered {status}.")
    kind = Unauthorized if status == 401 else Problem
    return kind(category, issue, wait_seconds=wait if category is Category.BUSY else None)


def _category(status: int, *, has_wait: bool) -> Category:
    if status == 503 and has_wait:
        return Category.BUSY
    if status >= 500:
        return Category.INTERRUPTED
    return Category.INCORRECT if status >= 400 else Category.FAULT


def wait_seconds(headers: httpx.Headers) -> float | None:
    """What Retry-After (RFC 9110: seconds, or an instant) asks for, an hour at most; None if unreadable."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_WAIT_SECONDS)
    until = _instant(text)
    if until is None:
        return None
    # Their own clock said until when, so it also says how long.
    since = _instant(headers.get("Date", "")) or SystemClock().now()
    return min(max((until - since).total_seconds(), 0.0), _LONGEST_WAIT_SECONDS)


def _instant(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
