"""Search: by type, by GET or POST, and in one patient's compartment; a page at a time."""

from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from referral_service.api.fhir import paging, render
from referral_service.api.fhir.audit import patients_in
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.permit import may
from referral_service.fhir.parse import parse
from referral_service.fhir.search import query
from referral_service.fhir.search.reference import local
from referral_service.fhir.search.table import KINDS
from referral_service.store.search import After, Page
from referral_service.store.tables import FIRST, LAST
from referral_service.workflow.ports import Stored


class _Place(msgspec.Struct, array_like=True):
    """Where a search goes on: its parameters, and the end of the page before."""

    parameters: tuple[tuple[str, str], ...]
    keys: tuple[Annotated[int, msgspec.Meta(ge=FIRST, le=LAST)], ...]
    id: str


async def search(face: Face, ask: Ask) -> Answer:
    """200 and a searchset: `self` with the parameters really used, `next` while there is more."""
    place = paging.place_in(ask.parameters, _Place)
    asked = place.parameters if place else ask.parameters
    as_of = face.service.clock.as_of()
    understood = query.parse(KINDS[ask.type], asked, as_of=as_of, is_strict=ask.is_strict)
    if place and (len(place.keys) != len(understood.sort) or not _is_within(ask, place)):
        raise paging.not_ours()
    after = After(place.keys, place.id) if place else None
    return await face.look(lambda: _answer(face, ask, understood, after))


def _is_within(ask: Ask, place: _Place) -> bool:
    """Whether a page is of the compartment that is asked for, if it is one; its id is the patient's."""
    return not ask.id or _narrowing(ask) in place.parameters


def _narrowing(ask: Ask) -> tuple[str, str]:
    return "patient", f"Patient/{ask.id}"


async def search_compartment(face: Face, ask: Ask) -> Answer:
    """The same for `Patient/ID/Type`: the type's search with one parameter more."""
    narrowed = (_narrowing(ask), *ask.parameters)
    return await search(face, msgspec.structs.replace(ask, parameters=narrowed))


def _answer(face: Face, ask: Ask, understood: query.Query, after: After | None) -> Answer:
    page = face.search.page(ask.tenant, understood, after)
    included = _focused(face, ask, page, understood.included) if understood.included else []
    members = [_member(ask, stored, "match") for stored in page.matches]
    members += [_member(ask, stored, "include") for stored in included]
    body = render.bundle("searchset", members, _links(ask, understood, page), page.total)
    patients = patients_in([*page.matches, *included]) if ask.visit else ()
    return Answer(status=200, body=body, patients=patients)


def _links(ask: Ask, understood: query.Query, page: Page) -> dict[str, str]:
    here = f"{ask.base}/{ask.type}"
    links = {"self": f"{here}?{urlencode(understood.used)}" if understood.used else here}
    if page.after:
        links["next"] = paging.link(ask, here, _Place(understood.used, page.after.keys, page.after.id))
    return links


def _focused(face: Face, ask: Ask, page: Page, types: frozenset[str]) -> list[Stored]:
    """What the Tasks of this page are about, as far as it is of these types and may be read."""
    named = (local(parse(task.body).get("focus", {}).get("reference")) for task in page.matches)
    identities = {reference.partition("/")[::2] for reference in named if reference}
    wanted = [one for one in identities if types & {"", one[0]} and may(ask.principal, one[0], "read")]
    return face.search.current(ask.tenant, wanted)


def _member(ask: Ask, stored: Stored, mode: str) -> render.Member:
    others: dict[str, Any] = {"search": {"mode": mode}}
    return render.Member(f"{ask.base}/{stored.type}/{stored.id}", render.resource(stored), others)
