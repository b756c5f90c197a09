"""What a picture shows of one episode, asked of the core's own objects, so that it cannot tell another story.

Places, kinds of treatment, cover, classes and scores are the core's; only dates are as they were received,
because the core settles partial ones.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cached_property
from typing import NamedTuple

from referral_service.api.worklist.picture_words import through
from referral_service.core.assembly import Judged
from referral_service.core.assessment import Assessment
from referral_service.core.dates import ENDLESS, Horizon, When
from referral_service.core.decide import Answers, Question, combined
from referral_service.core.decision import Decision
from referral_service.core.pathway import Pathway
from referral_service.core.record import Place, Record
from referral_service.core.response import Point, Series, point
from referral_service.core.timeline import (
    AnyFact,
    Condition,
    Fact,
    Imaging,
    Meaning,
    Medication,
    Score,
    Timeline,
)
from referral_service.core.trial import Care, Trial


class Item(NamedTuple):
    """One fact with the first and the last day that it may mean (None: no date), and both in words."""

    fact: Fact
    first: int | None
    last: int
    is_exact: bool
    when: str


class Shown:
    """One decision's episode on one day."""

    def __init__(self, facts: Sequence[AnyFact], pathway: Pathway, decision: Decision, as_of: date) -> None:
        """`facts` are all that is known of the patient."""
        timeline = Timeline.of(facts)
        self.pathway, self.decision, self.today = pathway, decision, as_of.toordinal()
        self._written = {(fact.source, fact.part): fact for fact in timeline.facts}
        answers, _ = Question(timeline, pathway).on(self.today)
        judged = answers.get(_key(decision), [])
        self.assessment = judged[0].assessment if judged else None
        self.record = _record(answers, judged)
        self.is_current = bool(judged) and combined(judged).answer == decision.answer and self._starts_alike()
        self.start = decision.begun_on.toordinal() if decision.begun_on else 0
        start = decision.episode_start.toordinal() if decision.episode_start else 0
        self.until = _next_start(answers, decision.region, start) if decision.is_history else ENDLESS

    def _starts_alike(self) -> bool:
        trial = self.care.trial if self.care else None
        told = self.decision.trial_start
        return bool(self.decision.flags) or (trial.start if trial else None) == (told and told.toordinal())

    @property
    def care(self) -> Care | None:
        """Treatment and trial of an open episode."""
        return self.assessment.care if self.assessment else None

    @property
    def trial(self) -> Trial | None:
        """The trial judged; None too where the decision has not asked for it."""
        return self.care.trial if self.care and self.decision.trial_start else None

    @property
    def judging(self) -> Assessment | None:
        """The assessment where its trial was asked for."""
        return self.assessment if self.trial else None

    def is_here(self, place: Place) -> bool:
        """Whether what belongs to a place is this decision's; without a region all of the spine is."""
        if self.decision.region is None:
            return not place.elsewhere
        return place.belongs(self.decision.region, self.assessment.with_untied if self.assessment else True)

    def treatments(self, *kinds: str) -> list[Item]:
        """What was done of these kinds, the undated last."""
        found = [
            self.item(t.fact, t.fact.start, t.fact.end, t.end)
            for t in (*self.record.treatments, *self.record.undated)
            if t.kind in kinds and self.is_here(t.place)
        ]
        return list(self._told(found))

    def operations(self) -> list[Item]:
        """Spine surgery and intradiscal treatment that was completed."""
        done = [(fact, place) for fact, place in (*self.record.operations, *self.record.intradiscal)]
        return list(self._told(self.item(f, f.start, f.end) for f, place in done if self.is_here(place)))

    def contraindicated(self) -> list[Item]:
        """Active therapy that was not done because it must not be."""
        wanted = self.assessment.contraindicated if self.assessment else ()
        found = (fact for fact in self.record.procedures if fact.evidence in wanted)
        return list(self._told(self.item(f, f.start, f.end) for f in found))

    def medications(self) -> list[tuple[Meaning, Item]]:
        """Medication given, with the class that it counts as."""
        dated = [
            (fact, self.item(fact, fact.start, fact.end, last))
            for fact, place, _, last in self.record.medications
            if self.is_here(place)
        ]
        undated = [
            (fact, self.item(fact, None))
            for fact in self._written.values()
            if isinstance(fact, Medication) and fact.is_given and not fact.start
            if self.is_here(self.record.place(fact.tie))
        ]
        credited = self.pathway.concepts.medication_credited
        classes = {
            item.fact.evidence: next((m for m in fact.meanings if m.concept in credited), fact.meanings[0])
            for fact, item in (*dated, *undated)
            if fact.meanings
        }
        items = self._told(item for _, item in (*dated, *undated) if item.fact.evidence in classes)
        return [(classes[item.fact.evidence], item) for item in items]

    def is_in_trial(self, item: Item) -> bool:
        """Whether it is care of the trial."""
        return (item.fact.source, item.fact.part) in self._trial_keys

    @cached_property
    def _trial_keys(self) -> frozenset[tuple[str, int]]:
        if not (self.care and self.trial):
            return frozenset()
        visits = [t.fact for t in self.care.of("active", "manual", "injection", "self", "passive")]
        taken = [fact for fact, _, end in self.care.medication if end >= self.trial.start]
        return frozenset((fact.source, fact.part) for fact in (*visits, *taken))

    def imaging(self) -> list[Item]:
        """Reports and findings."""
        found: list[Imaging] = [fact for fact, place in self.record.imaging if self.is_here(place)]
        return list(self._told(self.item(fact, fact.at) for fact in found))

    def series(self) -> Sequence[Series]:
        """The scores that the decision reads, by instrument."""
        if self.assessment:
            return self.assessment.response.series
        by_instrument: dict[str, list[Point]] = {}
        for score, place in self.record.scores:
            name = self.pathway.instrument_of[score.concept]
            read = point(score, self.pathway.instruments[name])
            if read and self.is_here(place) and read.day <= self.today and read.day < self.until:
                by_instrument.setdefault(name, []).append(read)
        horizon = Horizon(self.today)
        return [
            Series(name, by_instrument[name], self.pathway, horizon, None) for name in sorted(by_instrument)
        ]

    def undated_scores(self, name: str) -> list[Item]:
        """Values of an instrument that nothing dates."""
        return [
            self.item(fact, None)
            for fact in self._written.values()
            if isinstance(fact, Score) and fact.at is None
            if self.pathway.instrument_of.get(fact.concept) == name and self._is_scored_here(fact)
        ]

    def _is_scored_here(self, fact: Score) -> bool:
        regions = self.pathway.instruments[self.pathway.instrument_of[fact.concept]].regions
        return self.is_here(Place(frozenset(regions)) if regions else self.record.place(fact.tie))

    def flags(self) -> list[tuple[str, str, Item]]:
        """The red flags of the decision: concept, what the flag is by itself, and the Condition."""
        found = []
        for concept, day, source, reason, _ in self.decision.flags:
            condition = self._written.get((source, 0))
            if isinstance(condition, Condition):
                dated = condition.onset or condition.recorded
                moment = When(day, day) if day else dated
                found.append((concept, reason, self.item(condition, moment)))
        return found

    def item(self, fact: Fact, start: When | None, end: When | None = None, last: int = 0) -> Item:
        """A fact with its days; `last` is the last one as the core has it, `start` and `end` as settled."""
        written = self._written[fact.source, fact.part]
        if start is None:
            return Item(written, None, 0, False, "no date")
        start = _as_received(written, "start", "at") or start
        end = _as_received(written, "end") or end
        first = start.earliest.toordinal()
        ends = [last, first, *(self._latest(it) for it in (start, end) if it)]
        is_exact = start.is_exact and (end is None or end.is_exact)
        return Item(written, first, max(ends), is_exact, through(start, end, max(last, first)))

    def _latest(self, moment: When) -> int:
        """The last day that it may mean; a partial one not after the day asked for."""
        latest = moment.latest.toordinal()
        return latest if moment.is_exact else max(moment.earliest.toordinal(), min(latest, self.today))

    def _told(self, items: Iterable[Item]) -> Iterator[Item]:
        """Those that have come and are of this episode, or near it; the undated last."""
        found = list(items)
        dated = [i for i in found if i.first is not None and i.first <= self.today and i.first < self.until]
        yield from sorted(dated, key=lambda i: (i.first or 0, i.last, i.fact.source, i.fact.part))
        yield from (i for i in found if i.first is None)


def _key(decision: Decision) -> str | None:
    """Under which the core judges this decision's episode."""
    if decision.is_history and decision.episode_start:
        return f"{decision.region} {decision.episode_start.toordinal()}"
    return decision.region


def _record(answers: Answers, judged: Sequence[Judged]) -> Record:
    """The record that the judgement was made from; of other readings of the dates where it has none."""
    every = (*judged, *(each for found in answers.values() for each in found))
    return next(each.record for each in every if each.record)


def _next_start(answers: Answers, region: str | None, start: int) -> int:
    """The first day of the region's next episode."""
    every = (each.episode for found in answers.values() for each in found)
    starts = (it.start for it in every if it and it.region == region and it.start > start)
    return min(starts, default=ENDLESS)


def _as_received(fact: Fact, *names: str) -> When | None:
    return next((when for name in names if (when := getattr(fact, name, None))), None)
