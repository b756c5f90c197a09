"""The decision: a pure function of the timeline, the pathway and the day, with the day it may change.

The service, the offline command, `$assess`, simulation and replay all call `ask` or `decide`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from msgspec.structs import replace

from referral_service.core.assembly import Asked, Judged, assemble, sight
from referral_service.core.assessment import Assessment
from referral_service.core.dates import ENDLESS, Horizon
from referral_service.core.decision import Decision
from referral_service.core.episode import Episode, closing_reasons, episodes
from referral_service.core.flags import Flags
from referral_service.core.holds import is_deceased, is_pregnant
from referral_service.core.pathway import Pathway
from referral_service.core.record import REGIONS, Record
from referral_service.core.settle import Facts, Settler
from referral_service.core.table import WAITING, Verdict, verdict
from referral_service.core.timeline import Timeline

Answers = Mapping[str | None, list[Judged]]
_NOBODY = Verdict("no-qualifying-condition", ("none",))
_OVER = Verdict("no-qualifying-condition", ("resolved",))
_URGENT_REASONS = ("red-flag-hard", "red-flag-soft", "possible-red-flag")


class Answer(NamedTuple):
    """The decisions of one patient, earlier closed episodes last; the first later day that any changes.

    `ask_on`: when to ask again, with nothing new: then, or where one may change later than `wake_on` looks,
    on the last day that it looks at.
    """

    decisions: tuple[Decision, ...]
    wake_on: date | None
    ask_on: date | None


def decide(timeline: Timeline, pathway: Pathway, as_of: date) -> tuple[Decision, ...]:
    """One decision for each region that has or had an episode, or one without a region; no history."""
    return tuple(d for d in ask(timeline, pathway, as_of).decisions if not d.is_history)


def ask(timeline: Timeline, pathway: Pathway, as_of: date) -> Answer:
    """The decisions, each with its `wake_on`, and the patient's own."""
    question = Question(timeline, pathway)
    day = as_of.toordinal()
    today, horizon = question.on(day)
    now = {key: combined(judged) for key, judged in today.items()}
    wakes, any_wake, beyond = question.wakes(today, now, day, horizon)
    asked = Asked(timeline.facts, pathway, day)
    decisions = tuple(
        replace(
            assemble(judged, now[key], asked, wakes.get(key)),
            is_history=key is not None and key != judged[0].region,
        )
        for key, judged in today.items()
    )
    wake_on = _date(any_wake)
    return Answer(decisions, wake_on, wake_on or _date(beyond))


def was_exhausted(
    timeline: Timeline, pathway: Pathway, region: str, target: str, days: Iterable[date]
) -> bool:
    """Whether these facts called for that referral on one of these days, each asked in turn."""
    question = Question(timeline, pathway)
    found = (question.on(day.toordinal())[0].get(region) for day in days)
    verdicts = (combined(judged) for judged in found if judged)
    return any((one.outcome, one.target) == ("exhausted", target) for one in verdicts)


def _date(day: int | None) -> date | None:
    return None if day is None else date.fromordinal(day)


class Question:
    """One patient's facts and a pathway, to be asked for one day after another."""

    def __init__(self, timeline: Timeline, pathway: Pathway) -> None:
        """Records are kept, so that days that see the same dates share them."""
        self._pathway = pathway
        self._settler = Settler(timeline.facts, pathway)
        self._records: dict[Facts, Record] = {}

    def _record(self, choice: Facts) -> Record:
        record = self._records.get(choice)
        if record is None:
            record = self._records[choice] = Record((*self._settler.firm, *choice), self._pathway)
        return record

    def on(self, day: int) -> tuple[Answers, int]:
        """For each region (None: no episode) one judgement per variant, and the next day of change."""
        horizon = Horizon(day)
        if self._settler.moves(day):
            horizon.has_come(day + 1)
        judged: dict[Facts, dict[str | None, Judged]] = {}

        def judge(choice: Facts) -> dict[str | None, Judged]:
            if choice not in judged:
                judged[choice] = _judge(self._record(choice), horizon)
            return judged[choice]

        choices = self._settler.variants(day, lambda choice: sight(judge(choice), self._pathway))
        if len(judged) > 2:
            # Which dates decide shows in measured values, and these change from day to day.
            horizon.has_come(day + 1)
        return _aligned([judge(choice) for choice in choices]), horizon.next

    def wakes(
        self, today: Answers, now: Mapping[str | None, Verdict], day: int, following: int
    ) -> tuple[dict[str | None, int], int | None, int | None]:
        """For each region the first later day on which its answer differs; and the first for the patient.

        Last the last day that is looked at, if an answer may change after it.

        `now` are the verdicts of `today`, `following` the next day of change. To the patient a flag or an
        episode that comes or goes matters too, though the answer stays `urgent`.
        """
        # The calendar's last day stands for "never", so it is not looked at.
        last = min(day + self._pathway.numbers.wake_within.value, ENDLESS - 1)
        found: dict[str | None, int] = {}
        first: int | None = None
        asked = {key: said for key, said in now.items() if key in (None, *REGIONS)}
        beneath = _beneath(today)
        while following <= last and len(found) < len(asked):
            judged, beyond = self.on(following)
            later = {key: combined(each).answer for key, each in judged.items()}
            for key, verdict_now in asked.items():
                if key not in found and later.get(key) != verdict_now.answer:
                    found[key] = following
            is_news = found or later.keys() - now.keys() or _beneath(judged) != beneath
            if first is None and is_news:
                first = following
            following = beyond
        return found, first, last if last < following < ENDLESS else None


def _beneath(answers: Answers) -> set[tuple[str, str]]:
    """What `urgent` does not tell: the red flags, concept and source, and the episodes that are open."""
    every = [(key, each) for key, judged in answers.items() for each in judged]
    flags = {(flag.concept, flag.condition.source) for _, each in every for flag in each.flags}
    return flags | {("open", str(key)) for key, each in every if each.assessment}


def combined(judged: Sequence[Judged]) -> Verdict:
    """One verdict of several: the same, or `dates-unclear`, or the reasons common to all, else all."""
    verdicts = [each.verdict for each in judged]
    first = verdicts[0]
    if len({v.answer for v in verdicts}) == 1:
        return first
    if len({(v.outcome, v.target) for v in verdicts}) > 1:
        grave = any(reason in _URGENT_REASONS for v in verdicts for reason in v.reasons)
        return Verdict("review", ("possible-red-flag",) if grave else ("dates-unclear",))
    common = [r for r in first.reasons if all(r in v.reasons for v in verdicts)]
    union = dict.fromkeys(r for v in verdicts for r in v.reasons)
    return Verdict(first.outcome, tuple(common or union), first.target)


def _aligned(variants: Sequence[Mapping[str | None, Judged]]) -> dict[str | None, list[Judged]]:
    """Per region the judgement of every variant.

    A variant without an open episode there has nobody to refer, unless a flag that needs no episode stands in
    it: that flag speaks for the open episodes of the others, else for its own region or none.
    """
    if len(variants) == 1:
        return {key: [judged] for key, judged in variants[0].items()}
    lone = [next(filter(_is_lone, variant.values()), None) for variant in variants]
    opened = {key for variant in variants for key, judged in variant.items() if judged.assessment}
    over = {key: judged for variant in variants for key, judged in variant.items() if judged.verdict == _OVER}
    speaks_for = opened or {judged.region for judged in [*filter(None, lone)][:1]}
    keys = dict.fromkeys(key for variant in variants for key in variant)
    found = {
        key: [
            _of(variant, key, over, flag if key in speaks_for else None)
            for variant, flag in zip(variants, lone, strict=True)
        ]
        for key in keys
        if _is_kept(key, variants, speaks_for)
    }
    return found if found.keys() <= {None} or None in speaks_for else {k: j for k, j in found.items() if k}


def _is_lone(judged: Judged) -> bool:
    """A hard flag of a patient without an open episode."""
    return bool(judged.flags) and judged.assessment is None


def _is_kept(
    key: str | None, variants: Sequence[Mapping[str | None, Judged]], speaks_for: set[str | None]
) -> bool:
    """Not what only a flag made that is told elsewhere; of earlier episodes those that every variant has."""
    if key not in (None, *REGIONS):
        return all(key in variant for variant in variants)
    return key in speaks_for or any(key in variant and not _is_lone(variant[key]) for variant in variants)


def _of(
    variant: Mapping[str | None, Judged],
    key: str | None,
    over: Mapping[str | None, Judged],
    flag: Judged | None,
) -> Judged:
    """`over` has the closed episodes, of which nothing is said where a lone flag stands in their region."""
    own = variant.get(key)
    if own is None:
        own = Judged(_NOBODY, key)
    elif _is_lone(own):
        own = over.get(key, Judged(_NOBODY, key))
    if own.verdict.outcome != "no-qualifying-condition" or flag is None:
        return own
    return flag._replace(region=key)


def _judge(record: Record, horizon: Horizon) -> dict[str | None, Judged]:
    """Every decision of one patient on one day, with exact dates."""
    chains = episodes(record, horizon)
    last = {region: found[-1] for region, found in chains.items()}
    opened = {region: e for region, e in last.items() if e.is_open}
    earlier: dict[str | None, Judged] = {
        f"{e.region} {e.start}": _over(e) for found in chains.values() for e in found[:-1]
    }
    if is_deceased(record, horizon):
        dead = {**_after_death(last), **earlier}
        return {key: judged._replace(record=record) for key, judged in dead.items()}
    flags = Flags(record, horizon, is_pregnant(record, horizon, is_sure=True))
    found: dict[str | None, Judged] = {
        region: _judge_open(record, episode, horizon, flags, opened) if region in opened else _over(episode)
        for region, episode in last.items()
    }
    if flags.hard and not opened:
        region = flags.hard[0].region
        urgent = Verdict("urgent", ("red-flag-hard",), "surgical")
        found[region] = Judged(urgent, region, flags=flags.hard, priority=flags.priority(flags.hard))
    if not found:
        reasons = closing_reasons(record, horizon)
        found[None] = Judged(Verdict("no-qualifying-condition", reasons), None)
    return {key: judged._replace(record=record) for key, judged in (*found.items(), *earlier.items())}


def _over(episode: Episode) -> Judged:
    return Judged(_OVER, episode.region, episode=episode)


def _after_death(last: Mapping[str, Episode]) -> dict[str | None, Judged]:
    dead = Verdict("on-hold", ("deceased",))
    if not last:
        return {None: Judged(dead, None)}
    return {
        region: Judged(dead, region, episode=episode) if episode.is_open else _over(episode)
        for region, episode in last.items()
    }


def _judge_open(
    record: Record, episode: Episode, horizon: Horizon, flags: Flags, opened: Mapping[str, Episode]
) -> Judged:
    alone = len(opened) == 1
    assessment = Assessment(record, episode, horizon, alone)
    reached = flags.reaching(episode.start)
    judged = Judged(_NOBODY, episode.region, assessment, episode)
    if flags.hard or flags.is_urgent(reached):
        slugs = (("red-flag-hard", flags.hard), ("red-flag-soft", flags.is_urgent(reached)))
        urgent = Verdict("urgent", tuple(slug for slug, holds in slugs if holds), "surgical")
        priority = flags.priority(flags.hard)
        return judged._replace(verdict=urgent, flags=flags.hard + reached, priority=priority)
    if reached:
        return judged._replace(
            verdict=Verdict("review", ("possible-red-flag",)), flags=reached, priority="urgent"
        )
    found = verdict(assessment)
    if not alone and found.outcome in WAITING:
        untied = Assessment(record, episode, horizon, alone, with_untied=True)
        if verdict(untied).outcome not in WAITING:
            found = Verdict("review", ("region-unclear",))
    return judged._replace(verdict=found)
