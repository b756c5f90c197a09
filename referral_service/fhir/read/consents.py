"""Consent: a consultation or operation that the patient has refused."""

from collections.abc import Iterator
from typing import Any

from referral_service.core.dates import When
from referral_service.core.timeline import AnyFact, Meaning, Refusal
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.days import period, when
from referral_service.fhir.read.origin import Origin, unused

_REFUSABLE = ("referral_target", "prior_surgery", "prior_or_target_intradiscal")
Json = dict[str, Any]
_Span = tuple[When | None, When | None]


def read(resource: Json, terminology: Terminology, origin: Origin) -> tuple[AnyFact, ...]:
    """What the provisions of an active Consent deny, one Refusal for each period; any other decides nothing.

    A refusal whose period has no start holds from the day of the Consent.
    """
    denied: dict[_Span, dict[Meaning, None]] = {}
    for provision, span in _provisions(resource):
        meant = [meaning for code in provision.get("code", ()) for meaning in terminology.meanings(code)]
        refused = [meaning for meaning in meant if meaning.role in _REFUSABLE]
        if refused and provision.get("type") == "deny":
            denied.setdefault(span, {}).update(dict.fromkeys(refused))
    if resource.get("status") != "active" or not denied:
        return unused(origin, "not-used")
    signed = when(resource.get("dateTime"))
    return tuple(
        Refusal(**origin, part=part, meanings=tuple(meanings), at=start or signed, until=end)
        for part, ((start, end), meanings) in enumerate(denied.items())
    )


def _provisions(resource: Json) -> Iterator[tuple[Json, _Span]]:
    """The root provision and all nested ones, however deep, in their order; each with its period.

    One without a period has that of the provision which it is an exception to.
    """
    root = resource.get("provision")
    waiting: list[tuple[Json, _Span]] = [(root, (None, None))] if root else []
    while waiting:
        current, around = waiting.pop()
        span = period(current["period"]) if current.get("period") else around
        yield current, span
        waiting.extend((one, span) for one in reversed(current.get("provision", ())))
