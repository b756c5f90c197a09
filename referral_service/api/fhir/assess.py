"""`Patient/ID/$assess?asOf=DATE&knownAt=INSTANT`: the decisions for that day and knowledge, not stored."""

from datetime import date, datetime

from starlette.concurrency import run_in_threadpool

from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.read import current
from referral_service.core.problem import Category, Problem, problem
from referral_service.fhir.parse import dump
from referral_service.workflow.ports import PatientId
from referral_service.workflow.replay import Replay


async def assess(face: Face, ask: Ask) -> Answer:
    """200 with a Bundle of GuidanceResponse; 404 for an unknown patient; 400 for a malformed date."""
    as_of, known_at = _asked(ask)
    await current(face, ask, ask.id)
    service = face.service
    replay = Replay(service.store, service.clock, service.pathway, service.names, service.settings.timezone)
    found = await run_in_threadpool(replay.guidance, ask.tenant, PatientId(ask.id), as_of, known_at)
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in found],
    }
    return Answer(status=200, body=dump(bundle))


def _asked(ask: Ask) -> tuple[date | None, datetime | None]:
    as_of: date | None = None
    known_at: datetime | None = None
    for name, value in ask.parameters:
        try:
            if name == "asOf":
                as_of = _day(value)
            elif name == "knownAt":
                known_at = datetime.fromisoformat(value.replace(" ", "+"))
            elif not name.startswith("_"):
                # A name that is not ours may be anything, so it is not repeated.
                raise problem(Category.INCORRECT, "No such parameter of $assess.", code="not-supported")
        except ValueError as error:
            raise _malformed(name) from error
    if known_at is not None and known_at.tzinfo is None:
        raise _malformed("knownAt")
    return as_of, known_at


def _day(value: str) -> date:
    """The calendar's first and last day are refused: local time and the next day reach beyond them."""
    found = date.fromisoformat(value)
    if found.isoformat() != value or not date.min < found < date.max:
        raise ValueError("no date of FHIR's, or at an end of the calendar")
    return found


def _malformed(name: str) -> Problem:
    forms = {"asOf": "a date such as 2026-06-01", "knownAt": "an instant with its offset"}
    return problem(Category.INCORRECT, f"Not {forms[name]}.", name, "value")
