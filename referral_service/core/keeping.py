"""Which remembered episode each decision belongs to: an episode keeps its key when its first day moves.

Source: pathway section 11 (episode key, closed episodes, the decision without a region).
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from msgspec.structs import replace

from referral_service.core.decide import decide
from referral_service.core.decision import SAYS_NOTHING, Decision
from referral_service.core.pathway import Pathway
from referral_service.core.referral import NO_EPISODE, KeptEpisode, is_of_none
from referral_service.core.timeline import Timeline

# Left out whatever the question: such a fact alone is no reason to write a decision again.
_SAYS_NOTHING_OF_CARE = frozenset({"not-used", "unknown-code", "not-read", "no-value", "other-region"})


class Kept(NamedTuple):
    """All episodes as they are to be remembered, those whose decision is news, and those that are gone."""

    episodes: tuple[KeptEpisode, ...]
    changed: tuple[KeptEpisode, ...]
    gone: tuple[KeptEpisode, ...] = ()


class Keeper:
    """Matches one patient's decisions with the remembered episodes. `owner` (tenant, patient) makes ids."""

    def __init__(
        self, owner: Sequence[str], known: Iterable[KeptEpisode], timeline: Timeline, pathway: Pathway
    ) -> None:
        """`known` are all the patient's remembered episodes, open and closed."""
        self._owner = "|".join(owner)
        self._known = {episode.key: episode for episode in known}
        self._timeline = timeline
        self._pathway = pathway

    def keep(self, decisions: Sequence[Decision], as_of: date) -> Kept:
        """Every remembered episode with its present decision."""
        had_episode = any(e.decision.reasons for key, e in self._known.items() if not is_of_none(key))
        now: dict[str, KeptEpisode] = {}
        for decision in decisions:
            if had_episode and decision.region is None and decision.outcome == "no-qualifying-condition":
                continue
            episode = self._for(decision, now)
            now[episode.key] = replace(
                episode,
                region=decision.region,
                is_open=decision.is_open,
                conditions=decision.chain or episode.conditions,
                decision=decision,
            )
        spoken_of = {source for decision in decisions for source in decision.chain}
        merged = {k for k, e in self._known.items() if e.conditions and spoken_of.issuperset(e.conditions)}
        for key, episode in self._known.items():
            if not (key in now or key in merged or is_of_none(key)) and episode.decision.reasons:
                now[key] = self._closed(episode, as_of)
        return self._compared(now, merged)

    def _for(self, decision: Decision, taken: dict[str, KeptEpisode]) -> KeptEpisode:
        """The remembered episode that shares a condition of the chain, else a new one."""
        if not decision.chain:
            return self._known.get(NO_EPISODE) or self._new(NO_EPISODE)
        for key, episode in self._known.items():
            same_region = episode.region == decision.region and key not in taken
            if same_region and not set(episode.conditions).isdisjoint(decision.chain):
                return episode
        stem = f"{decision.region}-{decision.begun_on or 'undated'}"
        number = 1
        while (key := stem if number == 1 else f"{stem}-{number}") in self._known or key in taken:
            number += 1
        return self._new(key)

    def _new(self, key: str) -> KeptEpisode:
        guidance = uuid5(NAMESPACE_URL, f"{self._owner}|{key}|GuidanceResponse")
        return KeptEpisode(
            key=key,
            region=None,
            is_open=False,
            conditions=(),
            decision=SAYS_NOTHING,
            guidance=str(guidance),
            guidance_version=0,
        )

    def _closed(self, episode: KeptEpisode, as_of: date) -> KeptEpisode:
        """An episode that no decision speaks of any more is closed; its own conditions say why."""
        if not episode.is_open:
            return episode
        own = tuple(f for f in self._timeline.facts if f.source in episode.conditions)
        (said, *_) = decide(Timeline(own), self._pathway, as_of)
        reasons = said.reasons if said.outcome == "no-qualifying-condition" else ("resolved",)
        closed = Decision(
            region=episode.region,
            outcome="no-qualifying-condition",
            reasons=reasons,
            episode_start=episode.decision.episode_start,
        )
        return replace(episode, is_open=False, decision=closed)

    def _compared(self, now: dict[str, KeptEpisode], merged: set[str]) -> Kept:
        """`merged`: episodes whose conditions are all spoken of; those not kept are now part of another."""
        changed = {key: e for key, e in now.items() if self._is_news(e)}
        for key, episode in changed.items():
            now[key] = changed[key] = replace(episode, guidance_version=episode.guidance_version + 1)
        gone = tuple(
            replace(
                episode,
                is_open=False,
                conditions=(),
                decision=SAYS_NOTHING,
                guidance_version=episode.guidance_version + 1,
            )
            for key, episode in self._known.items()
            if key not in now and (key in merged or is_of_none(key)) and episode.decision.reasons
        )
        return Kept(tuple(now.values()), tuple(changed.values()), gone)

    def _is_news(self, episode: KeptEpisode) -> bool:
        before = self._known.get(episode.key)
        return before is None or _told(before.decision) != _told(episode.decision)


def _told(decision: Decision) -> tuple[object, ...]:
    """What makes a decision worth writing again: the answer, its evidence, its days."""
    return (
        decision.answer,
        decision.evidence,
        decision.trial_class,
        decision.episode_start,
        decision.trial_start,
        decision.wake_on,
        decision.priority,
        decision.route,
        decision.missing,
        decision.notes,
        tuple((c.id, c.status) for c in decision.criteria),
        tuple(pair for pair in decision.left_out if pair[1] not in _SAYS_NOTHING_OF_CARE),
    )
