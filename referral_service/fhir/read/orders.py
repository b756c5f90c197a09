"""ServiceRequest: a referral, made by a human or by us."""

from typing import Any

from referral_service.core.timeline import AnyFact, Order
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.days import when
from referral_service.fhir.read.origin import Origin, unused
from referral_service.fhir.read.tie import tie_of


def read(
    our_system: str, resource: dict[str, Any], terminology: Terminology, origin: Origin
) -> tuple[AnyFact, ...]:
    """One Order fact of a referral; ours has an identifier of `our_system`, whatever its id."""
    known = terminology.meanings(resource.get("code"))
    referrals = tuple(meaning for meaning in known if meaning.role == "referral_target")
    # doNotPerform turns a request into its opposite: nobody is waiting for it.
    if not referrals or resource.get("doNotPerform") is True:
        return unused(origin, "not-used" if known else "unknown-code")
    return (
        Order(
            **origin,
            meanings=referrals,
            status=resource.get("status", "unknown"),
            intent=resource.get("intent", "unknown"),
            is_ours=any(it.get("system") == our_system for it in resource.get("identifier", ())),
            at=when(resource.get("authoredOn")),
            tie=tie_of(resource, referrals, terminology),
        ),
    )
