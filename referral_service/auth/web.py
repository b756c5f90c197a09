"""Asks another server for JSON: no redirect is followed, nothing large or slow is read."""

import json
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final, NamedTuple

import httpx

_MOST_BYTES: Final = 256 * 1024
_TIMEOUT_SECONDS: Final = 5.0


class WebError(Exception):
    """No answer that could be used. The text says why, and holds nothing of the answer."""


class Answer(NamedTuple):
    """`words` is the body, read as JSON."""

    status: int
    headers: Mapping[str, str]
    words: Any


def ask(url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """What GET gives, or POST of a form; raises WebError. An error's status is an answer like any other."""
    end = monotonic() + _TIMEOUT_SECONDS
    method, asking = ("GET" if form is None else "POST"), {"Accept": "application/json", **(headers or {})}
    try:
        with httpx.stream(method, url, headers=asking, data=form, timeout=_TIMEOUT_SECONDS) as answer:
            body = b""
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES or monotonic() > end:
                    raise WebError("the answer is too large or too slow")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WebError(type(error).__name__) from None
    try:
        return Answer(answer.status_code, answer.headers, json.loads(body))
    except (ValueError, RecursionError):
        raise WebError("not JSON") from None
