"""The history of one resource, the newest version first."""

from typing import Any
from urllib.parse import urlencode

from referral_service.api.fhir import render
from referral_service.api.fhir.audit import patients_in
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.core.problem import Category, problem
from referral_service.fhir.search.query import DEFAULT_COUNT, MOST
from referral_service.workflow.ports import Stored

_NEWEST = 2**31 - 1
_KNOWN = frozenset({"_count", "_before", "_format", "_pretty"})


async def history(face: Face, ask: Ask) -> Answer:
    """A Bundle of type history; `_count` as in searches, `_before` (a version) leads on to the next page."""
    if ask.is_strict and any(name not in _KNOWN for name, _ in ask.parameters):
        raise problem(Category.INCORRECT, "No such parameter of a history here.", code="not-supported")
    count = min(max(_number(ask, "_count", DEFAULT_COUNT), 1), MOST)
    before = min(_number(ask, "_before", _NEWEST), _NEWEST)
    page = await face.look(lambda: face.search.history(ask.tenant, ask.type, ask.id, before, count))
    if page.total is None:
        raise problem(Category.NOT_FOUND, "There is no such resource.")
    here = f"{ask.base}/{ask.type}/{ask.id}/_history"
    links = {"self": f"{here}?{urlencode({'_count': count})}"}
    if page.older:
        links["next"] = f"{here}?{urlencode({'_count': count, '_before': page.versions[-1].version})}"
    earlier = [*page.versions[1:], page.older]
    members = [_member(ask, *both) for both in zip(page.versions, earlier, strict=False)]
    body = render.bundle("history", members, links, page.total)
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


def _number(ask: Ask, name: str, default: int) -> int:
    text = dict(ask.parameters).get(name, str(default))
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise problem(Category.INCORRECT, f"{name}: Not a whole number.", code="value")
    return int(text)
