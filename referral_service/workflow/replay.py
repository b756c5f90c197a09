"""Replay: the decisions about a patient for any day, with what was known at any instant; not stored."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from referral_service.core.decide import decide
from referral_service.core.decision import Decision
from referral_service.core.pathway import Pathway
from referral_service.core.referral import NO_EPISODE, KeptEpisode
from referral_service.core.timeline import AnyFact, Timeline
from referral_service.fhir.write import Names, guidance_response
from referral_service.workflow.ports import Clock, PatientId, Tenant


class Archive(Protocol):
    """The part of the store that remembers what was known."""

    def facts_of(
        self, tenant: Tenant, patient: PatientId, known_at: datetime | None = None
    ) -> Sequence[AnyFact]:
        """Every fact about a patient that was current at an instant (None: is current)."""


class Replay:
    """The verb, over its ports."""

    def __init__(self, archive: Archive, clock: Clock, pathway: Pathway, names: Names, timezone: str) -> None:
        """`timezone` gives an instant its local day."""
        self._archive = archive
        self._clock = clock
        self._pathway = pathway
        self._names = names
        self._zone = ZoneInfo(timezone)

    def guidance(
        self, tenant: Tenant, patient: PatientId, as_of: date | None, known_at: datetime | None
    ) -> list[dict[str, Any]]:
        """One GuidanceResponse a decision, as it would have been made; `as_of` None is today."""
        asked = self._clock.as_of()
        if as_of is not None:
            asked = datetime.combine(as_of, time(), self._zone).astimezone(UTC)
        timeline = Timeline.of(self._archive.facts_of(tenant, patient, known_at), known_at)
        found = []
        for decision in decide(timeline, self._pathway, asked.astimezone(self._zone).date()):
            kept = unstored(decision)
            asked_for = f"{tenant}|{patient}|{kept.key}|{asked}|{known_at}"
            kept = replace(kept, guidance=str(uuid5(NAMESPACE_URL, asked_for)))
            found.append(guidance_response(kept, tenant, patient, asked, self._names))
        return found


def unstored(decision: Decision) -> KeptEpisode:
    """A decision as an episode that nobody remembers; its GuidanceResponse has no id yet."""
    return KeptEpisode(
        key=f"{decision.region}-{decision.begun_on or 'undated'}" if decision.episode_start else NO_EPISODE,
        region=decision.region,
        is_open=decision.is_open,
        conditions=decision.chain,
        decision=decision,
        guidance="",
        guidance_version=0,
    )
