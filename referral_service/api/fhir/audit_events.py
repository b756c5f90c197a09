"""AuditEvent: read and search of the ledger's lines, for auditors alone; nobody writes or changes one."""

from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
import orjson
from starlette.concurrency import run_in_threadpool

from referral_service.api.fhir import paging, render
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.preconditions import names
from referral_service.core.problem import Category, problem
from referral_service.fhir.audit import Line, event, line_number
from referral_service.fhir.search import query
from referral_service.fhir.search.table import KINDS, Kind, Parameter, Sort
from referral_service.store.trail import Page, Trail, Walk
from referral_service.workflow.ports import Stored

TYPE: Final = "AuditEvent"
_ACTORS: Final = ("Practitioner", "PractitionerRole", "Organization", "Device", "Patient", "RelatedPerson")
KIND: Final = Kind(
    type=TYPE,
    is_taken_in=False,
    parameters=(
        Parameter("date", Sort.DATE, ("recorded",), "date"),
        Parameter("patient", Sort.REFERENCE, ("entity.what", "agent.who"), "patient", ("Patient",)),
        Parameter("agent", Sort.REFERENCE, ("agent.who",), "agent", _ACTORS),
        Parameter("subtype", Sort.TOKEN, ("subtype",), "subtype"),
        Parameter("entity", Sort.REFERENCE, ("entity.what",), "entity", tuple(KINDS)),
    ),
)


class _Place(msgspec.Struct, array_like=True):
    """Where a search goes on: its parameters, and the number of the last line that was looked at."""

    parameters: tuple[tuple[str, str], ...]
    after: Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


async def read(face: Face, ask: Ask) -> Answer:
    """200; 304 if If-None-Match names it; 404. A line never changes, so there is one version of it."""
    number = line_number(ask.id)
    line = await run_in_threadpool(_trail(face).read, ask.tenant, number) if number else None
    if line is None:
        raise problem(Category.NOT_FOUND, "There is no such AuditEvent.")
    stored = _stored(face, line)
    is_known = names(ask.if_none_match, render.etag(stored.version))
    return Answer(status=304 if is_known else 200, stored=stored)


async def search(face: Face, ask: Ask) -> Answer:
    """200 and a searchset, the newest first unless `_sort` says otherwise; `next` while there may be more."""
    place = paging.place_in(ask.parameters, _Place)
    asked = place.parameters if place else ask.parameters
    understood = query.parse(KIND, asked, as_of=face.service.clock.as_of(), is_strict=ask.is_strict)
    is_sorted = any(name == "_sort" for name, _ in understood.used)
    is_newest_first = not is_sorted or understood.sort[0].is_descending
    tests = [
        msgspec.structs.replace(test, name="date") if test.name == "_lastUpdated" else test
        for test in understood.tests
    ]
    if not understood.count:
        page = Page([], None)
    else:
        walk = Walk(place.after if place else None, is_newest_first, understood.count)
        page = await face.look(lambda: _trail(face).page(ask.tenant, tests, walk))
    here = f"{ask.base}/{TYPE}"
    links = {"self": f"{here}?{urlencode(understood.used)}" if understood.used else here}
    if page.after is not None:
        links["next"] = paging.link(ask, here, _Place(understood.used, page.after))
    mode: dict[str, object] = {"search": {"mode": "match"}}
    members = (
        render.Member(f"{here}/{line.seq}", render.resource(_stored(face, line)), mode) for line in page.lines
    )
    return Answer(status=200, body=render.bundle("searchset", members, links, None))


def _trail(face: Face) -> Trail:
    return Trail(face.service.store.engine)


def _stored(face: Face, line: Line) -> Stored:
    settings = face.service.settings
    address = settings.public_url or f"http://{settings.host}:{settings.port}"
    body = orjson.dumps(event(line, f"{address}/fhir"))
    return Stored(type=TYPE, id=str(line.seq), version=1, updated_at=line.at, body=body)
