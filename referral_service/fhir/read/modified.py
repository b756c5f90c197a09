"""Resources with a modifier that this service does not know: R4 has nobody read them as if it were not there.

It may say "not", "of the mother" or "planned". Care, scores, reports and diagnoses with one are left out;
what warns or asks to wait (a red flag, pregnancy, an operation, a refusal, a referral of others) is heeded.
Source: https://hl7.org/fhir/R4/extensibility.html#modifierExtension, resource.html (implicitRules).
"""

from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import replace

from referral_service.core.flags import FLAG_ROLES
from referral_service.core.record import is_operation
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
_WARNING: Final = (*FLAG_ROLES, "contraindication_or_hold")


def is_modified(resource: dict[str, Any]) -> bool:
    """Whether it, or any part of it, has a modifier extension, or it follows rules of its own."""
    return "implicitRules" in resource or (_may_hold(resource) and _holds(resource))


def heeded(facts: Iterable[AnyFact]) -> tuple[AnyFact, ...]:
    """Those that warn or ask to wait, with no more in them than that: better heeded for nothing than not."""
    return tuple(replace(fact, is_modified=True) for fact in map(_warning, facts) if fact is not None)


def _warning(fact: AnyFact) -> AnyFact | None:
    match fact:
        case Person() | Order() | Refusal() | PregnancyStatus():
            return fact
        case Procedure() if fact.declined or is_operation(fact):
            return fact
        case Condition():
            grave = tuple(one for one in fact.meanings if one.role.startswith(_WARNING))
            return replace(fact, meanings=grave) if grave else None
        case _:
            return None


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
