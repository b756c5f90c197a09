"""A ServiceRequest that is about to be signed: what it asks for, and for which region."""

from typing import Any, NamedTuple

from referral_service.core.timeline import Meaning, Tie
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.tie import tie_of

_OVER = ("revoked", "completed", "entered-in-error")


class Draft(NamedTuple):
    """One order that nobody has signed yet."""

    meanings: tuple[Meaning, ...]
    tie: Tie


def read_draft(resource: dict[str, Any], terminology: Terminology) -> Draft | None:
    """The order; None if its code means nothing to us, or if it asks for nothing (any more)."""
    meanings = terminology.meanings(resource.get("code"))
    if not meanings or resource.get("doNotPerform") is True or resource.get("status") in _OVER:
        return None
    return Draft(meanings, tie_of(resource, meanings, terminology))
