"""People's verbs: `ServiceRequest/ID/$approve` and the others, on what the service wrote."""

import re
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from starlette.concurrency import run_in_threadpool

from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.operation import Run, named
from referral_service.api.fhir.preconditions import found
from referral_service.api.fhir.read import current
from referral_service.core.answer import Verb
from referral_service.core.problem import Category, Problem, problem
from referral_service.fhir.search.reference import local
from referral_service.workflow.review import Answerable, Asked, Review

Json = dict[str, Any]
# What each verb takes; True: it cannot do without.
_TAKES: Final[dict[Verb, dict[str, bool]]] = {
    "approve": {"note": False},
    "decline": {"reason": True, "note": False},
    "withdraw": {"reason": False, "note": False},
    "close": {"reason": True, "note": False},
    "complete": {"reason": False, "note": False},
    "reassign": {"owner": True},
}
_PEOPLE: Final = ("Practitioner", "PractitionerRole")
_OWNERS: Final = (*_PEOPLE, "Organization", "CareTeam")
# Narrower than R4's code, so that nobody's story is told in it.
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")


def answering(type: Answerable, verb: Verb) -> Run:
    """The verb as an interaction on one resource of that type."""

    async def run(face: Face, ask: Ask) -> Answer:
        """200 with the changed resource; of $approve, the order. 400, 403, 404, 409, 410, 412, 422."""
        own = msgspec.structs.replace(ask, type=type)
        expected = await _look(face, own)
        said = _parameters(ask, verb)
        if ask.actor.partition("/")[0] not in _PEOPLE:
            raise problem(Category.FORBIDDEN, "Only a Practitioner or a PractitionerRole answers.")
        service = face.service
        zone = ZoneInfo(service.settings.timezone)
        asked = Asked(verb, type, ask.id, ask.actor, expected=expected, **said)
        try:
            stored = await run_in_threadpool(
                Review(face.answers, service.clock, service.names, zone).run, ask.tenant, asked
            )
        except Problem as error:
            if error.category is Category.CONFLICT:
                await _look(face, own)
            raise
        service.doorbell.ring()
        return Answer(status=200, stored=stored, is_written=True)

    return run


async def _look(face: Face, ask: Ask) -> int | None:
    """The version that is asked about, None for any; 404, 410; 412 as for an update."""
    await current(face, ask, ask.id)
    return await found(face, ask, ask.id)


def _parameters(ask: Ask, verb: Verb) -> dict[str, str]:
    """The parameters by name; INCORRECT with the name of a wrong or missing one."""
    takes = _TAKES.get(verb, {})
    if any(not name.startswith("_") for name, _ in ask.parameters):
        raise problem(Category.INCORRECT, "Send parameters in the body.", code="not-supported")
    said: dict[str, str] = {}
    for number, (name, one) in enumerate(named(ask)):
        if name not in takes:
            # A name that is not ours may be anything, so it is shown by its place.
            raise _wrong(f"{ask.path}.parameter[{number}]", "not-supported", f"No such parameter of ${verb}.")
        if name in said:
            raise _wrong(name, "not-supported", "Once only.")
        said[name] = _READ[name](one)
    for name, is_needed in takes.items():
        if is_needed and name not in said:
            raise _wrong(name, "required", f"${verb} needs it.")
    return said


def _note(parameter: Json) -> str:
    text = parameter.get("valueString") or parameter.get("valueMarkdown")
    if not isinstance(text, str) or not text.strip():
        raise _wrong("note", "value", "Not a text.")
    return text


def _reason(parameter: Json) -> str:
    codes = [parameter.get("valueCode"), parameter.get("valueString")]
    concept = parameter.get("valueCodeableConcept", {}).get("coding", ())
    codes += [coding.get("code") for coding in (*concept, parameter.get("valueCoding", {}))]
    code = next((one for one in codes if one), "")
    if not _CODE.fullmatch(code):
        raise _wrong("reason", "value", "Not a code of up to 64 letters, digits, dots and hyphens.")
    return str(code)


def _owner(parameter: Json) -> str:
    text = parameter.get("valueReference", {}).get("reference") or parameter.get("valueString")
    owner = local(text) or ""
    if owner.partition("/")[0] not in _OWNERS:
        raise _wrong("owner", "value", f"Not a reference to one of {', '.join(_OWNERS)}.")
    return owner


_READ: Final = {"note": _note, "reason": _reason, "owner": _owner}


def _wrong(parameter: str, code: str, sentence: str) -> Problem:
    return problem(Category.INCORRECT, sentence, parameter, code)
