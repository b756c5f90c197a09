"""What follows a decision: which proposals and reviews are opened, suspended, resumed or withdrawn.

Source: pathway section 11 and the contract's transition table. Pure: remembered state and decisions in,
steps out; the workflow turns steps into resources.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Literal, NamedTuple

from msgspec.structs import replace

from referral_service.core.decision import SAYS_NOTHING, Decision
from referral_service.core.fulfillment import Cause
from referral_service.core.referral import LAPSED, OPEN, Referral, Urgency
from referral_service.core.saying import flags_in, is_red, says, sign, told_by

Step = Literal[
    "draft", "suspend", "resume", "withdraw", "restate", "lapse", "ask", "reask", "unask", "revoke", "flag"
]

# Evidence that merely aged withdraws nothing: the same facts would have supported the proposal earlier.
AGED = frozenset({"outcome-outdated", "imaging-outdated", "trial-outdated"})
_ENDED = ("completed", "revoked")  # of an order


class Move(NamedTuple):
    """One step for one episode: with the remembered referral it concerns, or None for a new one.

    `reason`: why an order that is out is flagged.
    """

    step: Step
    key: str
    decision: Decision
    urgency: Urgency
    referral: Referral | None = None
    is_suspended: bool = False
    reason: Cause = "not-supported"


HasAged = Callable[[Referral], bool]


def moves(
    decisions: Mapping[str, Decision],
    referrals: Sequence[Referral],
    has_aged: HasAged = lambda referral: True,
) -> list[Move]:
    """The steps from what is remembered to what the decisions (by episode key) now call for.

    `has_aged`: whether the facts of today would have supported a referral on an earlier day; asked only where
    its evidence is outdated. Who has no facts takes it so.
    """
    if not decisions:
        return []
    proposals = [r for r in referrals if r.target is not None]
    return [
        *_urgent(decisions, [r for r in proposals if r.urgency == "urgent"]),
        *_elective(decisions, [r for r in proposals if r.urgency == "elective"], has_aged),
        *_reviews(decisions, referrals, has_aged),
    ]


def supported(decisions: Mapping[str, Decision], referrals: Sequence[Referral]) -> list[tuple[Referral, str]]:
    """The drafts that a decision supports today, each with the key of the episode that it rests on.

    What such a draft says (evidence, figures, reasons) follows that decision, even while its answer stays.
    """
    found = []
    for referral in referrals:
        if referral.status == "draft" and referral.target is not None:
            wanted = "urgent" if referral.urgency == "urgent" else "exhausted"
            keys = [
                key
                for key, d in decisions.items()
                if d.outcome == wanted and d.target == referral.target
                if wanted == "urgent" or d.region == referral.region
            ]
            if keys:
                first = _flagged_episode({key: decisions[key] for key in keys})
                stays = wanted == "exhausted" and referral.episode in keys
                found.append((referral, referral.episode if stays else first))
    return found


def _urgent(decisions: Mapping[str, Decision], known: Sequence[Referral]) -> Iterable[Move]:
    """One that is open in all. A flag that none was approved for is asked about, whatever was answered."""
    wanted = {key: d for key, d in decisions.items() if d.outcome == "urgent"}
    if not wanted:
        for referral in known:
            decision = decisions.get(referral.episode) or next(iter(decisions.values()))
            if step := _end(referral):
                yield Move(step, referral.episode, decision, "urgent", referral)
        return
    key = _flagged_episode(wanted)
    told = told_by(wanted, key)
    now = {sign(flag) for flag in told.flags}
    standing = [r for r in known if r.status in OPEN or _covers(r, now)]
    if not standing:
        if not _was_declined(known, says(told)):
            yield Move("draft", key, told, "urgent")
        return
    referral, *others = sorted(standing, key=_first)
    same = flags_in(referral.decision)
    twins = [one for one in others if one.status in OPEN or flags_in(one.decision) == same]
    steps = ((twin, _end(twin, is_twin=True)) for twin in twins)
    yield from (Move(step, key, told, "urgent", twin, reason="sent-twice") for twin, step in steps if step)
    if referral.status in OPEN and (referral.priority, referral.decision) != (told.priority, says(told)):
        yield Move("restate", key, told, "urgent", referral)


def _covers(referral: Referral, flags: Set[str]) -> bool:
    """Whether a person has approved it for all of these."""
    return referral.status == "completed" and _is_answered(referral) and flags <= flags_in(referral.decision)


def _first(referral: Referral) -> tuple[bool, bool, str, str]:
    """Of several for the same need, as patients have who turn out to be one person, the one that stays.

    One that a person has approved comes first, of these the one that is out; then the oldest.
    """
    at = referral.authored_at.isoformat() if referral.authored_at else ""
    return (referral.status in OPEN, referral.tried_at is None, at, referral.identifier)


def _end(referral: Referral, *, is_twin: bool = False) -> Step | None:
    """What becomes of a referral that nothing calls for, or that another does the work of (`is_twin`)."""
    if referral.status in OPEN:
        return "withdraw"
    if step := _recall(referral):
        return step
    return "lapse" if _is_answered(referral) and not is_twin else None


def _is_answered(referral: Referral) -> bool:
    """Approved or declined by a person, for a decision that still stands."""
    return referral.task_status == "completed" and referral.decision != LAPSED


def _flagged_episode(wanted: Mapping[str, Decision]) -> str:
    """The flag's own region if that is open, else the episode that began first."""

    def order(key: str) -> tuple[bool, str, str]:
        decision = wanted[key]
        begun = decision.episode_start.isoformat() if decision.episode_start else ""
        return (decision.region not in decision.flag_regions, begun, key)

    return min(wanted, key=order)


def _was_declined(known: Sequence[Referral], answer: str) -> bool:
    """After a reviewer's decline there is no new draft until the answer differs."""
    return any(r.status == "revoked" and _is_answered(r) and r.decision == answer for r in known)


def _elective(decisions: Mapping[str, Decision], known: Sequence[Referral], has_aged: HasAged) -> list[Move]:
    """One open elective referral for each region and target; all of them wait while a red flag stands."""
    red = any(map(is_red, decisions.values()))
    rests = {r.id: _rest(r, decisions) for r in known}
    steps = {r.id: _step(r, rests[r.id][1], red, has_aged) for r in known}
    standing: set[tuple[str | None, str | None]] = set()
    twins = set()
    for r in sorted(known, key=_first):
        if _stands(r, steps[r.id], rests[r.id][1]):
            if (r.region, r.target) in standing and (step := _end(r, is_twin=True)):
                steps[r.id] = step
                twins.add(r.id)
            standing.add((r.region, r.target))
    found = [
        Move(
            step,
            *rests[r.id],
            "elective",
            r,
            reason="sent-twice" if r.id in twins else "not-supported",
        )
        for r in known
        if (step := steps[r.id])
    ]
    for key, decision in decisions.items():
        wanted = (decision.region, decision.target)
        same = [r for r in known if (r.region, r.target) == wanted and steps[r.id] != "lapse"]
        is_new = wanted not in standing and not _was_declined(same, says(decision))
        if decision.outcome == "exhausted" and is_new:
            found.append(Move("draft", key, decision, "elective", is_suspended=red))
    return found


def _stands(referral: Referral, step: Step | None, decision: Decision) -> bool:
    """Whether a referral leaves no room for another one, after that step."""
    if step in ("withdraw", "lapse", "revoke") or (step == "flag" and not decision.is_open):
        return False
    return referral.status in OPEN or (referral.status == "completed" and _is_answered(referral))


def _rest(referral: Referral, decisions: Mapping[str, Decision]) -> tuple[str, Decision]:
    """What it rests on: its episode while that is open, else the open one of its region, for episodes merge.

    What a person has answered belongs to its own episode alone. No other region answers for what is gone.
    """
    own = decisions.get(referral.episode)
    if own and (own.is_open or referral.status not in OPEN):
        return referral.episode, own
    region = [(key, d) for key, d in decisions.items() if d.region == referral.region]
    opened = [(key, d) for key, d in region if d.is_open]
    known = [(referral.episode, own)] if own else region
    return next(iter((*opened, *known)), (referral.episode, SAYS_NOTHING))


def _step(referral: Referral, decision: Decision, red: bool, has_aged: HasAged) -> Step | None:
    supported = decision.outcome == "exhausted" and decision.target == referral.target
    is_at_stake = referral.status in OPEN or _is_answered(referral) or _recall(referral) is not None
    aged = is_at_stake and _is_outdated(decision) and has_aged(referral)
    stands = supported or aged or (is_red(decision) and decision.is_open)
    if referral.status not in OPEN:
        if not (stands or _is_own_echo(decision)) and (step := _recall(referral)):
            return step
        is_over = not stands and (
            referral.status != "completed"
            or not decision.is_open
            # What comes after a closed loop is another need than what was referred.
            or (referral.order_status in _ENDED and not _is_own_echo(decision))
        )
        return "lapse" if _is_answered(referral) and is_over else None
    if not stands:
        return "withdraw"
    if red:
        return "suspend" if referral.status == "draft" else None
    if referral.status == "on-hold":
        return "resume"
    return "restate" if referral.decision != says(decision) else None


def _recall(referral: Referral) -> Step | None:
    """An order whose decision has fallen: taken back while nobody can have it, else a person is told."""
    if not referral.is_unfulfilled or referral.is_flagged:
        return None
    return "flag" if referral.may_be_sent else "revoke"


def flagged(move: Move, referral: Referral) -> Referral:
    """Once a person is told; what an ended episode was answered for bars nothing any more."""
    is_over = move.urgency == "urgent" or not move.decision.is_open
    return replace(referral, is_flagged=True, decision=LAPSED if is_over else referral.decision)


def _is_own_echo(decision: Decision) -> bool:
    """On hold for a referral alone: it is what an EHR has made of our order."""
    return decision.outcome == "on-hold" and decision.reasons == ("referral-exists",)


def _is_outdated(decision: Decision) -> bool:
    return decision.outcome == "review" and set(decision.reasons) <= AGED


def _reviews(
    decisions: Mapping[str, Decision], referrals: Sequence[Referral], has_aged: HasAged
) -> Iterable[Move]:
    """One open review Task an episode; a proposal that merely aged is asked about on its own Task.

    What a person has looked at is not asked again until the answer differs.
    """
    reviews = [r for r in referrals if r.target is None and r.about is None]
    open_reviews = {r.episode: r for r in reviews if r.status in OPEN}
    answered = {r.episode: r for r in reviews if r.status == "completed" and r.decision != LAPSED}
    for key, decision in decisions.items():
        known, told = open_reviews.pop(key, None), answered.get(key)
        is_told = told is not None and told.decision == says(decision)
        if told is not None and not is_told:
            yield Move("lapse", key, decision, told.urgency, told)
        wanted = (
            decision.outcome == "review" and not is_told and not _stands_aged(decision, referrals, has_aged)
        )
        if wanted and known is None:
            yield Move("ask", key, decision, _queue(decision))
        elif wanted and known is not None and known.decision != says(decision):
            yield Move("reask", key, decision, _queue(decision), known)
        elif known is not None and not wanted:
            yield Move("unask", key, decision, "elective", known)
    for key, known in open_reviews.items():
        yield Move("unask", key, next(iter(decisions.values())), "elective", known)


def _queue(decision: Decision) -> Urgency:
    """A possible red flag is looked at before everything elective."""
    return "urgent" if is_red(decision) else "elective"


def _stands_aged(decision: Decision, referrals: Sequence[Referral], has_aged: HasAged) -> bool:
    return _is_outdated(decision) and any(
        r.target
        and r.urgency == "elective"
        and r.status in OPEN
        and r.region == decision.region
        and has_aged(r)
        for r in referrals
    )
