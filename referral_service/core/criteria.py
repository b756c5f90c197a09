"""The criteria of one open episode: truth value, measured value, threshold, source and evidence.

Source: pathway section 4. Under `urgent` every criterion but `qualifying-condition` is waived.
"""

from collections.abc import Iterable
from datetime import date
from typing import get_args

from referral_service.core.assessment import Assessment
from referral_service.core.decision import Criterion, Status
from referral_service.core.pathway import CriterionId, Number, Pathway
from referral_service.core.table import Verdict
from referral_service.core.timeline import Fact

WAIVABLE = tuple(name for name in get_args(CriterionId) if name != "qualifying-condition")


def evidence(facts: Iterable[Fact]) -> tuple[str, ...]:
    """Versioned references, each once."""
    return tuple(dict.fromkeys(fact.evidence for fact in facts))


def waived(a: Assessment) -> tuple[Criterion, ...]:
    """The criteria of an urgent decision."""
    return (_qualifying(a), *_not_evaluated(a.record.pathway, "waived"))


def unasked(pathway: Pathway, qualifying: Status, others: Status = "unknown") -> tuple[Criterion, ...]:
    """The criteria where there is no open episode, or nothing else is evaluated."""
    source = _source(pathway, "qualifying-condition")
    first = Criterion(id="qualifying-condition", status=qualifying, source=source)
    return (first, *_not_evaluated(pathway, others))


def _not_evaluated(pathway: Pathway, status: Status) -> Iterable[Criterion]:
    return (Criterion(id=name, status=status, source=_source(pathway, name)) for name in WAIVABLE)


def criteria(a: Assessment, verdict: Verdict) -> tuple[Criterion, ...]:
    """Every criterion of an elective decision."""
    return (
        _qualifying(a),
        *_durations(a),
        _active_therapy(a),
        _second_modality(a),
        _recency(a),
        _response(a),
        _ceiling_sign(a),
        _imaging(a),
        _no_hold(a, verdict),
    )


def _source(pathway: Pathway, name: str) -> str:
    """What a criterion rests on: its own line of the policy, else that of its number."""
    numbers = pathway.numbers
    own: dict[str, str] = {
        "duration-minimum": numbers.acute_minimum.source,
        "duration-maximum": numbers.acute_maximum.source,
        "recency": numbers.recency.source,
        "imaging": numbers.imaging_within.source,
    }
    written = {str(key): text for key, text in pathway.sources.items()}
    return written.get(name) or own[name]


def _qualifying(a: Assessment) -> Criterion:
    return Criterion(
        id="qualifying-condition",
        status="met",
        source=_source(a.record.pathway, "qualifying-condition"),
        evidence=evidence(a.conditions),
    )


def _durations(a: Assessment) -> tuple[Criterion, ...]:
    visits = evidence(t.fact for t in a.care.of("active", "manual", "injection"))
    numbers = a.numbers
    chronic = a.trial_class == "chronic"
    asked: tuple[tuple[str, Number, Status], ...] = (
        (
            "duration-minimum",
            numbers.chronic_minimum if chronic else numbers.acute_minimum,
            a.has_minimum,
        ),
        (
            "duration-maximum",
            numbers.chronic_maximum if chronic else numbers.acute_maximum,
            a.has_maximum,
        ),
    )
    return tuple(
        Criterion(
            id=name,
            status=status,
            value=a.care.days,
            unit=number.unit,
            threshold=number.value if a.trial_class else None,
            source=number.source,
            evidence=visits,
        )
        for name, number, status in asked
    )


def _active_therapy(a: Assessment) -> Criterion:
    return Criterion(
        id="active-therapy",
        status=a.care.active_therapy,
        value=a.care.visit_days("active")[0],
        unit=a.numbers.active_visits.unit,
        threshold=a.numbers.active_visits.value,
        source=_source(a.record.pathway, "active-therapy"),
        evidence=evidence(t.fact for t in a.care.of("active")),
    )


def _second_modality(a: Assessment) -> Criterion:
    found = [name for name, truth in a.care.modalities.items() if truth == "met"] if a.care.trial else []
    in_trial = [fact for fact, start, end in a.care.medication if a.care.trial and end >= a.care.trial.start]
    others = [t.fact for t in a.care.of("manual", "injection", "self")]
    return Criterion(
        id="second-modality",
        status=a.care.second_modality,
        value=", ".join(found) or None,
        threshold=a.numbers.modalities_needed.value,
        source=_source(a.record.pathway, "second-modality"),
        evidence=evidence([*others, *in_trial]),
    )


def _recency(a: Assessment) -> Criterion:
    last = a.care.last_treatment
    return Criterion(
        id="recency",
        status=a.care.recency,
        value=None if last is None else date.fromordinal(min(last, a.horizon.day)).isoformat(),
        unit=a.numbers.recency.unit,
        threshold=a.numbers.recency.value,
        source=a.numbers.recency.source,
        evidence=evidence(a.care.last_treated),
    )


def _response(a: Assessment) -> Criterion:
    said = {kind: a.response.verdict(kind) for kind in ("pain", "function")}
    if not a.response.verdicts or "unknown" in a.response.verdicts or a.response.is_mixed:
        status: Status = "unknown"
    else:
        status = "not-met" if a.response.is_improved else "met"
    return Criterion(
        id="response",
        status=status,
        value=", ".join(f"{kind} {verdict}" for kind, verdict in said.items() if verdict) or None,
        source=_source(a.record.pathway, "response"),
        evidence=tuple(e for s in a.response.evaluable for e in s.evidence()),
    )


def _ceiling_sign(a: Assessment) -> Criterion:
    unknown: Status = "unknown" if a.has_maximum == "unknown" else "not-met"
    return Criterion(
        id="ceiling-sign",
        status="met" if a.signs else unknown,
        value=", ".join(a.signs) or None,
        source=_source(a.record.pathway, "ceiling-sign"),
        evidence=tuple(dict.fromkeys(e for found in a.signs.values() for e in found)),
    )


def _imaging(a: Assessment) -> Criterion:
    last = a.reports[-1] if a.reports else None
    return Criterion(
        id="imaging",
        status="met" if a.imaging == "met" else "not-met",
        value=last.at.earliest.isoformat() if last and last.at else None,
        unit=a.numbers.imaging_within.unit,
        threshold=a.numbers.imaging_within.value,
        source=a.numbers.imaging_within.source,
        evidence=(last.evidence,) if last else (),
    )


def _no_hold(a: Assessment, verdict: Verdict) -> Criterion:
    declined = "declined" in verdict.reasons
    return Criterion(
        id="no-hold",
        status="not-met" if a.holds or declined else "met",
        value=", ".join((*a.holds, *(["declined"] if declined else []))) or None,
        source=_source(a.record.pathway, "no-hold"),
        evidence=(*a.open_referrals, *(a.refusals(a.route.way) if declined else ())),
    )
