"""Response to treatment: series per instrument, read in every way that an untidy value allows.

Source: pathway section 5.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import Literal, NamedTuple

from referral_service.core.dates import Horizon
from referral_service.core.pathway import Instrument, Pathway
from referral_service.core.timeline import Score

Answer = Literal["improved", "unchanged", "worse", "unknown"]
Values = dict[int, tuple[Decimal, ...]]
_PERCENT = frozenset({"%", "percent"})
_RAW_POINTS = 50


class Scale:
    """How one instrument measures change: which direction is better, and how much matters."""

    def __init__(self, instrument: Instrument, pathway: Pathway) -> None:
        """Numbers come from the policy."""
        self.instrument = instrument
        self.important = instrument.important_change.value if instrument.important_change else None
        self._part = pathway.numbers.relative_change.value

    def gain(self, before: Decimal, after: Decimal) -> Decimal:
        """How much better `after` is than `before`; negative when worse."""
        return before - after if self.instrument.better == "lower" else after - before

    def matters(self, before: Decimal) -> Decimal:
        """The smallest change from `before` that is important."""
        return self._part * before if self.important is None else Decimal(self.important)

    def is_improved(self, before: Decimal, after: Decimal) -> bool:
        """Better by the important change or by the relative part of the value before."""
        gain = self.gain(before, after)
        return gain > 0 and (gain >= self.matters(before) or gain >= self._part * before)

    def is_worse(self, before: Decimal, after: Decimal) -> bool:
        """Worse by the important change."""
        loss = -self.gain(before, after)
        return loss > 0 and loss >= self.matters(before)

    def improved_from(self, before: Decimal) -> Decimal | None:
        """The value nearest to `before` that is improved; None where any gain at all would be."""
        needed = min(self.matters(before), self._part * before)
        if needed <= 0:
            return None
        return before - needed if self.instrument.better == "lower" else before + needed

    def answer(self, before: Decimal, after: Decimal) -> Answer:
        """Improved, worse, otherwise unchanged."""
        if self.is_improved(before, after):
            return "improved"
        return "worse" if self.is_worse(before, after) else "unchanged"

    def worst(self, values: Sequence[Decimal]) -> Decimal:
        """The worst of several values."""
        return max(values) if self.instrument.better == "lower" else min(values)

    def best(self, values: Sequence[Decimal]) -> Decimal:
        """The best of several values."""
        return min(values) if self.instrument.better == "lower" else max(values)

    def settled(self, values: Sequence[Decimal]) -> tuple[Decimal, ...]:
        """The values of one day to take in turn: all when they conflict, else the worse."""
        low, high = min(values), max(values)
        if high - low >= self.matters(low):
            return tuple(sorted(set(values), key=lambda v: (v != self.worst(values), v)))
        return (self.worst(values),)


class Point(NamedTuple):
    """One value in the instrument's unit; `is_ambiguous` when it may be raw points or percent."""

    day: int
    value: Decimal
    is_ambiguous: bool
    fact: Score


def point(score: Score, instrument: Instrument) -> Point | None:
    """The score in the instrument's unit, or None outside its range."""
    assert score.at
    value, unit = score.value, (score.unit or "").strip().lower()
    if instrument.scale == "millimetre" and unit == "cm":
        value = value * 10
    if not instrument.low <= value <= instrument.high:
        return None
    ambiguous = instrument.scale == "percent" and unit not in _PERCENT and value <= _RAW_POINTS
    return Point(score.at.day, value, ambiguous, score)


class Series:
    """The values of one instrument up to the day asked for, against the trial's first day."""

    def __init__(
        self, name: str, points: Sequence[Point], pathway: Pathway, horizon: Horizon, start: int | None
    ) -> None:
        """`points` are not empty and lie on or before the day asked for."""
        self.instrument = pathway.instruments[name]
        self.scale = Scale(self.instrument, pathway)
        self.numbers = pathway.numbers
        self._horizon = horizon
        self._start = start
        self.points = sorted(points, key=lambda p: (p.day, p.fact.source, p.fact.part))

    @cached_property
    def readings(self) -> list[Values]:
        """The values by day, once as percent, and again with ambiguous values as raw points times two."""
        first = self._by_day([(p.day, p.value) for p in self.points])
        if not any(p.is_ambiguous for p in self.points):
            return [first]
        doubled = self._by_day([(p.day, p.value * 2 if p.is_ambiguous else p.value) for p in self.points])
        return [first, doubled]

    def _by_day(self, values: Sequence[tuple[int, Decimal]]) -> Values:
        days: dict[int, list[Decimal]] = {}
        for day, value in values:
            days.setdefault(day, []).append(value)
        return {day: self.scale.settled(found) for day, found in days.items()}

    @cached_property
    def baseline(self) -> int | None:
        """The day of the value nearest to the trial's first day, else of the first value after it."""
        if self._start is None:
            return None
        start, within = self._start, self.numbers.baseline_within.value
        days = sorted({p.day for p in self.points})
        near = [day for day in days if abs(day - start) <= within]
        if near:
            return min(near, key=lambda day: (abs(day - start), day))
        return next((day for day in days if day > start), None)

    @property
    def of_trial(self) -> list[Point]:
        """The values since the trial's first day, and the baseline, which may lie before."""
        start = self._start
        return [p for p in self.points if start is not None and (p.day >= start or p.day == self.baseline)]

    @property
    def last(self) -> int:
        """The day of the last value."""
        return self.points[-1].day

    @cached_property
    def spans_time(self) -> bool:
        """Whether the last value lies on a later day than the baseline."""
        return self.baseline is not None and self.last > self.baseline

    @cached_property
    def is_current(self) -> bool:
        """Whether the last value is recent enough."""
        return self._horizon.still(self.last + self.numbers.latest_within.value)

    @property
    def is_evaluable(self) -> bool:
        """Whether it can be judged."""
        return self.spans_time and self.is_current

    @property
    def is_outdated(self) -> bool:
        """Whether it could be judged but for the age of its last value."""
        return self.spans_time and not self.is_current

    @cached_property
    def answer(self) -> Answer:
        """What every reading says, or `unknown` where two readings differ."""
        assert self.baseline is not None
        answers = {
            self.scale.answer(before, after)
            for values in self.readings
            for before in values[self.baseline]
            for after in values[self.last]
        }
        return answers.pop() if len(answers) == 1 else "unknown"

    def latest(self) -> list[Decimal]:
        """The last day's values, in every reading."""
        return [value for values in self.readings for value in values[self.last]]

    def evidence(self) -> tuple[str, ...]:
        """The resources of the baseline and the last value."""
        return tuple(
            dict.fromkeys(p.fact.evidence for p in self.points if p.day in (self.baseline, self.last))
        )


Verdict = Literal["improved", "unimproved", "mixed", "unknown"]


class Response:
    """The evaluable series of an episode, and what they say of pain and of function."""

    def __init__(self, series: Sequence[Series]) -> None:
        """All series of the episode's region, evaluable or not."""
        self.series = series
        self.evaluable = [s for s in series if s.is_evaluable]
        self.is_conflicting = any(s.answer == "unknown" for s in self.evaluable)
        self.is_worse = any(s.answer == "worse" for s in self.evaluable)

    def of(self, kind: str) -> list[Series]:
        """The evaluable series of a kind."""
        return [s for s in self.evaluable if s.instrument.kind == kind]

    def verdict(self, kind: str) -> Verdict | None:
        """Whether the kind is improved; None when it does not exist."""
        answers = {s.answer for s in self.of(kind)}
        if not answers:
            return None
        if answers == {"improved"}:
            return "improved"
        if "unknown" in answers:
            return "unknown"
        return "mixed" if "improved" in answers else "unimproved"

    @cached_property
    def verdicts(self) -> set[Verdict]:
        """Of every kind that exists."""
        return {v for kind in ("pain", "function") if (v := self.verdict(kind))}

    @property
    def is_improved(self) -> bool:
        """Every kind that exists is improved."""
        return self.verdicts == {"improved"}

    @property
    def is_mixed(self) -> bool:
        """A kind is mixed, whatever an unclear series of it may say, or one is improved and the other not."""
        return any(map(self._has_both, ("pain", "function"))) or {"improved", "unimproved"} <= self.verdicts

    def _has_both(self, kind: str) -> bool:
        answers = {s.answer for s in self.of(kind)}
        return "improved" in answers and not answers.isdisjoint({"unchanged", "worse"})

    @property
    def is_outdated(self) -> bool:
        """No kind exists, but one would but for age."""
        return not self.evaluable and any(s.is_outdated for s in self.series)
