"""What follows one evaluation: the resources, the remembered state and the ledger lines it comes to.

Source: pathway section 11. Everything here is worked out before the one transaction that stores it.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from referral_service.core.brief import brief
from referral_service.core.decision import Decision
from referral_service.core.keeping import Kept
from referral_service.core.moves import HasAged, Move, flagged, moves, supported
from referral_service.core.referral import LAPSED, KeptEpisode, Referral, revoked
from referral_service.core.saying import says, told_by
from referral_service.core.timeline import Condition, Coverage
from referral_service.fhir.write import (
    guidance_response,
    provenance,
    service_request,
    task,
)
from referral_service.workflow.detecting import Find, detected
from referral_service.workflow.flagging import Flagging
from referral_service.workflow.ports import Chart, PatientId, Result
from referral_service.workflow.setting import Setting
from referral_service.workflow.sheaf import Sheaf, name_of

ACTOR = "Device/referral-service"
Json = dict[str, Any]
_STATUS = {
    "suspend": ("on-hold", "on-hold", "suspended"),
    "resume": ("draft", "requested", "resumed"),
    "withdraw": ("revoked", "cancelled", "withdrawn"),
    "unask": ("revoked", "cancelled", "review-closed"),
}


class Follow:
    """Collects what one patient's evaluation changes. `find` reads a resource as it stands."""

    def __init__(self, chart: Chart, kept: Kept, setting: Setting, find: Find, has_aged: HasAged) -> None:
        """Nothing is stored here: `result` says what is to be."""
        self._chart = chart
        self._kept = {episode.key: episode for episode in kept.episodes}
        self._news = kept
        self._setting = setting
        self._find = find
        self._has_aged = has_aged
        self._owner = (chart.claim.tenant, chart.claim.patient)
        self._sheaf = Sheaf(chart.claim.patient, ACTOR)
        self._referrals: dict[str, Referral] = {}
        self._targets: list[str] = []

    def result(self, wake_at: datetime | None) -> Result:
        """Everything that this evaluation changes."""
        for episode in self._news.changed:
            self._decided(episode)
        for gone in self._news.gone:
            self._sheaf.delete("GuidanceResponse", gone.guidance)
            self._sheaf.happened("replaced", f"GuidanceResponse/{gone.guidance}")
        decisions = {key: episode.decision for key, episode in self._kept.items()}
        for move in moves(decisions, self._chart.referrals, self._has_aged):
            self._follow(move)
        for referral, key in supported(decisions, self._chart.referrals):
            if referral.id not in self._referrals:
                self._refresh(referral, key)
        for issue in detected(self._chart, decisions.values(), self._find, self._setting):
            self._sheaf.put(issue)
        self._tell_provenance()
        episodes = (*self._news.changed, *self._news.gone)
        return Result(
            claim=self._chart.claim,
            writes=self._sheaf.writes(),
            episodes=episodes,
            briefs=tuple(brief(it.decision, self._chart.facts) for it in episodes),
            referrals=tuple(self._referrals.values()),
            happenings=tuple(self._sheaf.happenings),
            wake_at=wake_at,
            as_of=self._setting.as_of,
            others=self._chart.others,
        )

    def _whose(self, name: str) -> PatientId:
        """The patient of a fact's source, a GuidanceResponse or a review; the claim's, but for others'."""
        return self._chart.others.get(name, self._chart.claim.patient)

    def _decided(self, episode: KeptEpisode) -> None:
        tenant, patient = self._owner[0], self._whose(episode.guidance)
        resource = guidance_response(episode, tenant, patient, self._setting.as_of, self._setting.names)
        self._sheaf.put(resource)
        self._targets.append(f"GuidanceResponse/{episode.guidance}/_history/{episode.guidance_version}")
        said = {"outcome": episode.decision.outcome, "reasons": ",".join(episode.decision.reasons)}
        self._sheaf.happened("decided", f"GuidanceResponse/{episode.guidance}", said)

    def _follow(self, move: Move) -> None:
        referral = move.referral
        if referral is None:
            (self._draft if move.step == "draft" else self._ask)(move)
        elif move.step == "lapse":
            self._referrals[referral.id] = replace(referral, decision=LAPSED)
        elif move.step == "revoke":
            self._revoke(referral)
        elif move.step == "flag":
            self._flag(move, referral)
        else:
            (self._turn if move.step in _STATUS else self._restate)(move, referral)

    def _draft(self, move: Move) -> None:
        decision = move.decision
        target = decision.target or ""
        region = decision.region or ""
        same = [
            r
            for r in self._chart.referrals
            if (r.target, r.urgency) == (target, move.urgency)
            # An urgent one goes from one region to another, and keeps its identifier.
            if move.urgency == "urgent" or (r.region or "") == region
        ]
        generation = max((r.generation for r in same), default=0) + 1
        parts = (*self._owner, region, move.key, target, move.urgency, str(generation))
        status = "on-hold" if move.is_suspended else "draft"
        referral = self._new(move, parts, generation, target, "on-hold" if move.is_suspended else "requested")
        referral = replace(referral, id=self._id(referral.identifier, "ServiceRequest"), status=status)
        self._store_proposal(referral, self._kept[move.key])
        self._put_task(referral, decision, f"ServiceRequest/{referral.id}")
        self._sheaf.happened(
            "drafted", f"ServiceRequest/{referral.id}", {"target": target, "urgency": move.urgency}
        )

    def _ask(self, move: Move) -> None:
        earlier = [r for r in self._chart.referrals if r.target is None and r.episode == move.key]
        generation = max((r.generation for r in earlier), default=0) + 1
        parts = (*self._owner, move.key, "review", str(generation))
        referral = self._new(move, parts, generation, None, "requested")
        referral = replace(referral, id=referral.task)
        self._put_task(referral, move.decision, f"GuidanceResponse/{self._kept[move.key].guidance}")
        self._sheaf.happened("asked", f"Task/{referral.task}", {"reasons": ",".join(move.decision.reasons)})

    def _new(
        self, move: Move, parts: Sequence[str], generation: int, target: str | None, task_status: str
    ) -> Referral:
        identifier = sha256("|".join(parts).encode()).hexdigest()[:32]
        decision = move.decision
        return Referral(
            id="",
            identifier=identifier,
            episode=move.key,
            region=decision.region,
            target=target,
            urgency=move.urgency,
            generation=generation,
            status="draft",
            task=self._id(identifier, "Task"),
            task_status=task_status,
            decision=says(decision),
            due_at=self._setting.due(decision.priority),
            priority=decision.priority,
            authored_at=self._setting.now,
        )

    def _turn(self, move: Move, referral: Referral) -> None:
        """A new status. What is resumed says what supports it now, and is due anew; all else stays."""
        status, task_status, kind = _STATUS[move.step]
        turned = replace(referral, status=status, task_status=task_status)
        if move.step == "resume":
            due = self._setting.due(referral.priority)
            turned = replace(turned, decision=says(move.decision), due_at=due)
            turned = replace(turned, task_status="in-progress") if referral.owner else turned
        if referral.target is None:
            subject = f"Task/{referral.task}"
        else:
            subject = f"ServiceRequest/{referral.id}"
            if move.step == "resume" and move.decision.target == referral.target:
                turned = self._placed(turned, move.key)
                self._store_proposal(turned, self._kept[move.key])
            else:
                turned = replace(turned, version=referral.version + 1)
                self._sheaf.put({**self._current("ServiceRequest", referral.id), "status": status})
                self._targets.append(f"{subject}/_history/{turned.version}")
        self._referrals[referral.id] = turned
        was = self._current("Task", referral.task)
        if move.step == "resume":
            self._put_task(turned, move.decision, subject, was)
        else:
            self._sheaf.put({**was, "status": turned.task_status})
        self._sheaf.happened(kind, subject)

    def _revoke(self, referral: Referral) -> None:
        """Proposal, order and Task to fulfil it, of which nobody has heard."""
        self._referrals[referral.id] = taken_back = revoked(referral)
        for type, id, status in (
            ("ServiceRequest", referral.id, taken_back.status),
            ("ServiceRequest", referral.order or "", taken_back.order_status),
            ("Task", referral.task, taken_back.task_status),
            ("Task", referral.fulfillment or "", taken_back.fulfillment_status),
        ):
            self._sheaf.put({**self._current(type, id), "status": status})
        self._targets.append(f"ServiceRequest/{referral.id}/_history/{taken_back.version}")
        self._sheaf.happened("withdrawn", f"ServiceRequest/{referral.id}")

    def _flag(self, move: Move, referral: Referral) -> None:
        """The order is out, or may be: a person calls whoever has it."""
        flagging = Flagging(*self._owner, self._setting.now, self._setting.zone, self._setting.names)
        flag = flagging.flag(referral, move.reason, ACTOR)
        self._referrals[referral.id] = flagged(move, referral)
        self._referrals[flag.review.id] = flag.review
        self._sheaf.put(flag.task)
        self._sheaf.happenings.append(flag.happening)

    def _restate(self, move: Move, referral: Referral) -> None:
        """Still open, for other reasons or with another priority; what merely aged changes only the Task."""
        decision = move.decision
        # What is new has been acknowledged by nobody.
        restated = replace(referral, episode=move.key, decision=says(decision))
        restated = replace(restated, acknowledged_by=None, acknowledged_at=None)
        if decision.outcome == "urgent" or move.step == "reask":
            restated = replace(restated, priority=decision.priority, urgency=move.urgency)
        if referral.acknowledged_at or restated.urgency != referral.urgency:
            restated = replace(restated, due_at=self._setting.due(restated.priority))
        focus = f"GuidanceResponse/{self._kept[move.key].guidance}"
        if referral.target is not None:
            focus = f"ServiceRequest/{referral.id}"
            if decision.target == referral.target:
                restated = self._placed(restated, move.key)
                self._store_proposal(restated, self._kept[move.key])
        self._put_task(restated, decision, focus, self._current("Task", restated.task))
        self._sheaf.happened("restated", focus, {"reasons": ",".join(decision.reasons)})

    def _refresh(self, referral: Referral, key: str) -> None:
        """What an open proposal says follows its decision; written only if it says something else."""
        fresh = self._placed(referral, key)
        written = self._proposal(fresh, self._kept[key])
        if written != self._current("ServiceRequest", referral.id):
            self._store_proposal(fresh, self._kept[key])
            self._referrals[fresh.id] = fresh
            self._sheaf.happened("restated", f"ServiceRequest/{referral.id}")

    def _placed(self, referral: Referral, key: str) -> Referral:
        """The next version, which rests on that episode."""
        return replace(referral, episode=key, region=self._kept[key].region, version=referral.version + 1)

    def _store_proposal(self, referral: Referral, episode: KeptEpisode) -> None:
        self._sheaf.put(self._proposal(referral, episode))
        self._targets.append(f"ServiceRequest/{referral.id}/_history/{referral.version}")

    def _proposal(self, referral: Referral, episode: KeptEpisode) -> Json:
        told = told_by({key: it.decision for key, it in self._kept.items()}, episode.key)
        facts, episode = self._chart.facts, replace(episode, decision=told)
        sources = set(episode.decision.conditions) | {flag.source for flag in episode.decision.flags}
        codes = [c for f in facts if isinstance(f, Condition) and f.source in sources for c in f.codes]
        coverages = [f.source for f in facts if isinstance(f, Coverage) and f.is_active]
        names, patient = self._setting.names, self._whose(referral.task)
        return service_request(referral, episode, patient, names, list(dict.fromkeys(codes)), coverages)

    def _put_task(self, referral: Referral, decision: Decision, focus: str, was: Json | None = None) -> None:
        self._sheaf.put(task(referral, decision, self._whose(referral.task), focus, self._setting.names, was))
        self._referrals[referral.id] = referral

    def _tell_provenance(self) -> None:
        if self._targets:
            sources = dict.fromkeys(e for k in self._news.changed for e in k.decision.evidence)
            id = self._id("|".join(self._targets), "Provenance")
            names = self._setting.names
            self._sheaf.put(provenance(id, self._targets, list(sources), self._setting.now, names))

    def _current(self, type: str, id: str) -> Json:
        found = self._find(type, id)
        assert found is not None, "what is remembered is stored in the same transaction"
        return found

    def _id(self, *parts: str) -> str:
        return name_of(*self._owner, *parts)
