"""Delete: the resource is gone for readers, its history stays."""

from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.preconditions import found, unmet
from referral_service.core.problem import Category, Problem
from referral_service.workflow.ingest import deletion


async def delete(face: Face, ask: Ask) -> Answer:
    """204, also if there was nothing to delete; 412 if If-Match fails."""
    version = await found(face, ask, ask.id)
    await face.guard(ask.tenant, {(ask.type, ask.id): ""})
    try:
        await face.store(ask, [deletion(ask.type, ask.id, version)])
    except Problem as error:
        if error.category is not Category.NOT_FOUND:
            raise unmet(error) from None
    return Answer(status=204)
