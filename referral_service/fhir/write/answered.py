"""What follows a person's answer: the order and the Task to fulfil it, and the review with what was said."""

from datetime import datetime
from typing import Any, NamedTuple

from referral_service.core.deadline import SENT_WITHIN
from referral_service.core.referral import Referral
from referral_service.fhir.write.names import TASK_CODE, Names, instant, reference

Json = dict[str, Any]


class Remark(NamedTuple):
    """Who answers, and when; in which words, and for which reason (a code), "" without."""

    actor: str
    at: datetime
    note: str = ""
    reason: str = ""


def order(proposal: Json, referral: Referral, remark: Remark, names: Names) -> Json:
    """The order that an approval makes of the proposal: it says the same, and who approved it."""
    assert referral.order and referral.order_status
    return {
        **proposal,
        "id": referral.order,
        "identifier": [names.identifier("referral", ordered(referral.identifier))],
        "basedOn": [reference(f"ServiceRequest/{referral.id}")],
        "status": referral.order_status,
        "intent": "order",
        "authoredOn": instant(remark.at),
        "requester": reference(remark.actor),
        "note": [*proposal["note"], *_notes(remark)],
    }


def fulfillment_task(referral: Referral, patient: str, remark: Remark, names: Names) -> Json:
    """The Task to fulfil the order; a draft until the order is sent."""
    assert referral.fulfillment
    return {
        "resourceType": "Task",
        "id": referral.fulfillment,
        "identifier": [names.identifier("fulfillment", ordered(referral.identifier))],
        "status": referral.fulfillment_status,
        "intent": "order",
        "priority": referral.priority,
        "code": {"coding": [{"system": TASK_CODE, "code": "fulfill"}]},
        "focus": reference(f"ServiceRequest/{referral.order}"),
        "for": reference(f"Patient/{patient}"),
        "authoredOn": instant(remark.at),
        "requester": reference(remark.actor),
        "restriction": {"period": {"end": instant(remark.at + SENT_WITHIN)}},
    }


def given_up(task: Json, referral: Referral, remark: Remark, names: Names) -> Json:
    """The Task to fulfil the order once we give it up; why, if a person said."""
    found = {**task, "status": referral.fulfillment_status}
    if remark.reason:
        found["statusReason"] = {"coding": [{"code": remark.reason}]}
    if notes := _notes(remark):
        found["note"] = [*task.get("note", ()), *notes]
    return found


def answered_task(task: Json, referral: Referral, remark: Remark, names: Names) -> Json:
    """The review as it stands after an answer: its status, its owner, the reason as output, the note."""
    found = {name: value for name, value in task.items() if name != "owner"}
    found["status"] = referral.task_status
    if referral.owner:
        found["owner"] = reference(referral.owner)
    if remark.reason:
        kind = {"coding": [names.coding("task", "reason")]}
        found["output"] = [{"type": kind, "valueCodeableConcept": {"coding": [{"code": remark.reason}]}}]
    if notes := _notes(remark):
        found["note"] = [*task.get("note", ()), *notes]
    return found


def ordered(identifier: str) -> str:
    """The identifier of a proposal's order."""
    return f"{identifier}|order"


def _notes(remark: Remark) -> list[Json]:
    if not remark.note:
        return []
    # R4 has no Annotation by a PractitionerRole.
    is_person = remark.actor.startswith("Practitioner/")
    author = {"authorReference": reference(remark.actor)} if is_person else {"authorString": remark.actor}
    return [{**author, "time": instant(remark.at), "text": remark.note}]
