"""A model of what is remembered of referrals: follows moves and people as the contract's table says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from referral_service.core.answer import Said, Verb, answer
from referral_service.core.decision import Decision
from referral_service.core.fulfillment import Within, arrived
from referral_service.core.moves import Move, flagged, moves
from referral_service.core.referral import LAPSED, Referral, revoked
from referral_service.core.saying import says
from tests.kit.clocks import MONDAY
from tests.kit.judged import PATHWAY

OPEN = ("draft", "on-hold")
WITHIN = Within.of(PATHWAY.numbers)


def said(region: str | None, outcome: str, *reasons: str, **more: object) -> Decision:
    """A decision of an open episode, unless it says otherwise."""
    told = {"is_open": region is not None and outcome != "no-qualifying-condition", **more}
    return Decision(region=region, outcome=outcome, reasons=reasons, **told)


def remembered(id: str, **more: object) -> Referral:
    """A draft for the intradiscal consultation of the lumbar episode L, for reasons of flat function."""
    told = {
        "identifier": id,
        "episode": "L",
        "region": "lumbar",
        "target": "intradiscal",
        "urgency": "elective",
        "generation": 1,
        "status": "draft",
        "task": f"task-{id}",
        "task_status": "requested",
        "decision": "exhausted|intradiscal|function-flat",
        **more,
    }
    return Referral(id=id, **told)


@dataclass
class Memory:
    """All referrals and reviews ever drafted for one patient, oldest first."""

    referrals: list[Referral] = field(default_factory=list)

    def follow(self, decisions: Mapping[str, Decision]) -> list[Move]:
        """Asks for the moves and makes them."""
        found = moves(decisions, self.referrals)
        for move in found:
            self._make(move)
        return found

    def _make(self, move: Move) -> None:
        if move.referral is None:
            self.referrals.append(self._new(move))
        else:
            at = self.referrals.index(move.referral)
            self.referrals[at] = _turned(move, move.referral)

    def _new(self, move: Move) -> Referral:
        number = len(self.referrals) + 1
        return remembered(
            f"r{number}",
            episode=move.key,
            region=move.decision.region,
            target=move.decision.target if move.step == "draft" else None,
            urgency=move.urgency,
            generation=number,
            status="on-hold" if move.is_suspended else "draft",
            task_status="on-hold" if move.is_suspended else "requested",
            decision=says(move.decision),
            priority=move.decision.priority,
        )

    def answer(self, verb: Verb) -> None:
        """A person says this of every open proposal, and completes every open review."""
        for at, referral in enumerate(self.referrals):
            if referral.status == "draft":
                said = Said(verb if referral.target else "complete", "Practitioner/tests", MONDAY)
                self.referrals[at] = answer(referral, said)

    def send(self) -> None:
        """Every approved order arrives where it goes."""
        for at, referral in enumerate(self.referrals):
            if referral.fulfillment_status == "draft":
                self.referrals[at] = arrived(referral, MONDAY, WITHIN)

    def open(self, urgency: str) -> list[Referral]:
        """The open proposals."""
        return [r for r in self.referrals if r.target and r.urgency == urgency and r.status in OPEN]

    def reviews(self) -> list[Referral]:
        """The open reviews that are not of a proposal."""
        return [r for r in self.referrals if r.target is None and r.status in OPEN]


def _turned(move: Move, referral: Referral) -> Referral:
    match move.step:
        case "suspend":
            return replace(referral, status="on-hold", task_status="on-hold")
        case "resume":
            return replace(referral, status="draft", task_status="requested", decision=says(move.decision))
        case "withdraw" | "unask":
            return replace(referral, status="revoked", task_status="cancelled")
        case "restate" | "reask":
            priority = move.decision.priority if move.decision.outcome == "urgent" else referral.priority
            return replace(referral, decision=says(move.decision), priority=priority)
        case "revoke":
            return revoked(referral)
        case "flag":
            return flagged(move, referral)
        case "lapse":
            return replace(referral, decision=LAPSED)
    raise AssertionError(f"{move.step} concerns no remembered referral")


def steps(found: Iterable[Move]) -> list[tuple[str, str, str]]:
    """What is done, to whom: step, the remembered referral (or episode, for a new one), urgency."""
    return [(m.step, m.referral.id if m.referral else m.key, m.urgency) for m in found]
