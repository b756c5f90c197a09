"""Resources with a modifier that this service does not know: R4 has nobody read them as if it were not there.

It may say "not", "of the mother" or "planned". Care, scores, reports and diagnoses with one are left out;
what warns or asks to wait (a red flag, pregnancy, an operation, a refusal, a referral of others) is heeded.
Source: https://hl7.org/fhir/R4/extensibility.html#modifierExtension, resource.html (implicitRules).
"""

from typing import Any, Final

from referral_service.core.flags import may_be_flag
from referral_service.core.timeline import (
    AnyFact,
    Condition,
    Order,
    Person,
    PregnancyStatus,
    Procedure,
    Refusal,
)
from referral_service.fhir.parse import dump

_KEY: Final = "modifierExtension"
_HOLDS: Final = ("contraindication_or_hold", "prior_surgery")


def is_modified(resource: dict[str, Any]) -> bool:
    """Whether it, or any part of it, has a modifier extension, or it follows rules of its own."""
    return "implicitRules" in resource or (_may_hold(resource) and _holds(resource))


def is_heeded(fact: AnyFact) -> bool:
    """Whether it warns or asks to wait, so that it is better heeded for nothing than passed by."""
    match fact:
        case Person() | Order() | Refusal() | PregnancyStatus():
            return True
        case Procedure(declined=True):
            return True
        case Condition() | Procedure():
            return may_be_flag(fact) or any(meaning.role in _HOLDS for meaning in fact.meanings)
        case _:
            return False


def _may_hold(resource: dict[str, Any]) -> bool:
    """Nearly none does, which this shows sooner than a walk through all of it would."""
    try:
        return _KEY.encode() in dump(resource)
    except RecursionError:
        return True


def _holds(resource: dict[str, Any]) -> bool:
    waiting: list[Any] = [resource]
    for one in waiting:
        if isinstance(one, dict):
            if _KEY in one:
                return True
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False
