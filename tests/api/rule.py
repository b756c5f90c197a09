"""One rule of HTTP as one row: what was sent before, what is asked, and what the answer must hold."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from tests.api.charts import new_id
from tests.kit.server import FHIR_JSON, Running

Json = dict[str, Any]


class Request(NamedTuple):
    """One request; `url` is relative to /fhir, `sent` is JSON, or text sent as it is.

    A header of several lines of text is sent as several lines of that name.
    Names in braces are filled in: {id} {other} {mrn} are new for each rule; {made} {first} are Type/id of the
    last and the first resource written before, {etag} {modified} {location} the last answer's headers,
    {base} the address of /fhir.
    """

    method: str
    url: str = ""
    sent: Json | str | None = None
    headers: Mapping[str, str] = {}


class Rule(NamedTuple):
    """The last request and its answer. `headers` are patterns of whole values, "" for an absent one.

    `body` has all values at a path of element names, arrays opened, [] for none.
    """

    asked: Request
    status: int
    headers: Mapping[str, str] = {}
    body: Mapping[str, list[Any]] = {}
    given: tuple[Request, ...] = ()


def get(url: str, **headers: str) -> Request:
    """A read or a search; headers with underscores for hyphens."""
    return Request("GET", url, None, _named(headers))


def post(url: str, sent: Json | str, **headers: str) -> Request:
    """A create, unless the URL says otherwise."""
    return Request("POST", url, sent, _named(headers))


def put(url: str, sent: Json | str, **headers: str) -> Request:
    """An update."""
    return Request("PUT", url, sent, _named(headers))


def delete(url: str, **headers: str) -> Request:
    """A deletion."""
    return Request("DELETE", url, None, _named(headers))


def bundle(kind: str, *entries: Json) -> Json:
    """A Bundle of that type."""
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def values(body: Any, path: str) -> list[Any]:
    """Every value at a path of element names with dots, arrays opened."""
    found = [body]
    for step in path.split("."):
        inside = [one[step] for one in found if isinstance(one, dict) and step in one]
        found = [item for one in inside for item in (one if isinstance(one, list) else [one])]
    return found


class Following:
    """One rule, carried out on a running service."""

    def __init__(self, server: Running) -> None:
        """The names that are new for this rule."""
        self._server = server
        self._names = {"id": new_id("r"), "other": new_id("o"), "mrn": new_id("mrn")}
        self._names["base"] = f"{server.address}/fhir"

    def send(self, request: Request) -> httpx.Response:
        """The answer; what it says of a written resource can be named by the next request."""
        text = request.sent if isinstance(request.sent, str) else json.dumps(request.sent)
        content = None if request.sent is None else self.fill(text).encode()
        named = {} if content is None else {"content-type": FHIR_JSON}
        headers = [
            (name.encode(), line.encode())
            for name, value in (named | dict(request.headers)).items()
            for line in self.fill(value).split("\n")
        ]
        url = self.fill(request.url)
        answer = self._server.http.request(request.method, f"/{url}", content=content, headers=headers)
        self._learn(answer)
        return answer

    def fill(self, text: str) -> str:
        """The text with the names filled in."""
        for name, value in self._names.items():
            text = text.replace("{" + name + "}", value)
        return text

    def matches(self, expected: Any, value: Any) -> bool:
        """Whether a value of the body is the expected one, or has its pattern."""
        if isinstance(expected, re.Pattern):
            return bool(expected.fullmatch(str(value)))
        return value == (self.fill(expected) if isinstance(expected, str) else expected)

    def _learn(self, answer: httpx.Response) -> None:
        location = answer.headers.get("location", "")
        if location:
            self._names["location"] = location
            self._names["made"] = location.partition("/fhir/")[2].partition("/_history")[0]
            self._names.setdefault("first", self._names["made"])
        for name, header in (("etag", "etag"), ("modified", "last-modified")):
            if header in answer.headers:
                self._names[name] = answer.headers[header]
