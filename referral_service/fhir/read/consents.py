"""Consent: a consultation or operation that the patient has refused."""

from collections.abc import Iterator
from typing import Any

from referral_service.core.timeline import AnyFact, Refusal
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.days import when
from referral_service.fhir.read.origin import Origin, unused

_REFUSABLE = ("referral_target", "prior_surgery", "prior_or_target_intradiscal")


def read(resource: dict[str, Any], terminology: Terminology, origin: Origin) -> tuple[AnyFact, ...]:
    """One Refusal of all that the provisions of an active Consent deny; any other Consent decides nothing."""
    denied = [
        meaning
        for provision in _provisions(resource)
        if provision.get("type") == "deny"
        for code in provision.get("code", ())
        for meaning in terminology.meanings(code)
        if meaning.role in _REFUSABLE
    ]
    if resource.get("status") != "active" or not denied:
        return unused(origin, "not-used")
    return (Refusal(**origin, meanings=tuple(dict.fromkeys(denied)), at=when(resource.get("dateTime"))),)


def _provisions(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The root provision and all nested ones, however deep, in their order."""
    root = resource.get("provision")
    waiting = [root] if root else []
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(current.get("provision", ())))
