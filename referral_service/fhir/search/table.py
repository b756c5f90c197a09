"""The one table of types: who may write each, which element names its patient, how it can be searched.

Indexing, query strings, the routes and the CapabilityStatement all read this table and nothing else.
Source of the parameters: R4 (4.0.1) search parameter registry, those that the contract names.
"""

from enum import Enum
from typing import Final

import msgspec


class Sort(Enum):
    """How a parameter's value is written; the values are FHIR's SearchParamType codes."""

    TOKEN = "token"  # noqa: S105 - FHIR's word for a code in a search
    REFERENCE = "reference"
    DATE = "date"


class Parameter(msgspec.Struct, frozen=True):
    """One search parameter. `elements` are its places in the resource, with dots for steps.

    `indexed` is the name under which the terms are kept, so that `patient` and `subject` share theirs.
    `targets` are the types a reference without a type may mean. `system` is the one that an element with a
    required binding implies.
    """

    name: str
    sort: Sort
    elements: tuple[str, ...]
    indexed: str
    targets: tuple[str, ...] = ()
    system: str = ""

    def kept(self, system: str) -> str:
        """A coding's system as the index has it: "" is the implied one, or none where none is implied."""
        if not self.system:
            return system
        return {self.system: "", "": NO_SYSTEM}.get(system, system)


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One resource type. `patient` is the element that names the patient, if R4 has one."""

    type: str
    patient: str | None = None
    is_taken_in: bool = True
    parameters: tuple[Parameter, ...] = ()

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name."""
        return next((p for p in self.parameters if p.name == name), None)


def _token(name: str, *elements: str, system: str = "") -> Parameter:
    return Parameter(name, Sort.TOKEN, elements or (name,), name, system=system)


def _status(value_set: str) -> Parameter:
    """A code whose system is that of R4's own value set for the element."""
    return _token("status", system=f"http://hl7.org/fhir/{value_set}")


def _date(name: str, *elements: str) -> Parameter:
    return Parameter(name, Sort.DATE, elements, name)


def _reference(name: str, element: str, *targets: str) -> Parameter:
    return Parameter(name, Sort.REFERENCE, (element,), element, targets)


def _subject(*others: str, element: str = "subject") -> tuple[Parameter, ...]:
    return (_reference("patient", element, "Patient"), _reference("subject", element, "Patient", *others))


_PATIENT = _reference("patient", "patient", "Patient")
_IDENTIFIER = _token("identifier")
_CODE = _token("code")
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_PRIORITY = "http://hl7.org/fhir/request-priority"
_PERFORMED = ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming")
# Of a coding without a system, where the element implies one. No URI is blank.
NO_SYSTEM: Final = " "

_KINDS = (
    Kind(type="Patient", parameters=(_IDENTIFIER,)),
    Kind(
        type="Condition",
        patient="subject",
        parameters=(
            _IDENTIFIER,
            *_subject("Group"),
            _CODE,
            _token("clinical-status", "clinicalStatus", system=_CLINICAL),
            _date("recorded-date", "recordedDate"),
            _date("onset-date", "onsetDateTime", "onsetPeriod"),
        ),
    ),
    Kind(
        type="Procedure",
        patient="subject",
        parameters=(
            _IDENTIFIER,
            *_subject("Group"),
            _CODE,
            _date("date", "performedDateTime", "performedPeriod"),
            _status("event-status"),
        ),
    ),
    Kind(
        type="Observation",
        patient="subject",
        parameters=(
            _IDENTIFIER,
            *_subject("Group", "Device", "Location"),
            _CODE,
            _date("date", *_PERFORMED),
            _status("observation-status"),
        ),
    ),
    Kind(
        type="QuestionnaireResponse",
        patient="subject",
        parameters=(_IDENTIFIER, *_subject(), _status("questionnaire-answers-status")),
    ),
    Kind(
        type="MedicationRequest",
        patient="subject",
        parameters=(
            _IDENTIFIER,
            *_subject("Group"),
            _token("code", "medicationCodeableConcept"),
            _date("date", "dosageInstruction.timing.event"),
            _status("CodeSystem/medicationrequest-status"),
        ),
    ),
    Kind(
        type="MedicationStatement",
        patient="subject",
        parameters=(
            _IDENTIFIER,
            *_subject("Group"),
            _token("code", "medicationCodeableConcept"),
            _status("CodeSystem/medication-statement-status"),
        ),
    ),
    Kind(
        type="AllergyIntolerance",
        patient="patient",
        parameters=(
            _IDENTIFIER,
            _PATIENT,
            _token("code", "code", "reaction.substance"),
            _date("date", "recordedDate"),
        ),
    ),
    Kind(
        type="DiagnosticReport",
        patient="subject",
        parameters=(
            _IDENTIFIER,
            *_subject("Group", "Device", "Location"),
            _CODE,
            _date("date", "effectiveDateTime", "effectivePeriod"),
            _status("diagnostic-report-status"),
        ),
    ),
    Kind(
        type="ImagingStudy",
        patient="subject",
        parameters=(_IDENTIFIER, *_subject("Device", "Group"), _status("imagingstudy-status")),
    ),
    Kind(
        type="ServiceRequest",
        patient="subject",
        parameters=(
            _IDENTIFIER,
            *_subject("Group", "Location", "Device"),
            _CODE,
            _status("request-status"),
            _date("authored", "authoredOn"),
            _token("intent", system="http://hl7.org/fhir/request-intent"),
            _token("priority", system=_PRIORITY),
        ),
    ),
    Kind(
        type="Encounter",
        patient="subject",
        parameters=(_IDENTIFIER, *_subject("Group"), _date("date", "period"), _status("encounter-status")),
    ),
    Kind(
        type="Coverage",
        patient="beneficiary",
        parameters=(_IDENTIFIER, _reference("patient", "beneficiary", "Patient"), _status("fm-status")),
    ),
    Kind(
        type="Consent",
        patient="patient",
        parameters=(_IDENTIFIER, _PATIENT, _date("date", "dateTime"), _status("consent-state-codes")),
    ),
    Kind(type="Goal", patient="subject", parameters=(_IDENTIFIER, *_subject("Group", "Organization"))),
    Kind(type="Organization", parameters=(_IDENTIFIER,)),
    Kind(type="Practitioner", parameters=(_IDENTIFIER,)),
    Kind(type="PractitionerRole", parameters=(_IDENTIFIER, _date("date", "period"))),
    Kind(type="Location", parameters=(_IDENTIFIER, _status("location-status"))),
    Kind(type="Subscription", parameters=(_status("subscription-status"),)),
    Kind(
        type="Task",
        patient="for",
        is_taken_in=False,
        parameters=(
            _IDENTIFIER,
            *_subject(element="for"),
            _CODE,
            _status("task-status"),
            _reference("focus", "focus", "ServiceRequest", "GuidanceResponse"),
            _reference(
                "owner",
                "owner",
                "Practitioner",
                "PractitionerRole",
                "Organization",
                "CareTeam",
                "HealthcareService",
                "Patient",
                "Device",
                "RelatedPerson",
            ),
            _token("business-status", "businessStatus"),
            _token("priority", system=_PRIORITY),
            _date("authored-on", "authoredOn"),
        ),
    ),
    Kind(
        type="GuidanceResponse",
        patient="subject",
        is_taken_in=False,
        parameters=(_IDENTIFIER, *_subject("Group")),
    ),
    Kind(
        type="Provenance",
        is_taken_in=False,
        parameters=(
            _reference("patient", "target", "Patient"),
            _reference("target", "target", "ServiceRequest", "Task", "GuidanceResponse"),
        ),
    ),
    Kind(
        type="DetectedIssue",
        patient="patient",
        is_taken_in=False,
        parameters=(_IDENTIFIER, _PATIENT, _CODE),
    ),
)

KINDS: dict[str, Kind] = {kind.type: kind for kind in _KINDS}
TAKEN_IN: frozenset[str] = frozenset(kind.type for kind in _KINDS if kind.is_taken_in)
