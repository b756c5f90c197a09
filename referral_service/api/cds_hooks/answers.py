"""Feedback as it came: what became of cards, checked. What a person wrote in words is never kept."""

from typing import Any, Final

from referral_service.api.cds_hooks.elements import (
    Element,
    faults,
    is_code,
    is_instant,
    is_list,
    is_object,
    is_text,
    is_uuid,
)
from referral_service.api.cds_hooks.offer import Service
from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir.search.dates import span
from referral_service.store.feedback import Feedback

Json = dict[str, Any]
_MOST: Final = 1000
_FEEDBACK: Final = (Element("feedback", is_list, "an array with something in it"),)
_ANSWER: Final = (
    Element("card", is_uuid, "a UUID"),
    Element("outcome", lambda it: it in ("accepted", "overridden"), "accepted or overridden"),
    Element("outcomeTimestamp", is_instant, "an instant with its offset"),
    Element("acceptedSuggestions", is_list, "an array with something in it", False),
    Element("overrideReason", is_object, "an object", False),
)
_REASON: Final = (
    Element("reason", is_object, "a Coding", False),
    Element("userComment", lambda it: isinstance(it, str), "text", False),
)
_CODING: Final = (
    Element("code", is_code, "a code of up to 64 letters, digits, dots, hyphens or underscores"),
    Element("system", is_text, "text", False),
    Element("display", is_text, "text", False),
)


def understood(said: Json, service: Service) -> list[Feedback]:
    """The answers; raises INCORRECT with every fault."""
    wrong = faults(said, _FEEDBACK, "")
    given = said["feedback"] if not wrong else []
    if len(given) > _MOST:
        wrong.append(Issue("too-long", f"More than {_MOST} at once.", "feedback"))
        given = []
    for number, one in enumerate(given):
        wrong += _wrong(one, f"feedback[{number}]")
    if wrong:
        raise Problem(Category.INCORRECT, *wrong)
    return [_answer(one, service) for one in given]


def _wrong(one: Any, path: str) -> list[Issue]:
    if not isinstance(one, dict):
        return [Issue("structure", "Not an object.", path)]
    found = faults(one, _ANSWER, f"{path}.")
    if one.get("outcome") == "accepted":
        found += _wrong_suggestions(one.get("acceptedSuggestions"), f"{path}.acceptedSuggestions")
    reason = one.get("overrideReason")
    if isinstance(reason, dict):
        found += faults(reason, _REASON, f"{path}.overrideReason.")
        if isinstance(reason.get("reason"), dict):
            found += faults(reason["reason"], _CODING, f"{path}.overrideReason.reason.")
    return found


def _wrong_suggestions(given: Any, path: str) -> list[Issue]:
    if given is None:
        return [Issue("required", "The element is required where a suggestion was accepted.", path)]
    if not isinstance(given, list):
        return []  # said already
    return [
        Issue("value", "Not a UUID.", f"{path}[{number}].id")
        for number, one in enumerate(given)
        if not isinstance(one, dict) or not is_uuid(one.get("id"))
    ]


def _answer(one: Json, service: Service) -> Feedback:
    reason = one.get("overrideReason", {}).get("reason", {}).get("code")
    covered = span(one["outcomeTimestamp"])
    assert covered, "it has been checked"
    return Feedback(
        card=one["card"].lower(),
        at=covered.start,
        service=service.hook,
        outcome=one["outcome"],
        reason=reason if one["outcome"] == "overridden" else None,
    )
