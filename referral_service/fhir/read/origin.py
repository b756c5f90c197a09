"""Where a fact comes from: the resource version, and when it became known, offline."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypedDict

import msgspec

from referral_service.core.timeline import AnyFact, Unused
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read.days import instant


class Origin(TypedDict):
    """What every fact of one resource has in common."""

    source: str
    version: str
    known_at: datetime | None


FactReader = Callable[[dict[str, Any], Terminology, Origin], tuple[AnyFact, ...]]

_KNOWN_SINCE = ("recordedDate", "issued", "authoredOn")


def origin_of(resource: dict[str, Any]) -> Origin:
    """Type/id, version and known_at (UTC) as the resource itself tells them."""
    meta = resource.get("meta") or {}
    return Origin(
        source=f"{resource['resourceType']}/{resource.get('id', '')}",
        version=meta.get("versionId") or "1",
        known_at=instant(meta.get("lastUpdated")) or _recorded(resource),
    )


def unused(origin: Origin, reason: str) -> tuple[AnyFact, ...]:
    """The one fact of a resource that is left out."""
    return (Unused(**origin, reason=reason),)


def numbered(facts: Sequence[AnyFact]) -> tuple[AnyFact, ...]:
    """The facts of one resource, told apart by `part`."""
    later = (msgspec.structs.replace(fact, part=part) for part, fact in enumerate(facts[1:], start=1))
    return (*facts[:1], *later)


def _recorded(resource: dict[str, Any]) -> datetime | None:
    for name in _KNOWN_SINCE:
        if name in resource and (known := instant(resource[name])):
            return known
    return None
