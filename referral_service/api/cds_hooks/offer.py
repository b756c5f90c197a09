"""What is offered: one service a hook, and the parts of the chart that each of them reads.

Source: https://cds-hooks.hl7.org/2.0/#discovery. What was not prefetched is fetched by the same list.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from referral_service.core.pathway import Pathway
from referral_service.fhir.concepts import Terminology
from referral_service.workflow.advise import Hook

Json = dict[str, Any]
PATIENT: Final = "patient"


class Part(NamedTuple):
    """One part of a chart: a search of a type, or (without parameters) the Patient.

    Where a needed part is missing nothing is told but red flags.
    """

    key: str
    type: str
    parameters: tuple[tuple[str, str], ...] = ()
    is_needed: bool = False

    @property
    def template(self) -> str:
        """The prefetch template."""
        if self.key == PATIENT:
            return "Patient/{{context.patientId}}"
        query = (("patient", "{{context.patientId}}"), *self.parameters)
        return f"{self.type}?{'&'.join(f'{name}={value}' for name, value in query)}"


class Service(NamedTuple):
    """One service; its id is the name of its hook."""

    hook: Hook
    title: str
    description: str
    usage: str


_USAGE: Final = (
    "Prefetch, or fhirServer: without Conditions, Procedures, MedicationRequests, outcome scores and imaging"
    " reports nothing but red flags can be told, and the answer is 412."
)
SERVICES: Final[Mapping[str, Service]] = {
    one.hook: one
    for one in (
        Service(
            "patient-view",
            "Conservative spine care: where the patient stands",
            "Tells, for each open spine episode, whether the conservative trial runs, helps, needs a human or"
            " looks exhausted, with the evidence; then with the drafted referral. Red flags come first.",
            _USAGE,
        ),
        Service(
            "order-sign",
            "Conservative spine care: ordered too early",
            "Warns where a spine surgery, an injection, an MRI, a CT or a surgical consultation is ordered"
            " while the conservative trial of that region still runs.",
            f"{_USAGE} Orders of other kinds are answered without a card.",
        ),
        Service(
            "problem-list-item-create",
            "Conservative spine care: what a new problem changes",
            "Tells what a newly recorded problem changes: a possible red flag, a new episode, another route.",
            _USAGE,
        ),
    )
}


def parts(terminology: Terminology, pathway: Pathway) -> tuple[Part, ...]:
    """The parts of a chart that the pathway reads."""
    scores = terminology.codes("observation", "pregnancy_status")
    reports = terminology.codes(*pathway.concepts.imaging_report)
    return (
        Part(PATIENT, "Patient"),
        Part("conditions", "Condition", is_needed=True),
        Part("procedures", "Procedure", is_needed=True),
        Part("medications", "MedicationRequest", is_needed=True),
        Part("statements", "MedicationStatement"),
        Part("scores", "Observation", (("code", _tokens(scores)),), is_needed=True),
        Part("findings", "Observation", (("value-concept", _tokens(terminology.codes("imaging_finding"))),)),
        Part("questionnaires", "QuestionnaireResponse"),
        Part("reports", "DiagnosticReport", (("code", _tokens(reports)),), is_needed=True),
        Part(
            "referrals",
            "ServiceRequest",
            (("status", "active,on-hold"), ("code", _tokens(terminology.codes("referral_target")))),
        ),
        Part("allergies", "AllergyIntolerance"),
        Part("consents", "Consent"),
        Part("coverages", "Coverage"),
    )


def discovery(chart: Sequence[Part]) -> Json:
    """What `GET /cds-services` answers."""
    prefetch = {part.key: part.template for part in chart}
    return {
        "services": [
            {
                "hook": one.hook,
                "id": one.hook,
                "title": one.title,
                "description": one.description,
                "prefetch": prefetch,
                "usageRequirements": one.usage,
            }
            for one in SERVICES.values()
        ]
    }


def _tokens(codes: Sequence[tuple[str, str]]) -> str:
    return ",".join(f"{system}|{code}" for system, code in codes)
