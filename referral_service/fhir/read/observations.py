"""Observation: scores (its components' too), coded findings of imaging, and pregnancy status."""

from collections.abc import Iterator
from typing import Any

from referral_service.core.timeline import AnyFact, Imaging, Meaning, PregnancyStatus, Score
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.coded import codings
from referral_service.fhir.read.days import measured
from referral_service.fhir.read.imaging import findings_in
from referral_service.fhir.read.origin import Origin, numbered, unused
from referral_service.fhir.read.tie import site_tie, tie_of
from referral_service.fhir.read.values import number_in


def read(resource: dict[str, Any], terminology: Terminology, origin: Origin) -> tuple[AnyFact, ...]:
    """The facts of an observation; with none, why it is left out."""
    meanings = terminology.meanings(resource.get("code"))
    facts: list[AnyFact] = [
        *_scores(resource, meanings, terminology, origin),
        *_pregnancy(resource, meanings, terminology, origin),
        *_findings(resource, meanings, terminology, origin),
    ]
    return numbered(facts) or unused(origin, _reason(resource, meanings, terminology))


def measures(meanings: tuple[Meaning, ...]) -> tuple[str, ...]:
    """The outcome measures among the meanings of a code, each once."""
    return tuple(dict.fromkeys(meaning.concept for meaning in meanings if meaning.role == "observation"))


def _scores(
    resource: dict[str, Any], meanings: tuple[Meaning, ...], terminology: Terminology, origin: Origin
) -> Iterator[Score]:
    at, tie = measured(resource), site_tie(resource, terminology)
    status = resource.get("status", "unknown")
    holders = [(resource, meanings)]
    holders += [(part, terminology.meanings(part.get("code"))) for part in resource.get("component", ())]
    for holder, coded in holders:
        number = number_in(holder)
        if number is None:
            continue
        value, unit = number
        for concept in measures(coded):
            yield Score(**origin, concept=concept, value=value, unit=unit, at=at, status=status, tie=tie)


def _pregnancy(
    resource: dict[str, Any], meanings: tuple[Meaning, ...], terminology: Terminology, origin: Origin
) -> Iterator[PregnancyStatus]:
    said = terminology.meanings(resource.get("valueCodeableConcept"))
    if _asks_pregnancy(meanings) and said:
        yield PregnancyStatus(
            **origin,
            is_pregnant=any(meaning.concept == "pregnancy" for meaning in said),
            status=resource.get("status", "unknown"),
            at=measured(resource),
        )


def _findings(
    resource: dict[str, Any], meanings: tuple[Meaning, ...], terminology: Terminology, origin: Origin
) -> Iterator[Imaging]:
    """A finding without `meanings`: only a DiagnosticReport is a report."""
    found = findings_in([resource.get("valueCodeableConcept")], terminology)
    if found:
        yield Imaging(
            **origin,
            findings=found,
            at=measured(resource),
            status=resource.get("status", "unknown"),
            tie=tie_of(resource, meanings, terminology),
        )


def _asks_pregnancy(meanings: tuple[Meaning, ...]) -> bool:
    return any(meaning.concept == "pregnancy_status" for meaning in meanings)


def _reason(resource: dict[str, Any], meanings: tuple[Meaning, ...], terminology: Terminology) -> str:
    if _asks_pregnancy(meanings) and codings(resource.get("valueCodeableConcept")):
        return "unknown-code"
    parts = [terminology.meanings(part.get("code")) for part in resource.get("component", ())]
    if _asks_pregnancy(meanings) or any(measures(coded) for coded in (meanings, *parts)):
        return "no-value"
    return "not-used" if meanings else "unknown-code"
