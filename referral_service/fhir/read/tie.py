"""What ties a resource to a region of the spine: its own code, else its body site; and its reasons."""

from collections.abc import Iterable
from typing import Any

from referral_service.core.record import is_spine
from referral_service.core.timeline import Meaning, Tie
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.coded import codings, is_elsewhere
from referral_service.fhir.read.references import contained, id_of

_REGIONS = ("cervical", "thoracic", "lumbar")
# A reason of these roles is about the spine even where its code names no region.


def tie_of(resource: dict[str, Any], meanings: Iterable[Meaning], terminology: Terminology) -> Tie:
    """The tie of a resource whose own code has these meanings. Reasons are there whatever else decides."""
    regions, elsewhere = _regions(meanings), False
    if not regions:
        regions, elsewhere = _sites(resource.get("bodySite"), terminology)
    if "reasonCode" not in resource and "reasonReference" not in resource:
        return Tie(regions, elsewhere)
    return Tie(regions, elsewhere, *_reasons(resource, terminology))


def site_tie(resource: dict[str, Any], terminology: Terminology) -> Tie:
    """The tie of a score: its body site alone. To which region an instrument belongs, the policy says."""
    return Tie(*_sites(resource.get("bodySite"), terminology))


def _regions(meanings: Iterable[Meaning]) -> tuple[str, ...]:
    named: dict[str, None] = {}
    for meaning in meanings:
        if meaning.region:
            named.update(dict.fromkeys(_REGIONS if meaning.region == "multi" else (meaning.region,)))
    return tuple(named)


def _sites(
    sites: dict[str, Any] | list[dict[str, Any]] | None, terminology: Terminology
) -> tuple[tuple[str, ...], bool]:
    """Regions, and whether it is elsewhere. A site of the spine decides; what is only text says nothing."""
    if not sites:
        return (), False
    concepts = sites if isinstance(sites, list) else [sites]
    coded = [terminology.meaning(*pair) for concept in concepts for pair in codings(concept)]
    spine = [meaning for meaning in coded if meaning and meaning.role == "body_site"]
    return _regions(spine), bool(coded) and not spine


def _reasons(
    resource: dict[str, Any], terminology: Terminology
) -> tuple[tuple[str, ...], bool, bool, tuple[str, ...]]:
    """Regions; whether one is of the spine without a region; whether one is elsewhere; Conditions named."""
    concepts: list[dict[str, Any]] = list(resource.get("reasonCode", ()))
    sources: dict[str, None] = {}
    for reference in resource.get("reasonReference", ()):
        if condition := contained(resource, reference, "Condition"):
            concepts.append(condition.get("code", {}))
        elif condition_id := id_of(reference, "Condition"):
            sources[f"Condition/{condition_id}"] = None
    regions: dict[str, None] = {}
    spine = elsewhere = False
    for concept in concepts:
        meanings = terminology.meanings(concept)
        if named := _regions(meanings):
            regions.update(dict.fromkeys(named))
        elif any(map(is_spine, meanings)):
            spine = True
        elif is_elsewhere(concept, terminology):
            elsewhere = True
    return tuple(regions), spine, elsewhere, tuple(sources)
