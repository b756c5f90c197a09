"""Apply: the plan applied to one patient as things stand, as $apply answers it; nothing is stored."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from referral_service.core.decide import decide
from referral_service.core.moves import Move, moves
from referral_service.core.pathway import Pathway
from referral_service.core.referral import KeptEpisode, Referral
from referral_service.core.saying import says
from referral_service.core.timeline import AnyFact, Condition, Coverage, Timeline
from referral_service.fhir.write import Names
from referral_service.fhir.write.care_plan import Applied, Request, asked, care_plan, proposed
from referral_service.workflow.ports import Clock, PatientId, Tenant
from referral_service.workflow.replay import Archive, unstored


class Apply:
    """The verb, over its ports."""

    def __init__(self, archive: Archive, clock: Clock, pathway: Pathway, names: Names, timezone: str) -> None:
        """`timezone` gives an instant its local day."""
        self._archive = archive
        self._clock = clock
        self._pathway = pathway
        self._names = names
        self._zone = ZoneInfo(timezone)

    def care_plan(self, tenant: Tenant, patient: PatientId) -> dict[str, Any]:
        """The CarePlan of now: what would follow the decisions if nothing had been proposed before."""
        applied = Applied(tenant, patient, self._clock.as_of(), self._names)
        facts = self._archive.facts_of(tenant, patient)
        episodes = self._episodes(facts, applied.as_of)
        requests = _requests(episodes, facts, applied)
        return care_plan(applied, self._pathway.title, list(episodes.values()), list(requests))

    def _episodes(self, facts: Sequence[AnyFact], as_of: datetime) -> dict[str, KeptEpisode]:
        """The decisions by episode key; their GuidanceResponses have ids local to the CarePlan."""
        day = as_of.astimezone(self._zone).date()
        found = {}
        for number, decision in enumerate(decide(Timeline.of(facts), self._pathway, day), 1):
            episode = replace(unstored(decision), guidance=f"decision-{number}")
            found[episode.key] = episode
        return found


def _requests(
    episodes: Mapping[str, KeptEpisode], facts: Sequence[AnyFact], applied: Applied
) -> Iterator[Request]:
    decisions = {key: episode.decision for key, episode in episodes.items()}
    for number, move in enumerate(moves(decisions, ()), 1):
        episode = replace(episodes[move.key], decision=move.decision)
        referral = unissued(move, f"request-{number}", applied.as_of)
        if move.step == "ask":
            yield asked(referral, episode, applied)
        else:
            codes, coverages = grounds(episode, facts)
            yield proposed(referral, episode, applied, codes, coverages)


def unissued(move: Move, id: str, as_of: datetime) -> Referral:
    """What a move would draft: a referral that nobody remembers, with an id of the caller's."""
    return Referral(
        id=id,
        identifier=id,
        episode=move.key,
        region=move.decision.region,
        target=move.decision.target if move.step == "draft" else None,
        urgency=move.urgency,
        generation=1,
        status="on-hold" if move.is_suspended else "draft",
        task=id,
        task_status="draft",
        decision=says(move.decision),
        priority=move.decision.priority,
        authored_at=as_of,
    )


def grounds(episode: KeptEpisode, facts: Sequence[AnyFact]) -> tuple[list[tuple[str, str]], list[str]]:
    """The codes of the Conditions that the decision rests on, and the active coverages."""
    decision = episode.decision
    sources = {*decision.conditions, *(flag.source for flag in decision.flags)}
    codes = [c for f in facts if isinstance(f, Condition) and f.source in sources for c in f.codes]
    return list(dict.fromkeys(codes)), [f.source for f in facts if isinstance(f, Coverage) and f.is_active]
