"""`Patient/ID/$assess?asOf=DATE&knownAt=INSTANT`: the decisions for that day and knowledge, not stored."""

from datetime import date, datetime, timedelta
from typing import Final

from starlette.concurrency import run_in_threadpool

from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.read import current
from referral_service.core.problem import Category, Problem, problem
from referral_service.fhir.findings import NOTHING_CONTAINED
from referral_service.fhir.parse import dump
from referral_service.fhir.primitives import PRIMITIVES
from referral_service.fhir.search.dates import span
from referral_service.workflow.ports import PatientId
from referral_service.workflow.replay import Replay

# What it may be asked, and in which form.
_FORMS: Final = {"asOf": "a date such as 2026-06-01", "knownAt": "an instant with its offset"}
# Without the calendar's first and last day: local time and the next day reach beyond them.
_FIRST, _LAST = date.min + timedelta(days=1), date.max - timedelta(days=1)


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
    said: dict[str, str] = {}
    for name, value in ask.parameters:
        if name.startswith("_"):
            continue
        if name not in _FORMS:
            # A name that is not ours may be anything, so it is not repeated.
            raise problem(Category.INCORRECT, "No such parameter of $assess.", code="not-supported")
        if name in said:
            raise problem(Category.INCORRECT, "Once only.", name, "not-supported")
        said[name] = value
    return (
        _day(said["asOf"]) if "asOf" in said else None,
        _instant(said["knownAt"]) if "knownAt" in said else None,
    )


def _day(value: str) -> date:
    try:
        found = date.fromisoformat(value)
    except ValueError:
        raise _malformed("asOf") from None
    if found.isoformat() != value:
        raise _malformed("asOf")
    if not _FIRST <= found <= _LAST:
        raise problem(Category.INCORRECT, f"Not a date from {_FIRST} to {_LAST}.", "asOf", "value")
    return found


def _instant(value: str) -> datetime:
    """An instant of FHIR's; a plus sign that a client forgot to escape arrives as a space."""
    text = value.replace(" ", "+")
    covered = span(text)
    if covered is None or PRIMITIVES["instant"](text, NOTHING_CONTAINED):
        raise _malformed("knownAt")
    return covered.start


def _malformed(name: str) -> Problem:
    return problem(Category.INCORRECT, f"Not {_FORMS[name]}.", name, "value")
