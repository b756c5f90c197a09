"""Create: a resource under a new id, or none if a condition finds one already."""

from referral_service.api.errors import HttpProblem
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.read import current
from referral_service.core.problem import Category, Issue, Problem, problem
from referral_service.fhir.bundle import Condition, query_in
from referral_service.workflow.ingest import Change


async def create(face: Face, ask: Ask) -> Answer:
    """201; with If-None-Exist 200 and the one match, 412 for several. An id that came along is ignored."""
    if any(not name.startswith("_") for name, _ in ask.parameters):
        # Some clients mean a condition by it. Passing it by would make the duplicate that they guard against.
        raise problem(
            Category.INCORRECT, "A condition of a create is sent as If-None-Exist.", code="not-supported"
        )
    if not ask.if_none_exist:
        return await _create(face, ask)
    sought = query_in(ask.if_none_exist, ask.type)
    if isinstance(sought, Issue):
        raise Problem(Category.INCORRECT, sought)
    query = face.understand(Condition(ask.type, sought))
    async with face.alone(ask.tenant, [query], [ask.content]):
        ids = await face.find(ask.tenant, query)
        if len(ids) > 1:
            raise HttpProblem(412, "multiple-matches", "More than one resource matches If-None-Exist.")
        if ids:
            return Answer(status=200, stored=await current(face, ask, ids[0]), is_written=True)
        return await _create(face, ask)


async def _create(face: Face, ask: Ask) -> Answer:
    ask.content["id"] = ask.new_id(ask.type)
    writes = face.writes(ask, [Change(resource=ask.content, path=ask.path, expected=0, is_posted=True)])
    (stored,) = await face.store(ask, writes)
    return Answer(status=201, stored=stored, is_written=True)
