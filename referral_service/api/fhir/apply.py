"""`PlanDefinition/ID/$apply?subject=Patient/ID`: what the plan comes to for a patient, not stored.

Source: https://hl7.org/fhir/R4/operation-plandefinition-apply.html.
"""

import msgspec
from starlette.concurrency import run_in_threadpool

from referral_service.api.fhir.conformance import definition
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.read import current
from referral_service.core.problem import Category, Problem, problem
from referral_service.fhir.parse import dump
from referral_service.fhir.search.reference import local
from referral_service.workflow.apply import Apply
from referral_service.workflow.ports import PatientId

_SUBJECT = "subject"
_PLAN = "planDefinition"
# Who asks and where: R4 lets these tailor the answer, but the decision does not depend on them.
_WITHOUT_EFFECT = frozenset(
    {
        "encounter",
        "practitioner",
        "organization",
        "userType",
        "userLanguage",
        "userTaskContext",
        "setting",
        "settingContext",
    }
)


async def apply(face: Face, ask: Ask) -> Answer:
    """200 with a CarePlan; 404 for an unknown plan or patient; 400 with the name of a wrong parameter."""
    definition(face, ask.type, ask.id)
    patient = _patient(ask)
    await current(face, msgspec.structs.replace(ask, type="Patient"), patient)
    service = face.service
    verb = Apply(service.store, service.clock, service.pathway, service.names, service.settings.timezone)
    found = await run_in_threadpool(verb.care_plan, ask.tenant, PatientId(patient))
    return Answer(status=200, body=dump(found))


def _patient(ask: Ask) -> str:
    """The id of the one subject, which is a Patient."""
    subjects = []
    for name, value in ask.parameters:
        if name == _SUBJECT:
            subjects.append(value)
        elif name not in _WITHOUT_EFFECT and not name.startswith("_"):
            # A name that is not R4's may be anything, so it is not repeated.
            shown = name if name == _PLAN else ""
            raise _wrong(shown, "not-supported", "No such parameter of $apply on one plan.")
    if not subjects:
        raise _wrong(_SUBJECT, "required", "The plan needs somebody to be applied to.")
    if len(subjects) > 1:
        raise _wrong(_SUBJECT, "not-supported", "One subject at a time.")
    kind, _, identity = (local(subjects[0]) or "").partition("/")
    if kind != "Patient":
        raise _wrong(_SUBJECT, "value", "Not a reference of the form Patient/id.")
    return identity


def _wrong(parameter: str, code: str, sentence: str) -> Problem:
    return problem(Category.INCORRECT, sentence, parameter, code)
