"""The plan applied to one patient, as CarePlan: transient, everything that belongs to it contained.

Source: https://hl7.org/fhir/R4/operation-plandefinition-apply.html: one activity, a RequestGroup, with an
action for each action of the plan that applies.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from referral_service.core.decision import Decision
from referral_service.core.referral import KeptEpisode, Referral
from referral_service.fhir.write.guidance_response import guidance_response
from referral_service.fhir.write.names import Names, instant, reference
from referral_service.fhir.write.service_request import service_request
from referral_service.fhir.write.task import task
from referral_service.fhir.write.wording import title

Json = dict[str, Any]
_REQUESTS = "requests"
_REVIEW = "Review by a human"


class Applied(NamedTuple):
    """What the plan is applied to: whom, in which words, and for which instant."""

    tenant: str
    patient: str
    as_of: datetime
    names: Names


class Request(NamedTuple):
    """One action that applies: the decision and the contained resource that it comes to."""

    decision: Decision
    resource: Json


def care_plan(
    applied: Applied, plan_title: str, episodes: Sequence[KeptEpisode], requests: Sequence[Request]
) -> Json:
    """The CarePlan; the ids of `episodes` are `guidance`, local to it."""
    subject = reference(f"Patient/{applied.patient}")
    group: Json = {
        "resourceType": "RequestGroup",
        "id": _REQUESTS,
        "instantiatesCanonical": [applied.names.module],
        "status": "draft",
        "intent": "proposal",
        "subject": subject,
        "authoredOn": instant(applied.as_of),
    }
    if requests:
        group["action"] = [_action(request, applied.names) for request in requests]
    return {
        "resourceType": "CarePlan",
        "contained": [
            *(one for episode in episodes for one in _guidance(episode, applied)),
            *(request.resource for request in requests),
            group,
        ],
        "instantiatesCanonical": [applied.names.module],
        "status": "draft",
        "intent": "proposal",
        "title": plan_title,
        "subject": subject,
        "created": instant(applied.as_of),
        "supportingInfo": [reference(f"#{episode.guidance}") for episode in episodes],
        "activity": [{"reference": reference(f"#{_REQUESTS}")}],
    }


def proposed(
    referral: Referral,
    episode: KeptEpisode,
    applied: Applied,
    reason_codes: Sequence[tuple[str, str]],
    coverages: Sequence[str],
) -> Request:
    """A proposal as it would be drafted, without an identifier: it is not the referral, nor known later."""
    drafted = service_request(referral, episode, applied.patient, applied.names, reason_codes, coverages)
    del drafted["identifier"]
    drafted["supportingInfo"][0] = reference(f"#{episode.guidance}")
    return Request(episode.decision, drafted)


def asked(referral: Referral, episode: KeptEpisode, applied: Applied) -> Request:
    """A review as it would be asked for, not yet requested of anybody."""
    focus = f"#{episode.guidance}"
    drafted = task(referral, episode.decision, applied.patient, focus, applied.names)
    del drafted["identifier"]
    return Request(episode.decision, {**drafted, "status": "draft", "intent": "proposal"})


def _action(request: Request, names: Names) -> Json:
    decision = request.decision
    return {
        "title": title(decision, decision.target) if decision.target else _REVIEW,
        "priority": decision.priority,
        "code": [{"coding": [names.coding("outcome", decision.outcome)]}],
        "resource": reference(f"#{request.resource['id']}"),
    }


def _guidance(episode: KeptEpisode, applied: Applied) -> tuple[Json, Json]:
    """The GuidanceResponse and its Parameters side by side: what is contained contains nothing."""
    whole = guidance_response(episode, applied.tenant, applied.patient, applied.as_of, applied.names)
    (output,) = whole.pop("contained")
    output["id"] = f"{episode.guidance}-output"
    return {**whole, "outputParameters": reference(f"#{output['id']}")}, output
