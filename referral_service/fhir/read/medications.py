"""MedicationRequest and MedicationStatement: a drug ordered or used, and the days that it covers."""

from typing import Any

from referral_service.core.dates import When
from referral_service.core.timeline import AnyFact, Meaning, Medication
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.days import first_of, last_of, not_before, period, when
from referral_service.fhir.read.origin import Origin, unused
from referral_service.fhir.read.references import contained
from referral_service.fhir.read.supply import last_day
from referral_service.fhir.read.tie import tie_of

_COUNTS = ("active", "completed")


def read_order(resource: dict[str, Any], terminology: Terminology, origin: Origin) -> tuple[AnyFact, ...]:
    """One Medication fact of a MedicationRequest; without a known end its `end` is None."""
    meanings = _drug(resource, terminology)
    if not meanings:
        return unused(origin, "unknown-code")
    status = resource.get("status", "unknown")
    is_wanted = resource.get("intent") == "order" and resource.get("doNotPerform") is not True
    start, end, runs_on = _ordered(resource)
    return (
        Medication(
            **origin,
            meanings=meanings,
            status=status,
            is_given=is_wanted and status in _COUNTS,
            is_order=True,
            start=start,
            end=not_before(start, end),
            runs_on=runs_on,
            tie=tie_of(resource, meanings, terminology),
        ),
    )


def read_statement(resource: dict[str, Any], terminology: Terminology, origin: Origin) -> tuple[AnyFact, ...]:
    """One Medication fact of a statement of use; only an active one without an end runs on."""
    meanings = _drug(resource, terminology)
    if not meanings:
        return unused(origin, "unknown-code")
    status = resource.get("status", "unknown")
    begin, end = period(resource.get("effectivePeriod"))
    start = begin or when(resource.get("effectiveDateTime")) or end or when(resource.get("dateAsserted"))
    return (
        Medication(
            **origin,
            meanings=meanings,
            status=status,
            is_given=status in _COUNTS,
            is_order=False,
            start=start,
            end=start if end is None and status == "completed" else end,
            runs_on=end is None and status == "active",
            tie=tie_of(resource, meanings, terminology),
        ),
    )


def _drug(resource: dict[str, Any], terminology: Terminology) -> tuple[Meaning, ...]:
    concept = resource.get("medicationCodeableConcept")
    if concept is None:
        inside = contained(resource, resource.get("medicationReference"), "Medication")
        concept = inside.get("code") if inside else None
    return terminology.meanings(concept)


def _ordered(resource: dict[str, Any]) -> tuple[When | None, When | None, bool]:
    """First day, last covered day, and whether the order runs on: by its supply, else by its dosage."""
    authored = when(resource.get("authoredOn"))
    bounds = [_bounds(dosage) for dosage in resource.get("dosageInstruction", ())]
    spans = [_span(bound, authored) for bound in bounds if bound]
    starts = first_of(start for start, _ in spans) or authored
    if resource.get("status") == "active" and any(_is_open(bound) for bound in bounds):
        return starts, None, True
    supplied = last_day(authored, resource.get("dispenseRequest", {}).get("expectedSupplyDuration"))
    if supplied:
        return authored, supplied, False
    return starts, last_of(end for _, end in spans), False


def _bounds(dosage: dict[str, Any]) -> dict[str, Any]:
    """What limits a dosage in time: the `repeat` of its timing."""
    repeat: dict[str, Any] = dosage.get("timing", {}).get("repeat", {})
    return repeat if "boundsPeriod" in repeat or "boundsDuration" in repeat else {}


def _is_open(bound: dict[str, Any]) -> bool:
    start, end = period(bound.get("boundsPeriod"))
    return start is not None and end is None


def _span(bound: dict[str, Any], authored: When | None) -> tuple[When | None, When | None]:
    if "boundsDuration" in bound:
        return authored, last_day(authored, bound["boundsDuration"])
    start, end = period(bound["boundsPeriod"])
    return start or authored or end, end
