"""Everything that is asked of one open episode on one day, each question answered once and only when asked.

The order in which the decision asks matters: what it never asks cannot move the day on which it may change.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Literal

from referral_service.core import holds, signs
from referral_service.core.cover import count, union
from referral_service.core.dates import Horizon, last_within
from referral_service.core.episode import Episode, Spell, regionless
from referral_service.core.record import Record, Treatment, qualifies
from referral_service.core.response import Point, Response, Series, point
from referral_service.core.route import Route, route
from referral_service.core.timeline import Condition, Imaging, Meaning
from referral_service.core.trial import Care, Truth

TrialClass = Literal["acute", "chronic"]


class Assessment:
    """One open episode as seen on one day.

    `alone`: it is the only open one, so that what names no region is its. `with_untied`: treatment, scores,
    medication and imaging tied to nothing count for it, as they do when it is alone.
    """

    def __init__(
        self, record: Record, episode: Episode, horizon: Horizon, alone: bool, with_untied: bool = False
    ) -> None:
        """Asks nothing yet."""
        self.record = record
        self.episode = episode
        self.horizon = horizon
        self.alone = alone
        self.with_untied = alone or with_untied
        self.numbers = record.pathway.numbers
        self.words = record.pathway.concepts

    @cached_property
    def conditions(self) -> list[Condition]:
        """The active conditions that belong to the episode; alone, also those whose code names no region."""
        found = [s.condition for s in self.episode.spells if s.is_active]
        if self.alone:
            found += [s.condition for s in regionless(self.record, self.horizon, qualifies) if s.is_active]
        return found

    @cached_property
    def care(self) -> Care:
        """Treatment and trial."""
        return Care(self.record, self.episode, self.horizon, self.with_untied)

    @cached_property
    def trial_class(self) -> TrialClass | None:
        """Acute or chronic; None before a trial."""
        trial = self.care.trial
        if trial is None:
            return None
        waited = trial.start - self.episode.start >= self.numbers.chronic_after.value
        return "chronic" if waited or self._has_chronic_code else "acute"

    @property
    def _has_chronic_code(self) -> bool:
        return any(
            self._is_chronic(m)
            for spell in self._spells(self._is_chronic)
            for m in spell.condition.meanings
            if m.region in (None, self.episode.region)
        )

    def _spells(self, wanted: Callable[[Meaning], bool]) -> list[Spell]:
        """The episode's conditions; alone, also those of a wanted meaning whose code names no region."""
        found = list(self.episode.spells)
        if self.alone:
            untied = regionless(self.record, self.horizon, wanted)
            found += [spell for spell in untied if spell.end >= self.episode.start]
        return found

    def _is_chronic(self, meaning: Meaning) -> bool:
        words = self.words
        return (
            meaning.role in ("chronic_pain", "surgical_structural")
            or meaning.detail == "chronic"
            or meaning.concept
            in words.degeneration | words.annular_defect | words.stenosis | words.spondylosis
        )

    @property
    def minimum(self) -> int:
        """The class's minimum, days."""
        chronic = self.trial_class == "chronic"
        return (self.numbers.chronic_minimum if chronic else self.numbers.acute_minimum).value

    @property
    def maximum(self) -> int:
        """The class's maximum, days."""
        chronic = self.trial_class == "chronic"
        return (self.numbers.chronic_maximum if chronic else self.numbers.acute_maximum).value

    @cached_property
    def has_minimum(self) -> Truth:
        """Whether trial time reaches the minimum."""
        return self.care.duration(self.minimum)

    @cached_property
    def has_maximum(self) -> Truth:
        """Whether trial time reaches the maximum."""
        return self.care.duration(self.maximum)

    @cached_property
    def core(self) -> Truth:
        """Active therapy and a second modality together."""
        truths = (self.care.active_therapy, self.care.second_modality)
        if "not-met" in truths:
            return "not-met"
        return "unknown" if "unknown" in truths else "met"

    @cached_property
    def response(self) -> Response:
        """The series of the region, up to the day asked for."""
        by_instrument: dict[str, list[Point]] = {}
        pathway = self.record.pathway
        for score, place in self.record.scores:
            if place.belongs(self.episode.region, self.with_untied):
                name = pathway.instrument_of[score.concept]
                read = point(score, pathway.instruments[name])
                if read and self.horizon.has_come(read.day):
                    by_instrument.setdefault(name, []).append(read)
        start = self.care.trial.start if self.care.trial else None
        return Response(
            [
                Series(name, points, pathway, self.horizon, start)
                for name, points in sorted(by_instrument.items())
            ]
        )

    @cached_property
    def studies(self) -> list[Imaging]:
        """Imaging reports and findings of the region, up to the day asked for, oldest first."""
        return [
            fact
            for fact, place in self.record.imaging
            if place.belongs(self.episode.region, self.with_untied)
            and fact.at
            and self.horizon.has_come(fact.at.day)
        ]

    @cached_property
    def reports(self) -> list[Imaging]:
        """Final MRI or CT reports of the region."""
        wanted = self.words.imaging_report
        return [s for s in self.studies if any(m.concept in wanted for m in s.meanings)]

    @cached_property
    def imaging(self) -> Literal["met", "missing", "outdated"]:
        """Whether a report is there and recent enough."""
        if not self.reports:
            return "missing"
        last = self.reports[-1].at
        assert last
        months = self.numbers.imaging_within.value
        return "met" if self.horizon.still(last_within(last.day, months)) else "outdated"

    @cached_property
    def signs(self) -> dict[str, tuple[str, ...]]:
        """The ceiling signs present, each with its evidence."""
        asked: tuple[tuple[str, Callable[[], tuple[str, ...] | None]], ...] = (
            ("rebound", lambda: signs.rebound(self.care, self.response, self.horizon)),
            ("function-flat", lambda: signs.function_flat(self.response, self.minimum)),
            (
                "imaging-progression",
                lambda: signs.imaging_progression(
                    self.record, self._spells(qualifies), self.studies, self.episode
                ),
            ),
            ("persistent-at-maximum", self._persistent),
        )
        return {name: evidence for name, ask in asked if (evidence := ask()) is not None}

    def _persistent(self) -> tuple[str, ...] | None:
        return signs.persistent_at_maximum(self.response) if self.has_maximum == "met" else None

    @cached_property
    def route(self) -> Route:
        """Which consultation."""
        return route(self)

    @cached_property
    def holds(self) -> tuple[str, ...]:
        """The reasons to wait that stand, in the order of the table."""
        found = []
        if holds.is_pregnant(self.record, self.horizon):
            found.append("pregnancy")
        if holds.is_minor(self.record, self.horizon):
            found.append("minor")
        if self.open_referrals:
            found.append("referral-exists")
        return tuple(found)

    @cached_property
    def open_referrals(self) -> tuple[str, ...]:
        """Open referrals that people made, as references."""
        return holds.open_referrals(self.record, self.episode.region, self.horizon)

    def refusals(self, target: str) -> tuple[str, ...]:
        """What records that the patient refuses the target."""
        return holds.refusals(self.record, target, self.episode.region, self.horizon)

    @cached_property
    def contraindicated(self) -> tuple[str, ...]:
        """Active therapy not done in the episode because it is contraindicated, as references."""
        found = []
        for procedure in self.record.procedures:
            if procedure.status == "not-done" and procedure.contraindicated:
                place = self.record.place(procedure.tie)
                wanted = place.belongs(self.episode.region, self.with_untied)
                if wanted and self.record.kind(procedure) == "active":
                    day = procedure.start.day if procedure.start else self.episode.start
                    if day >= self.episode.start and self.horizon.has_come(day):
                        found.append(procedure.evidence)
        return tuple(found)

    @cached_property
    def other_care(self) -> dict[str, bool]:
        """What is there besides a trial: medication (opioids too), passive care, care of another part."""
        words = self.words
        kinds = {t.kind for t in self.care.treatments}
        taken = self.care.taken(words.medication_credited | words.opioid)
        return {
            "medication-only": bool(taken),
            "passive-only": "passive" in kinds,
            "other-body-part": self._elsewhere,
        }

    @property
    def _elsewhere(self) -> bool:
        floor = self.care.floor

        def counts(t: Treatment) -> bool:
            return t.place.elsewhere and t.end >= floor and self.horizon.has_come(max(t.start, floor))

        medicated = any(
            place.elsewhere and end >= floor and self.horizon.has_come(max(start, floor))
            for _, place, start, end in self.record.medications
        )
        undated = any(t.place.elsewhere for t in self.record.undated)
        return medicated or undated or any(counts(t) for t in self.record.treatments)

    @cached_property
    def opioid_days(self) -> int:
        """Days of opioids in the episode so far."""
        return self.days_of(self.words.opioid)

    def days_of(self, concepts: frozenset[str]) -> int:
        """Days covered by medication of these concepts in the episode so far."""
        return count(union((start, end) for _, start, end in self.care.taken(concepts)), self.horizon.day)
