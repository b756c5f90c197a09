"""The history of one resource, the newest version first."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from referral_service.api.fhir import render
from referral_service.api.fhir.audit import patients_in
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.paging import as_asked
from referral_service.core.problem import Category, problem
from referral_service.fhir.search.dates import span
from referral_service.fhir.search.query import DEFAULT_COUNT, count_in
from referral_service.workflow.ports import Stored

_NEWEST = 2**31 - 1
_VERSION = re.compile(r"\d{1,10}", re.ASCII)
_KNOWN = frozenset({"_count", "_before", "_since", "_format", "_pretty"})


async def history(face: Face, ask: Ask) -> Answer:
    """A Bundle of type history; `_count` as in searches, `_before` (a version) leads on to the next page.

    `_since` leaves out what is older; how many versions are not, is not counted.
    """
    if ask.is_strict and any(name not in _KNOWN for name, _ in ask.parameters):
        raise problem(Category.INCORRECT, "No such parameter of a history here.", code="not-supported")
    asked = {name: value for name, value in ask.parameters if value}
    since = _since(asked.get("_since", ""))
    count = _count(asked.get("_count", str(DEFAULT_COUNT)))
    before = _before(asked.get("_before", str(_NEWEST)))
    page = await face.look(lambda: face.search.history(ask.tenant, ask.type, ask.id, before, count))
    if page.total is None:
        raise problem(Category.NOT_FOUND, "There is no such resource.")
    here = f"{ask.base}/{ask.type}/{ask.id}/_history"
    said = {"_count": str(count)} | ({"_since": asked["_since"]} if since else {})
    links = {"self": f"{here}?{urlencode(said)}"}
    if page.versions and page.older and not _is_older(page.older, since):
        place = said | {"_before": str(page.versions[-1].version)}
        links["next"] = f"{here}?{urlencode([*place.items(), *as_asked(ask)])}"
    earlier = [*page.versions[1:], page.older]
    members = [
        _member(ask, *both)
        for both in zip(page.versions, earlier, strict=False)
        if not _is_older(both[0], since)
    ]
    body = render.bundle("history", members, links, None if since else page.total)
    return Answer(status=200, body=body, patients=patients_in(page.versions) if ask.visit else ())


def _member(ask: Ask, stored: Stored, before: Stored | None) -> render.Member:
    """How a version came about: the request that made it, and how that was answered."""
    identity = f"{stored.type}/{stored.id}"
    method = "DELETE" if stored.is_deleted else "POST" if stored.is_posted else "PUT"
    is_created = before is None or before.is_deleted
    status = "204 No Content" if stored.is_deleted else "201 Created" if is_created else "200 OK"
    others: dict[str, Any] = {
        "request": {"method": method, "url": stored.type if stored.is_posted else identity},
        "response": {
            "status": status,
            "etag": render.etag(stored.version),
            "lastModified": render.instant(stored.updated_at),
        },
    }
    return render.Member(
        f"{ask.base}/{identity}", None if stored.is_deleted else render.resource(stored), others
    )


def _is_older(stored: Stored, since: datetime | None) -> bool:
    return since is not None and stored.updated_at < since


def _since(text: str) -> datetime | None:
    found = span(text)
    if text and found is None:
        raise problem(Category.INCORRECT, "_since: Not an instant.", code="value")
    return found.start if found else None


def _count(text: str) -> int:
    found = count_in(text)
    if found is None:
        raise problem(Category.INCORRECT, "_count: Not a whole number.", code="value")
    return found


def _before(text: str) -> int:
    if not _VERSION.fullmatch(text):
        raise problem(Category.INCORRECT, "_before: Not a version.", code="value")
    return min(int(text), _NEWEST)
