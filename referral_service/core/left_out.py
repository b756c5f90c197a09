"""Why a fact that we hold decided nothing: every fact received and not used is named with its reason."""

from collections.abc import Iterable

from referral_service.core.record import DENIED, REPORTED, Record
from referral_service.core.response import point
from referral_service.core.timeline import (
    AnyFact,
    Condition,
    Imaging,
    Medication,
    Order,
    Procedure,
    Score,
    Unused,
)

_NO_TREATMENT = {
    "treatment_evaluation": "evaluation",
    "plan_not_treatment": "plan",
    "exclusion": "not-a-treatment",
    "ambiguous": "ambiguous-code",
    "noted": "noted-only",
}


def left_out(
    record: Record, facts: Iterable[AnyFact], used: frozenset[str], day: int
) -> tuple[tuple[str, str], ...]:
    """Each fact that is not among the versioned references `used`, with its reason. `facts` as received."""
    found = {
        f.evidence: reason for f in facts if f.evidence not in used and (reason := _reason(record, f, day))
    }
    return tuple(sorted(found.items()))


def _reason(record: Record, fact: AnyFact, day: int) -> str | None:
    if isinstance(fact, Unused):
        return fact.reason
    if getattr(fact, "status", "") == "entered-in-error":
        return "entered-in-error"
    return _reason_by_kind(record, fact) or _reason_by_day(fact, day)


def _reason_by_day(fact: AnyFact, day: int) -> str | None:
    when = getattr(fact, "start", None) or getattr(fact, "at", None) or getattr(fact, "onset", None)
    if when and when.earliest.toordinal() > day:
        return "not-yet"
    if isinstance(fact, Procedure | Medication | Score):
        return "not-in-trial"
    return None


def _reason_by_kind(record: Record, fact: AnyFact) -> str | None:
    match fact:
        case Condition():
            return _of_condition(fact)
        case Procedure():
            return _of_procedure(record, fact)
        case Medication():
            return None if fact.is_given else "not-given"
        case Score():
            return _of_score(record, fact)
        case Imaging():
            return None if fact.status in REPORTED else "not-final"
        case Order() if fact.is_ours:
            return "our-own-referral"
        case _:
            return None


def _of_condition(fact: Condition) -> str | None:
    if fact.verification in DENIED:
        return fact.verification
    if not fact.meanings:
        return "other-body-part" if fact.elsewhere else "unknown-code"
    return None


def _of_procedure(record: Record, fact: Procedure) -> str | None:
    if fact.status not in ("completed", "in-progress"):
        return "not-done" if fact.status == "not-done" else "not-completed"
    for meaning in fact.meanings:
        if meaning.role in _NO_TREATMENT:
            return _NO_TREATMENT[meaning.role]
    if fact.start is None:
        return "undated"
    return _of_place(record, fact)


def _of_place(record: Record, fact: Procedure | Medication | Score) -> str | None:
    place = record.place(fact.tie)
    if place.elsewhere:
        return "other-body-part"
    return "region-unclear" if place.is_untied else None


def _of_score(record: Record, fact: Score) -> str | None:
    if fact.status not in REPORTED:
        return "not-final"
    name = record.pathway.instrument_of.get(fact.concept)
    if name is None:
        return "not-an-instrument"
    if fact.at is None:
        return "undated"
    if point(fact, record.pathway.instruments[name]) is None:
        return "out-of-range"
    return _of_place(record, fact)
