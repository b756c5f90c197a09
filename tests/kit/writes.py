"""What senders and workers write, in short."""

from datetime import date

from referral_service.core.brief import brief
from referral_service.core.dates import on
from referral_service.core.decision import Criterion, Decision, Outcome
from referral_service.core.timeline import Condition
from referral_service.workflow.ports import (
    DEFAULT_TENANT,
    Claim,
    Episode,
    Happening,
    PatientId,
    Referral,
    Result,
    Term,
    Urgency,
    Write,
)

TENANT = DEFAULT_TENANT


def condition(id: str = "back", patient: str = "ann", *, said: str = "pain", **more: object) -> Write:
    """A Condition as received; what is `said` makes its body."""
    fact = Condition(source=f"Condition/{id}", onset=on(date(2026, 1, 5)), clinical=said)
    values: dict[str, object] = {
        "type": "Condition",
        "id": id,
        "body": f'{{"resourceType":"Condition","id":"{id}","note":"{said}"}}'.encode(),
        "patient": PatientId(patient),
        "facts": (fact,),
        "terms": (Term("patient", f"Patient/{patient}"), Term("code", said)),
    }
    return Write(**(values | more))  # type: ignore[arg-type]


def deletion(write: Write) -> Write:
    """The same resource, deleted."""
    return Write(type=write.type, id=write.id, body=b"", facts=(), is_deleted=True)


def received(write: Write) -> Happening:
    """The line of the ledger that goes with it."""
    return Happening("received", f"{write.type}/{write.id}", "Practitioner/tests")


def emitted(type: str, id: str, patient: str, body: bytes = b"{}") -> Write:
    """What a worker writes itself."""
    return Write(type=type, id=id, body=body, patient=PatientId(patient))


def episode(key: str = "lumbar-1", outcome: Outcome = "in-trial") -> Episode:
    """An episode with its last decision."""
    decision = Decision(
        region="lumbar",
        outcome=outcome,
        reasons=("duration",),
        episode_start=date(2026, 1, 5),
        criteria=(Criterion(id="duration-minimum", status="not-met", value=12, threshold=42),),
        is_open=True,
    )
    return Episode(
        key=key,
        region="lumbar",
        is_open=True,
        conditions=("Condition/back",),
        decision=decision,
        guidance="guidance-1",
        guidance_version=1,
    )


def proposal(number: int, *, status: str = "draft", urgency: Urgency = "elective") -> Referral:
    """A proposal for the lumbar region, and its Task."""
    return Referral(
        id=f"request-{number}",
        identifier=f"identifier-{number}",
        episode="lumbar-1",
        region="lumbar",
        target="surgical",
        urgency=urgency,
        generation=number,
        status=status,
        task=f"task-{number}",
        task_status="requested" if status == "draft" else "cancelled",
        decision="exhausted",
    )


def result(claim: Claim, **more: object) -> Result:
    """What one evaluation found; no score is known."""
    if "episodes" in more:
        more["briefs"] = tuple(brief(one.decision, ()) for one in more["episodes"])  # type: ignore[attr-defined]
    return Result(claim=claim, **more)  # type: ignore[arg-type]
