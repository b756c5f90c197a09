"""Update: a new version under the client's id, created if there is none; and conditional update."""

from urllib.parse import urlencode

import msgspec

from referral_service.api.errors import HttpProblem
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.preconditions import ANY, found, unmet
from referral_service.core.problem import Category, Problem, problem
from referral_service.fhir.bundle import Condition
from referral_service.workflow.ingest import Change


async def update(face: Face, ask: Ask) -> Answer:
    """201 if there was none, or a deleted one, else 200; the same content again changes nothing. 412."""
    require_own_id(ask)
    return await _update(face, ask)


def require_own_id(ask: Ask) -> None:
    """INCORRECT unless the resource has the id that the URL has."""
    if ask.content.get("id") != ask.id:
        raise problem(
            Category.INCORRECT, "The resource's id is not that of the URL.", f"{ask.path}.id", "value"
        )


async def update_conditionally(face: Face, ask: Ask) -> Answer:
    """No match: as create, or under the id that came along if that is free; one: update; several: 412."""
    query = face.understand(Condition(ask.type, _query(ask)))
    async with face.alone(ask.tenant, [query], [ask.content]):
        ids = await face.find(ask.tenant, query)
        if len(ids) > 1:
            raise HttpProblem(412, "multiple-matches", "More than one resource matches this condition.")
        own = ask.content.get("id")
        if ids and own and own != ids[0]:
            raise problem(
                Category.INCORRECT,
                "The condition matches a resource of another id.",
                f"{ask.path}.id",
                "value",
            )
        ask.content["id"] = ids[0] if ids else own or ask.new_id(ask.type)
        # Update as create, where there is none: else another's record would be overwritten.
        creating = ask if ids or not own else msgspec.structs.replace(ask, if_none_match=ANY)
        return await _update(face, creating)


def _query(ask: Ask) -> str:
    """The condition as text again; two requests that differ in escapes alone are the same condition."""
    return urlencode(ask.parameters)


async def _update(face: Face, ask: Ask) -> Answer:
    identity = ask.content["id"]
    expected = await found(face, ask, identity)
    writes = face.writes(ask, [Change(resource=ask.content, path=ask.path, expected=expected)])
    await face.guard(ask.tenant, {(ask.type, identity): f"{ask.path}.id"})
    try:
        (stored,) = await face.store(ask, writes)
    except Problem as error:
        raise unmet(error) from None
    return Answer(status=201 if stored.is_created else 200, stored=stored, is_written=True)
