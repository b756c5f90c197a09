"""A review as Task: `approve` a proposal, or `review` a decision that a human has to make."""

from collections.abc import Mapping
from typing import Any

from referral_service.core.decision import Decision
from referral_service.core.referral import Referral
from referral_service.fhir.write.names import TASK_CODE, Names, instant, reference

# What people have said on a review: another decision does not unsay it.
_SAID = ("businessStatus", "note")


def task(
    referral: Referral,
    decision: Decision,
    patient: str,
    focus: str,
    names: Names,
    known: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The Task of a proposal, or of a decision with outcome `review`; `focus` is what it is about.

    `known` is the Task as it was; what people have said on it stays.
    """
    assert referral.authored_at
    code = {"system": TASK_CODE, "code": "approve"} if referral.target else names.coding("task", "review")
    found: dict[str, Any] = {
        "resourceType": "Task",
        "id": referral.task,
        "identifier": [names.identifier("review", referral.identifier)],
        "status": referral.task_status,
        "intent": "order",
        "priority": referral.priority,
        "code": {"coding": [code]},
        "focus": reference(focus),
        "for": reference(f"Patient/{patient}"),
        "authoredOn": instant(referral.authored_at),
        **reasons(decision, names),
        **{name: known[name] for name in _SAID if known and name in known},
    }
    if referral.due_at:
        found["restriction"] = {"period": {"end": instant(referral.due_at)}}
    if referral.owner:
        found["owner"] = reference(referral.owner)
    return found


def order_review(
    review: Referral, referral: Referral, patient: str, cause: str, names: Names
) -> dict[str, Any]:
    """The Task `review` of an order that a person must look at; `cause` is a code of ours."""
    assert review.authored_at
    assert review.due_at
    return {
        "resourceType": "Task",
        "id": review.task,
        "identifier": [names.identifier("review", review.identifier)],
        "status": review.task_status,
        "intent": "order",
        "priority": review.priority,
        "code": {"coding": [names.coding("task", "review")]},
        "focus": reference(f"ServiceRequest/{referral.order}"),
        "for": reference(f"Patient/{patient}"),
        "authoredOn": instant(review.authored_at),
        "reasonCode": {"coding": [names.coding("reason", cause)]},
        "restriction": {"period": {"end": instant(review.due_at)}},
    }


def reasons(decision: Decision, names: Names) -> dict[str, Any]:
    """Why a human is asked, as the Task's element."""
    return {"reasonCode": {"coding": [names.coding("reason", reason) for reason in decision.reasons]}}
