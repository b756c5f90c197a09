"""Advise: what a clinician is told while they work, from the chart that their own system shows us.

Pure: facts and draft orders in, findings out. Nothing is read from the store or kept there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from referral_service.core.decide import decide
from referral_service.core.decision import Decision
from referral_service.core.moves import Move, moves
from referral_service.core.pathway import Concepts, Pathway
from referral_service.core.record import Record
from referral_service.core.referral import OPEN, KeptEpisode, Referral
from referral_service.core.saying import is_red, says
from referral_service.core.timeline import AnyFact, Meaning, Timeline
from referral_service.fhir.read.drafts import Draft
from referral_service.fhir.write import Names, service_request
from referral_service.fhir.write.answered import ordered
from referral_service.fhir.write.card import EARLY, Finding
from referral_service.workflow.apply import grounds, unissued
from referral_service.workflow.ports import PatientId
from referral_service.workflow.replay import unstored

Json = dict[str, Any]
Hook = Literal["patient-view", "order-sign", "problem-list-item-create"]
_NOBODY_TO_TREAT: Final = frozenset({"deceased"})
_WAITS = "This service has proposed it already; the proposal waits for a person's answer."
_APPROVED = "An order for it, drafted by this service and approved, is not fulfilled yet."
_SUSPENDED = "No consultation is proposed for it while a possible red flag stands."


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: about whom, with which facts, after which hook.

    `added` are the sources of the conditions just recorded, `drafts` the orders about to be signed, `known`
    what this service remembers to have proposed. `offers_orders`: an approved order may be offered as well.
    """

    hook: Hook
    patient: PatientId
    as_of: datetime
    facts: tuple[AnyFact, ...]
    added: frozenset[str] = frozenset()
    drafts: tuple[Draft, ...] = ()
    known: tuple[Referral, ...] = ()
    offers_orders: bool = False


class _Kind(NamedTuple):
    """Something that may be ordered too early: its name, what is meant, and whether only for the spine."""

    words: str
    is_meant: Callable[[Meaning, Concepts], bool]
    is_spinal: bool = True


_KINDS: Final = (
    _Kind("a spine surgery", lambda it, _: it.role == "prior_surgery"),
    _Kind("an intradiscal procedure", lambda it, _: it.role == "prior_or_target_intradiscal"),
    _Kind("a spinal injection", lambda it, _: it.role == "treatment" and it.step == 4),
    _Kind("an MRI", lambda it, words: it.concept in words.imaging_report and it.concept == "mri"),
    _Kind("a CT", lambda it, words: it.concept in words.imaging_report and it.concept != "mri"),
    _Kind("a surgical consultation", lambda it, words: it.concept in words.surgical_referral, False),
)


class Advise:
    """The verb; it has no ports."""

    def __init__(self, pathway: Pathway, names: Names, timezone: str) -> None:
        """`timezone` gives an instant its local day."""
        self._pathway = pathway
        self._names = names
        self._zone = ZoneInfo(timezone)

    def concerns(self, draft: Draft) -> bool:
        """Whether an order is of a kind that can come too early."""
        return self._kind(draft) is not None

    def findings(self, asked: Asked) -> list[Finding]:
        """What to say, the most pressing first."""
        episodes = self._episodes(asked.facts, asked.as_of)
        found = list(self._decided(asked, episodes))
        if asked.hook == "order-sign":
            found = [one for one in found if is_red(one.decision)]
            found += self._too_early(asked, episodes)
        elif asked.hook == "problem-list-item-create":
            before = self._episodes([f for f in asked.facts if f.source not in asked.added], asked.as_of)
            told = {(one.region, says(one.decision)) for one in before.values()}
            found = [one for one in found if (one.decision.region, says(one.decision)) not in told]
        return sorted(found, key=lambda one: (one.decision.outcome != "urgent", not is_red(one.decision)))

    def _episodes(self, facts: Sequence[AnyFact], as_of: datetime) -> dict[str, KeptEpisode]:
        day = as_of.astimezone(self._zone).date()
        found = (unstored(decision) for decision in decide(Timeline.of(facts), self._pathway, day))
        return {episode.key: episode for episode in found}

    def _decided(self, asked: Asked, episodes: Mapping[str, KeptEpisode]) -> Iterator[Finding]:
        """One for each episode; a red flag that reaches several is told once, with its one request."""
        decisions = {key: episode.decision for key, episode in episodes.items()}
        drafts = {move.key: move for move in moves(decisions, ()) if move.step == "draft"}
        for key, decision in decisions.items():
            move = drafts.get(key)
            if decision.outcome == "no-qualifying-condition" or _NOBODY_TO_TREAT.intersection(
                decision.reasons
            ):
                continue
            if move is not None:
                yield self._proposed(asked, move, episodes[key])
            elif decision.outcome != "urgent":
                yield Finding(decision=decision)

    def _proposed(self, asked: Asked, move: Move, episode: KeptEpisode) -> Finding:
        """The decision with its request, as this service knows it if it does."""
        if move.is_suspended:
            return Finding(decision=move.decision, remarks=(_SUSPENDED,))
        referral = unissued(move, "draft", asked.as_of)
        drafted = service_request(
            referral, episode, asked.patient, self._names, *grounds(episode, asked.facts)
        )
        # it has no GuidanceResponse, and whoever creates it gives it its id
        del drafted["id"], drafted["identifier"], drafted["supportingInfo"][0]
        if not drafted["supportingInfo"]:
            del drafted["supportingInfo"]
        known = next((one for one in asked.known if _is_same(one, referral)), None)
        if known is None:
            return Finding(decision=move.decision, proposal=drafted)
        if known.status in OPEN:
            drafted["identifier"] = [self._names.identifier("referral", known.identifier)]
            return Finding(decision=move.decision, proposal=drafted, remarks=(_WAITS,))
        drafted |= {
            "intent": "order",
            "identifier": [self._names.identifier("referral", ordered(known.identifier))],
        }
        return Finding(
            decision=move.decision, proposal=drafted if asked.offers_orders else None, remarks=(_APPROVED,)
        )

    def _too_early(self, asked: Asked, episodes: Mapping[str, KeptEpisode]) -> Iterator[Finding]:
        """For each region whose care goes on, what is ordered for it."""
        record = Record(Timeline.of(asked.facts).facts, self._pathway)
        for decision in (episode.decision for episode in episodes.values()):
            if decision.outcome in EARLY:
                orders = (self._ordered(draft, decision, record) for draft in asked.drafts)
                if words := tuple(dict.fromkeys(filter(None, orders))):
                    yield Finding(decision=decision, orders=words)

    def _ordered(self, draft: Draft, decision: Decision, record: Record) -> str:
        """What is ordered, in words; "" unless it is for the decision's region."""
        kind = self._kind(draft)
        if kind is None or decision.region is None:
            return ""
        is_spinal = kind.is_spinal or record.reasons(draft.tie)[1]
        return kind.words if record.place(draft.tie).belongs(decision.region, with_untied=is_spinal) else ""

    def _kind(self, draft: Draft) -> _Kind | None:
        words = self._pathway.concepts
        meant = (kind for kind in _KINDS if any(kind.is_meant(one, words) for one in draft.meanings))
        return next(meant, None)


def _is_same(known: Referral, drafted: Referral) -> bool:
    """Whether what is remembered is open, and for the same as what would be drafted."""
    is_open = known.status in OPEN or known.is_unfulfilled
    same = (known.target, known.urgency) == (drafted.target, drafted.urgency)
    return is_open and same and (known.urgency == "urgent" or known.region == drafted.region)
