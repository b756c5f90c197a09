"""What must be true of what is remembered: after every step, and once everything is quiet."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from referral_service.core.decide import Answer, ask
from referral_service.core.decision import Decision
from referral_service.core.moves import AGED
from referral_service.core.referral import OPEN, Referral
from referral_service.core.saying import flags_in, is_red, says, sign
from referral_service.core.timeline import AnyFact, Timeline
from referral_service.fhir.parse import parse
from tests.faults.machine_gate import ZONE
from tests.faults.machine_truth import Truth
from tests.faults.machine_view import Standing, View
from tests.kit.judged import PATHWAY, READER

Json = dict[str, Any]
_parse = lru_cache(4096)(parse)
_WAITING = ("requested", "in-progress", "on-hold")
# Only new data can change these, where time cannot.
_NEEDS_DATA = {"not-started", "on-hold"}


def after_a_step(view: View, truth: Truth) -> None:
    """Nobody has two open referrals, and what is remembered says the same as the resources."""
    for one in view.patients.values():
        opened = [r for r in one.referrals if r.target is not None and r.status in OPEN]
        counted = Counter((r.region, r.target) if r.urgency == "elective" else "urgent" for r in opened)
        assert not counted or max(counted.values()) == 1, "two open proposals"
        asked = Counter(r.episode for r in one.referrals if r.target is None and r.status in OPEN)
        assert not asked or max(asked.values()) == 1, "two open reviews"
        for referral in one.referrals:
            _says_the_same(view, referral)
        for episode in one.episodes:
            kept = view.resources["GuidanceResponse", episode.guidance]
            assert kept.version == episode.guidance_version
            assert kept.is_deleted == (not episode.decision.reasons)
    for (type, id), kept in view.resources.items():
        if type == "ServiceRequest" and (type, id) not in truth.resources:
            intent = _parse(kept.body)["intent"]
            assert intent == "proposal" or id in truth.orders, "an order that nobody approved"


def _says_the_same(view: View, referral: Referral) -> None:
    standing = [
        ("ServiceRequest", referral.id if referral.target else None, referral.status),
        ("Task", referral.task, referral.task_status),
        ("ServiceRequest", referral.order, referral.order_status),
        ("Task", referral.fulfillment, referral.fulfillment_status),
    ]
    for type, id, status in standing:
        if id is not None:
            assert _parse(view.resources[type, id].body)["status"] == status, f"a {type} says otherwise"
    if referral.target is not None:
        assert view.resources["ServiceRequest", referral.id].version == referral.version


def once_quiet(view: View, truth: Truth, as_of: datetime) -> None:
    """Everything acknowledged is decided on, and what follows from it has followed."""
    for id, one in view.patients.items():
        assert not one.is_dirty, "somebody is still waiting"
        if one.is_parked:
            assert truth.attempts[id] >= 5, "parked before its time"
            continue
        facts = _facts_of(truth, id)
        assert facts == tuple(replace(fact, known_at=None) for fact in one.facts), "a fact is lost"
        today = as_of.astimezone(ZoneInfo(ZONE)).date()
        _is_decided(one, _ask(facts, today))
        _has_followed(one, {e.key: e.decision for e in one.episodes if e.decision.reasons})
        _wakes(one, facts)


def _facts_of(truth: Truth, patient: str) -> tuple[AnyFact, ...]:
    """Read anew from what was acknowledged."""
    found = [
        replace(fact, version=str(known.version), known_at=None)
        for known in truth.resources.values()
        if known.patient == patient and known.body is not None
        for fact in _read(known.body)
    ]
    return tuple(sorted(found, key=lambda it: (it.source, it.part)))


@lru_cache(4096)
def _read(body: bytes) -> tuple[AnyFact, ...]:
    return READER.facts(parse(body))


@lru_cache(20000)
def _ask(facts: tuple[AnyFact, ...], today: date) -> Answer:
    return ask(Timeline.of(facts), PATHWAY, today)


def _is_decided(one: Standing, answer: Answer) -> None:
    opened = {d.region: d.answer for d in answer.decisions if d.is_open}
    assert {e.region: e.decision.answer for e in one.episodes if e.is_open} == opened, "decided otherwise"
    told = Counter((d.region, d.answer) for d in answer.decisions if not d.is_open)
    kept = Counter((e.region, e.decision.answer) for e in one.episodes if not e.is_open)
    had_episode = any(e.region and e.decision.reasons for e in one.episodes)
    for (region, said), number in told.items():
        is_nobody = region is None and said[0] == "no-qualifying-condition"
        assert kept[region, said] >= number or (is_nobody and had_episode), "a closed episode is untold"
    for (region, said), number in kept.items():
        is_over = said[0] == "no-qualifying-condition"
        assert is_over or told[region, said] >= number, "what is over still speaks"


def _has_followed(one: Standing, decisions: Mapping[str, Decision]) -> None:
    red = any(map(is_red, decisions.values()))
    proposals = [r for r in one.referrals if r.target is not None]
    opened = [r for r in proposals if r.status in OPEN]
    for referral in opened:
        if referral.urgency == "elective":
            assert referral.status == ("on-hold" if red else "draft"), (
                "an elective proposal beside a red flag"
            )
            [own] = [d for d in decisions.values() if d.region == referral.region and d.is_open]
            is_aged = own.outcome == "review" and set(own.reasons) <= AGED
            is_supported = own.outcome == "exhausted" and own.target == referral.target
            assert is_supported or is_aged or is_red(own), "a proposal that nothing supports"
        else:
            assert any(d.outcome == "urgent" for d in decisions.values()), "an alarm without a red flag"
    for review in [r for r in one.referrals if r.target is None and r.status in OPEN]:
        assert review.episode in decisions, "a review of nothing"
        wanted = decisions[review.episode]
        assert (wanted.outcome, says(wanted)) == ("review", review.decision), "nobody needs this review"
    for key, decision in decisions.items():
        _was_said(key, decision, one.referrals)


def _was_said(key: str, decision: Decision, referrals: tuple[Referral, ...]) -> None:
    """What a decision calls for is open, or a person has answered it."""
    proposals = [r for r in referrals if r.target is not None]
    if decision.outcome == "urgent":
        asked = [r for r in proposals if r.urgency == "urgent"]
        heard = [flags_in(r.decision) for r in asked if r.status in OPEN or r.task_status == "completed"]
        assert set(map(sign, decision.flags)) <= set().union(*heard), "nobody heard of a red flag"
    if decision.outcome == "exhausted":
        same = [r for r in proposals if (r.region, r.target) == (decision.region, decision.target)]
        assert any(
            r.status in (*OPEN, "completed") or (r.task_status, r.decision) == ("completed", says(decision))
            for r in same
        ), "an exhausted trial without its proposal"
    if decision.outcome == "review":
        reviews = [r for r in referrals if r.target is None and r.episode == key]
        is_asked = any(r.status in OPEN for r in reviews)
        is_told = any(r.status == "completed" and r.decision == says(decision) for r in reviews)
        stands = set(decision.reasons) <= AGED and any(
            r.status in OPEN and r.region == decision.region for r in proposals
        )
        assert is_asked or is_told or stands, "a human is needed, and nobody was asked"


def _wakes(one: Standing, facts: tuple[AnyFact, ...]) -> None:
    """Time alone changes no decision unseen: there is a wake-up for the day on which it would."""
    assert one.asked_at is not None
    zone = ZoneInfo(ZONE)
    ask_on = _ask(facts, one.asked_at.astimezone(zone).date()).ask_on
    expected = None if ask_on is None else datetime.combine(ask_on, time(), zone)
    assert one.wake_at == expected, "it would sleep through a change"
    if one.wake_at is None:
        found = [r for r in one.referrals if r.task_status in (*_WAITING, "completed")]
        waits = {r.episode for r in found} | {r.region for r in found if r.target is not None}
        asleep = [e for e in one.episodes if e.is_open and not waits & {e.key, e.region}]
        assert {e.decision.outcome for e in asleep} <= _NEEDS_DATA, "nothing would ever wake it"
