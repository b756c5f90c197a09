"""QuestionnaireResponse: the scores among its answers, by LOINC code or by a site's own mapping."""

from collections.abc import Iterator
from typing import Any

from referral_service.core.timeline import AnyFact, Score
from referral_service.fhir.codes import LOINC
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.days import when
from referral_service.fhir.read.observations import measures
from referral_service.fhir.read.origin import Origin, numbered, unused
from referral_service.fhir.read.values import number_in

# What an observation's status would be.
_STATUSES = {"completed": "final"}


def read(resource: dict[str, Any], terminology: Terminology, origin: Origin) -> tuple[AnyFact, ...]:
    """A Score for each numeric answer to an item that is an outcome measure."""
    questionnaire = resource.get("questionnaire", "").partition("|")[0]
    status = resource.get("status", "unknown")
    at = when(resource.get("authored"))
    asked = [
        (concept, item)
        for item in _items(resource)
        for concept in _measures(item.get("linkId", ""), questionnaire, terminology)
    ]
    answered = [
        (concept, number)
        for concept, item in asked
        for answer in item.get("answer", ())
        if (number := number_in(answer))
    ]
    scores = [
        Score(
            **origin,
            concept=concept,
            value=number.value,
            unit=number.unit,
            at=at,
            status=_STATUSES.get(status, status),
        )
        for concept, number in answered
    ]
    return numbered(scores) or unused(origin, "no-value" if asked else "unknown-code")


def _items(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every item in the order of the form, below items and below answers, however deep."""
    waiting = [resource]
    while waiting:
        current = waiting.pop()
        if current is not resource:
            yield current
        below = [*current.get("item", ())]
        below += [item for answer in current.get("answer", ()) for item in answer.get("item", ())]
        waiting.extend(reversed(below))


def _measures(link: str, questionnaire: str, terminology: Terminology) -> tuple[str, ...]:
    known = (terminology.meaning(LOINC, link.removeprefix("/")), terminology.meaning(questionnaire, link))
    return measures(tuple(meaning for meaning in known if meaning))
