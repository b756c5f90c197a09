"""Why a fact that we hold decided nothing: every fact received and not used is named with its reason."""

from collections.abc import Iterable
from typing import NamedTuple

from referral_service.core.record import DENIED, REPORTED, Record
from referral_service.core.response import point
from referral_service.core.timeline import (
    AnyFact,
    Condition,
    Imaging,
    Medication,
    Order,
    PregnancyStatus,
    Procedure,
    Score,
    Unused,
)

_NO_TREATMENT = {
    "treatment_evaluation": "evaluation",
    "plan_not_treatment": "plan",
    "referral_target": "plan",
    "exclusion": "not-a-treatment",
    "ambiguous": "ambiguous-code",
    "noted": "noted-only",
}


# Of what starts no trial and covers none of it.
_NOTED = ("passive", "self")


class Seen(NamedTuple):
    """From where a fact is looked at: one region (None: no episode), with or without untied facts.

    `is_asked`: whether anybody asked about a trial. `scores` are those of the trial, as versioned references.
    """

    record: Record
    region: str | None
    with_untied: bool
    is_asked: bool
    scores: frozenset[str]


def left_out(
    seen: Seen, facts: Iterable[AnyFact], used: frozenset[str], day: int
) -> tuple[tuple[str, str], ...]:
    """Each fact that is not among the versioned references `used`, with its reason. `facts` as received."""
    found = {
        f.evidence: reason for f in facts if f.evidence not in used and (reason := _reason(seen, f, day))
    }
    return tuple(sorted(found.items()))


def _reason(seen: Seen, fact: AnyFact, day: int) -> str | None:
    if isinstance(fact, Unused):
        return fact.reason
    if getattr(fact, "status", "") == "entered-in-error":
        return "entered-in-error"
    return _reason_by_kind(seen, fact) or _reason_by_day(seen, fact, day)


def _reason_by_day(seen: Seen, fact: AnyFact, day: int) -> str | None:
    when = getattr(fact, "start", None) or getattr(fact, "at", None) or getattr(fact, "onset", None)
    if when and when.earliest.toordinal() > day:
        return "not-yet"
    if not isinstance(fact, Procedure | Medication | Score):
        return None
    if not seen.is_asked:
        return "not-asked"
    return "not-compared" if fact.evidence in seen.scores else "not-in-trial"


def _reason_by_kind(seen: Seen, fact: AnyFact) -> str | None:
    match fact:
        case Condition():
            return _of_condition(fact)
        case Procedure():
            return _of_procedure(seen, fact)
        case Medication():
            return _of_medication(seen, fact)
        case Score():
            return _of_score(seen, fact)
        case Imaging():
            return _of_place(seen, fact) if fact.status in REPORTED else "not-final"
        case PregnancyStatus() if fact.is_pregnant and fact.at is None:
            return "undated"
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


def _of_procedure(seen: Seen, fact: Procedure) -> str | None:
    if fact.status not in ("completed", "in-progress"):
        return "not-done" if fact.status == "not-done" else "not-completed"
    for meaning in fact.meanings:
        if meaning.role in _NO_TREATMENT:
            return _NO_TREATMENT[meaning.role]
    if fact.start is None:
        return "undated"
    return _of_place(seen, fact) or ("noted-only" if seen.record.kind(fact) in _NOTED else None)


def _of_medication(seen: Seen, fact: Medication) -> str | None:
    if not fact.is_given:
        return "not-given"
    if reason := _of_place(seen, fact):
        return reason
    credited = seen.record.pathway.concepts.medication_credited
    if not any(m.concept in credited for m in fact.meanings):
        return "noted-only"
    return "undated" if fact.start is None else None


def _of_place(seen: Seen, fact: Procedure | Medication | Score | Imaging) -> str | None:
    place = seen.record.place(fact.tie)
    if place.elsewhere:
        return "other-body-part"
    if place.is_untied:
        return None if seen.with_untied else "region-unclear"
    return None if seen.region is None or seen.region in place.regions else "other-region"


def _of_score(seen: Seen, fact: Score) -> str | None:
    pathway = seen.record.pathway
    if fact.status not in REPORTED:
        return "not-final"
    name = pathway.instrument_of.get(fact.concept)
    if name is None:
        return "not-an-instrument"
    instrument = pathway.instruments[name]
    if fact.at is None:
        return "undated"
    if point(fact, instrument) is None:
        return "out-of-range"
    if instrument.regions:
        return None if seen.region is None or seen.region in instrument.regions else "other-region"
    return _of_place(seen, fact)
