"""A decision put together from its judgements: criteria, evidence, what is missing or left out, notes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal, NamedTuple

from msgspec.structs import replace

from referral_service.core.assessment import Assessment
from referral_service.core.criteria import criteria, unasked, waived
from referral_service.core.dates import LONG_AGO
from referral_service.core.decision import Criterion, Decision, RedFlag
from referral_service.core.episode import Episode
from referral_service.core.flags import Flag
from referral_service.core.left_out import Seen, left_out
from referral_service.core.outlook import Outlook, outlook
from referral_service.core.pathway import Pathway
from referral_service.core.record import REGIONS, Record
from referral_service.core.settle import Sight
from referral_service.core.table import Verdict
from referral_service.core.timeline import AnyFact, Condition

Priority = Literal["routine", "urgent", "stat"]

# What would have to arrive, for the criteria and reasons that lack something.
_MISSING_BY_REASON = {
    "imaging-missing": "imaging",
    "imaging-outdated": "imaging",
    "no-outcome-measure": "outcome-measure",
    "outcome-outdated": "outcome-measure",
    "function-not-measured": "function-measure",
    "conflicting-scores": "outcome-measure",
    "dates-unclear": "exact-dates",
    "region-unclear": "region-of-treatment",
    "region-unspecified": "region-of-condition",
}
_LACKING = ("duration-minimum", "active-therapy", "second-modality", "imaging")


class Judged(NamedTuple):
    """One verdict of one variant, with what it was reached from. `record` is None after death."""

    verdict: Verdict
    region: str | None
    assessment: Assessment | None = None
    episode: Episode | None = None
    flags: tuple[Flag, ...] = ()
    priority: str = "routine"
    record: Record | None = None


class Asked(NamedTuple):
    """What was asked: all the patient's facts, by which pathway, for which day."""

    facts: tuple[AnyFact, ...]
    pathway: Pathway
    day: int


def assemble(judged: Sequence[Judged], verdict: Verdict, asked_of: Asked, wake: int | None) -> Decision:
    """The decision of one region. `judged` holds one judgement per variant of the partial dates."""
    first = _telling(judged)
    facts, pathway, day = asked_of
    asked = _merged([_criteria(each, pathway) for each in judged])
    flags = tuple(dict.fromkeys(flag for each in judged for flag in each.flags))
    written = {f.source: f for f in facts if isinstance(f, Condition)} if flags else {}
    told = dict.fromkeys(_told(flag, each.verdict, written) for each in judged for flag in each.flags)
    active = first.assessment.conditions if first.assessment else []
    rested_on = (*(e for c in asked for e in c.evidence), *_not_done(first.assessment, verdict))
    evidence = tuple(dict.fromkeys(rested_on))
    flagged = tuple(f.condition.evidence for f in flags)
    used = frozenset((*evidence, *flagged, *(c.evidence for c in active)))
    ahead = outlook(first.assessment, verdict) if first.assessment and not first.flags else Outlook()
    # Where the trial is waived, it is not told of either.
    trial = first.assessment.care.trial if first.assessment and verdict.outcome != "urgent" else None
    return Decision(
        region=first.region,
        outcome=verdict.outcome,
        reasons=tuple(sorted(verdict.reasons)),
        target=verdict.target,
        trial_class=first.assessment.trial_class if first.assessment and trial else None,
        episode_start=_start(first.episode) if first.episode else None,
        trial_start=date.fromordinal(trial.start) if trial else None,
        wake_on=None if wake is None else date.fromordinal(wake),
        route=_route(first.assessment, verdict) if first.assessment else None,
        priority=_priority(judged),
        criteria=asked,
        missing=_missing(verdict, asked),
        needs=tuple((need.what, need.amount) for need in ahead.needs),
        earliest_on=ahead.earliest,
        conditions=tuple(c.source for c in active),
        chain=tuple(s.condition.source for s in first.episode.spells) if first.episode else (),
        evidence=tuple(dict.fromkeys((*flagged, *evidence))),
        flags=tuple(told),
        flag_regions=tuple(dict.fromkeys(f.region for f in flags if f.region)),
        notes=_notes(first),
        left_out=left_out(_seen(first, first.record, verdict), facts, used, day) if first.record else (),
        is_open=bool(first.episode and first.episode.is_open),
    )


def sight(judged: Mapping[str | None, Judged], pathway: Pathway) -> Sight:
    """All that one variant of the dates comes to, but for the days themselves and for history."""
    shown = [
        (
            key,
            one.verdict,
            one.priority,
            [(flag.concept, flag.group, flag.region) for flag in one.flags],
            _criteria(one, pathway),
        )
        for key, one in judged.items()
        if key in (None, *REGIONS)
    ]
    return Sight(any(one.verdict.outcome == "exhausted" for one in judged.values()), shown)


def _telling(judged: Sequence[Judged]) -> Judged:
    """The judgement that the rest is told from: the first of an open episode, else the first of a chart."""
    return max(judged, key=lambda each: (each.assessment is not None, each.record is not None))


def _not_done(assessment: Assessment | None, verdict: Verdict) -> tuple[str, ...]:
    """What was not done, where it decides: no criterion rests on it."""
    decides = "therapy-contraindicated" in verdict.reasons
    return assessment.contraindicated if assessment and decides else ()


def _start(episode: Episode) -> date:
    """The first day of what is dated in its chain; LONG_AGO where nothing is."""
    unknown = LONG_AGO.toordinal()
    return date.fromordinal(next((s.start for s in episode.spells if s.start != unknown), unknown))


def _route(assessment: Assessment, verdict: Verdict) -> str | None:
    """Why this consultation or this question: only where the route has been asked for."""
    if verdict.outcome == "exhausted" or {"route-unclear", "declined"}.intersection(verdict.reasons):
        return assessment.route.because
    return None


def _seen(judged: Judged, record: Record, verdict: Verdict) -> Seen:
    assessment = judged.assessment
    is_asked = verdict.outcome != "urgent" and "deceased" not in verdict.reasons
    return Seen(
        record,
        judged.region,
        with_untied=assessment.with_untied if assessment else True,
        is_asked=is_asked,
        scores=_scores_of_trial(assessment) if assessment and is_asked else frozenset(),
    )


def _scores_of_trial(assessment: Assessment) -> frozenset[str]:
    return frozenset(
        point.fact.evidence for series in assessment.response.series for point in series.of_trial
    )


def _told(flag: Flag, verdict: Verdict, written: Mapping[str, Condition]) -> RedFlag:
    """The flag with its day, unless that was only settled on: `written` are the Conditions as they came."""
    settled, source = flag.condition, flag.condition.source
    is_known = (settled.onset, settled.recorded) == (written[source].onset, written[source].recorded)
    day = _date(flag.day) if is_known else None
    return RedFlag(flag.concept, day, source, _reason(flag, verdict), flag.region)


def _reason(flag: Flag, verdict: Verdict) -> str:
    """What a flag is by itself: beside a hard one, a sign that needs a human still needs one."""
    soft = "red-flag-soft" if "red-flag-soft" in verdict.reasons else "possible-red-flag"
    return soft if flag.group else "red-flag-hard"


def _date(day: int | None) -> date | None:
    return None if day is None else date.fromordinal(day)


def _priority(judged: Sequence[Judged]) -> Priority:
    priorities = {each.priority for each in judged}
    if "stat" in priorities:
        return "stat"
    return "urgent" if "urgent" in priorities else "routine"


def _criteria(judged: Judged, pathway: Pathway) -> tuple[Criterion, ...]:
    if judged.assessment is None:
        if judged.verdict.outcome == "urgent":
            return unasked(pathway, "not-met", "waived")
        return unasked(pathway, "unknown" if judged.verdict.outcome == "on-hold" else "not-met")
    if judged.verdict.outcome == "urgent":
        return waived(judged.assessment)
    return criteria(judged.assessment, judged.verdict)


def _merged(variants: Sequence[tuple[Criterion, ...]]) -> tuple[Criterion, ...]:
    """The first variant's criteria; where the variants' truth values differ, unknown."""
    return tuple(
        each[0] if len({c.status for c in each}) == 1 else replace(each[0], status="unknown")
        for each in zip(*variants, strict=True)
    )


def _missing(verdict: Verdict, asked: Iterable[Criterion]) -> tuple[str, ...]:
    if verdict.outcome in ("urgent", "no-qualifying-condition", "responding"):
        return tuple(_MISSING_BY_REASON[r] for r in verdict.reasons if r in _MISSING_BY_REASON)
    lacking = [c.id for c in asked if c.id in _LACKING and c.status in ("not-met", "unknown")]
    named = [_MISSING_BY_REASON[r] for r in verdict.reasons if r in _MISSING_BY_REASON]
    return tuple(dict.fromkeys((*named, *lacking)))


def _notes(judged: Judged) -> tuple[str, ...]:
    """What a referral mentions and no decision rests on."""
    notes: list[str] = []
    a, record = judged.assessment, judged.record
    if a is not None and not judged.flags:
        words = a.words
        if a.opioid_days > a.numbers.opioid_noted_after.value:
            notes.append("opioids-long")
        elif a.opioid_days:
            notes.append("opioids")
        notes += ["oral-steroids"] if a.days_of(words.oral_steroid) else []
        notes += ["anticoagulants"] if a.days_of(words.anticoagulant) else []
    urgent = [f for f in judged.flags if _reason(f, judged.verdict) != "possible-red-flag"]
    if urgent and all(f.is_medical for f in urgent):
        notes.append("medical-assessment")
    if record is not None and record.is_veteran:
        notes.append("veteran")
    return tuple(notes)
