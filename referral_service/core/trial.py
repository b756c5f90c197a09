"""The care of one episode: its treatments, the trial judged, and what in it is covered and counted.

Source: pathway section 1 (trial, trial time), section 2 (what counts) and section 4 (the core).
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Literal, NamedTuple

from referral_service.core.cover import Span, clipped, count, day_reaching, fewest_days, most_days, union
from referral_service.core.dates import Horizon, add_months, last_within
from referral_service.core.episode import Episode
from referral_service.core.record import Record, Treatment, last_day
from referral_service.core.timeline import Fact, Medication

Truth = Literal["met", "not-met", "unknown"]
STARTS_TRIAL = frozenset({"active", "manual", "injection"})


class Trial(NamedTuple):
    """The last trial begun: its first day, its cover as a union, and the last covered day."""

    start: int
    cover: list[Span]

    @property
    def end(self) -> int:
        """The last covered day, which may lie ahead."""
        return self.cover[-1][1]


class Care:
    """What was done in one episode up to the day asked for. `with_untied`: untied facts count here."""

    def __init__(self, record: Record, episode: Episode, horizon: Horizon, with_untied: bool) -> None:
        """Reads the record; every fact after the day asked for moves the horizon and is not seen."""
        self._record = record
        self._region = episode.region
        self._horizon = horizon
        self._with_untied = with_untied
        self.numbers = record.pathway.numbers
        self.floor = max(episode.start, self._after_surgery())
        self.treatments = [
            t if t.start >= self.floor else t._replace(start=self.floor)
            for t in record.treatments
            if t.end >= self.floor
            and t.place.belongs(self._region, with_untied)
            and horizon.has_come(max(t.start, self.floor))
        ]
        self.undated = [t for t in record.undated if t.place.belongs(self._region, with_untied)]
        self.visits = [t for t in self.treatments if t.kind in STARTS_TRIAL]

    def _after_surgery(self) -> int:
        """The first day that is not post-operative, or 0."""
        first = 0
        for procedure, place in self._record.operations:
            here = place.belongs(self._region, self._with_untied)
            if procedure.start and here and self._horizon.has_come(procedure.start.day):
                healed = add_months(last_day(procedure), self.numbers.post_operative.value)
                first = max(first, healed + 1)
        return first

    def taken(self, concepts: Iterable[str]) -> list[tuple[Medication, int, int]]:
        """Medication of these concepts begun in the episode so far: with its first and last covered day."""
        wanted = frozenset(concepts)
        return [
            (fact, max(start, self.floor), end)
            for fact, place, start, end in self._record.medications
            if end >= self.floor
            and place.belongs(self._region, self._with_untied)
            and any(m.concept in wanted for m in fact.meanings)
            and self._horizon.has_come(max(start, self.floor))
        ]

    @cached_property
    def medication(self) -> list[tuple[Medication, int, int]]:
        """Credited medication: never opioids."""
        return self.taken(self._record.pathway.concepts.medication_credited)

    def _covers(self, treatments: Iterable[Treatment]) -> list[Span]:
        return [(t.start, t.end + self.numbers.visit_covers.value) for t in treatments]

    @cached_property
    def trial(self) -> Trial | None:
        """The last trial begun, even if it has ended; None before any treatment that starts one."""
        if not self.visits:
            return None
        cover = union([*self._covers(self.visits), *((start, end) for _, start, end in self.medication)])
        starts = sorted(t.start for t in self.visits)
        gap = self.numbers.gap_ends_trial.value
        trial = Trial(starts[0], [])
        for first, last in clipped(cover, starts[0], cover[-1][1]):
            if trial.cover and first - trial.end - 1 > gap:
                later = next((day for day in starts if day > trial.end), None)
                if later is None:
                    break
                if last < later:
                    continue
                trial, first = Trial(later, []), max(first, later)
            trial.cover.append((first, last))
        return trial

    @cached_property
    def has_ended(self) -> bool:
        """Whether more uncovered days in a row than allowed have followed the trial's cover."""
        return self.trial is not None and not self._horizon.still(
            self.trial.end + self.numbers.gap_ends_trial.value
        )

    @cached_property
    def days(self) -> int:
        """Trial time: covered days from the trial's first day through the day asked for."""
        return count(self.trial.cover, self._horizon.day) if self.trial else 0

    def has_lasted(self, days: int) -> bool:
        """Whether trial time has reached `days`."""
        return self.trial is not None and self._comes(day_reaching(self.trial.cover, days))

    @cached_property
    def active(self) -> list[Treatment]:
        """The trial's active visits, where a policy says so only those recent enough."""
        within = self.numbers.active_within
        if within is None:
            return self.of("active")
        return [t for t in self.of("active") if self._horizon.still(last_within(t.end, within.value))]

    def _comes(self, day: int | None) -> bool:
        return day is not None and self._horizon.has_come(day)

    def of(self, *kinds: str) -> list[Treatment]:
        """The trial's treatments of these kinds."""
        if self.trial is None:
            return []
        first, last = self.trial.start, self.trial.end + self.numbers.gap_ends_trial.value
        return [t for t in self.treatments if t.kind in kinds and t.end >= first and t.start <= last]

    def visit_days(self, kind: str) -> tuple[int, int]:
        """The least and the greatest number of visit-days of a kind in the trial so far."""
        found = self.active if kind == "active" else self.of(kind)
        today = self._horizon.day
        single = {t.start for t in found if not t.is_course}
        courses = [(t.start, min(t.end, today)) for t in found if t.is_course]
        if any(t.end > today for t in found if t.is_course):
            self._horizon.has_come(today + 1)
        return fewest_days(single, courses), most_days(single, courses)

    def _enough_visits(self, kind: str, needed: int) -> Truth:
        fewest, most = self.visit_days(kind)
        if fewest >= needed:
            return "met"
        return "unknown" if most >= needed else "not-met"

    @cached_property
    def active_covered(self) -> int:
        """Days covered by active visits in the trial."""
        return count(union(self._covers(self.active)), self._horizon.day)

    @cached_property
    def active_therapy(self) -> Truth:
        """Enough active visit-days, and enough days covered by them."""
        reached = day_reaching(union(self._covers(self.active)), self.numbers.active_covered.value)
        if not self._comes(reached):
            return self._unless_undated("not-met")
        return self._unless_undated(self._enough_visits("active", self.numbers.active_visits.value))

    @cached_property
    def medication_cover(self) -> list[Span]:
        """Days of credited medication in the trial, as a union."""
        assert self.trial
        return clipped(
            union((start, end) for _, start, end in self.medication), self.trial.start, self.trial.end
        )

    @cached_property
    def modalities(self) -> dict[str, Truth]:
        """Each other modality, and whether the trial holds enough of it."""
        numbers = self.numbers
        injections = len({(t.start, t.fact.source) for t in self.of("injection")})
        advice = len(self.of("self"))
        reached = day_reaching(self.medication_cover, numbers.medication_covered.value)
        return {
            "medication": "met" if self._comes(reached) else self._untold_medication,
            "manual": self._enough_visits("manual", numbers.manual_visits.value),
            "injection": "met" if injections >= numbers.injections.value else "not-met",
            "self-management": "met" if advice >= numbers.self_management.value else "not-met",
        }

    @property
    def _untold_medication(self) -> Truth:
        credited = self._record.pathway.concepts.medication_credited
        is_given = any(
            place.belongs(self._region, self._with_untied)
            and any(m.concept in credited for m in fact.meanings)
            for fact, place in self._record.undated_medications
        )
        return "unknown" if is_given else "not-met"

    @cached_property
    def second_modality(self) -> Truth:
        """Enough other modalities beside active therapy."""
        if self.trial is None:
            return self._unless_undated("not-met")
        truths = list(self.modalities.values())
        needed = self.numbers.modalities_needed.value
        if self._required_injections < self.numbers.injections_required.value:
            return self._unless_undated("not-met")
        if truths.count("met") >= needed:
            return "met"
        possible = truths.count("met") + truths.count("unknown") >= needed
        return self._unless_undated("unknown" if possible else "not-met", "self")

    @property
    def _required_injections(self) -> int:
        wanted = self._record.pathway.concepts.required_injection
        return sum(any(m.concept in wanted for m in t.fact.meanings) for t in self.of("injection"))

    def _unless_undated(self, truth: Truth, *also: str) -> Truth:
        return "unknown" if truth == "not-met" and self.is_undated(*also) else truth

    def is_undated(self, *also: str) -> bool:
        """Whether a treatment of the episode has a date that cannot be read."""
        return any(t.kind in STARTS_TRIAL or t.kind in also for t in self.undated)

    def duration(self, days: int) -> Truth:
        """Whether trial time has reached `days`."""
        return "met" if self.has_lasted(days) else self._unless_undated("not-met")

    @cached_property
    def last_treatment(self) -> int | None:
        """The last day of treatment: a visit-day or a day of credited medication; it may lie ahead."""
        ends = [t.end for t in self.visits] + [end for _, _, end in self.medication]
        return max(ends, default=None)

    @property
    def last_treated(self) -> list[Fact]:
        """What was done on the last day of treatment."""
        found: list[tuple[Fact, int]] = [(t.fact, t.end) for t in self.visits]
        found += [(fact, end) for fact, _, end in self.medication]
        return [fact for fact, end in found if end == self.last_treatment]

    @cached_property
    def recency(self) -> Truth:
        """Whether the last treatment lies within the months allowed."""
        last = self.last_treatment
        if last is not None and self._horizon.still(last_within(last, self.numbers.recency.value)):
            return "met"
        return self._unless_undated("not-met")
