"""The four signs that a conservative trial has reached its ceiling. Source: pathway section 6 (G2)."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from math import prod
from typing import NamedTuple

from referral_service.core.cover import union
from referral_service.core.dates import Horizon
from referral_service.core.episode import Episode, Spell
from referral_service.core.record import Record
from referral_service.core.response import Response, Series
from referral_service.core.timeline import Imaging, Meaning
from referral_service.core.trial import Care

# So many conflicts in one cycle prove nothing.
_MOST_READINGS = 64


class Cycle(NamedTuple):
    """An unbroken run of cover by visit-days: its first and its last visit."""

    first: int
    last: int


def cycles(care: Care) -> list[Cycle]:
    """The trial's treatment cycles; medication does not join them."""
    visits = care.of("active", "manual", "injection")
    after = care.numbers.visit_covers.value
    runs = union((t.start, t.end + after) for t in visits)
    return [Cycle(start, end - after) for start, end in runs]


def rebound(care: Care, response: Response, horizon: Horizon) -> tuple[str, ...] | None:
    """Evidence that pain returned after each judged cycle, of which there are enough; else None."""
    runs = cycles(care)
    needed = care.numbers.rebound_cycles.value
    if len(runs) < needed:
        return None
    for series in response.series:
        if series.instrument.kind == "pain":
            judged = [verdict for run in runs if (verdict := _returned(series, run, horizon)) is not None]
            if len(judged) >= needed and all(judged):
                return tuple(dict.fromkeys(p.fact.evidence for p in series.points))
    return None


def _returned(series: Series, run: Cycle, horizon: Horizon) -> bool | None:
    """Whether pain fell during the cycle and came back after it; None while that may still happen.

    Where values of one day conflict, it must hold with each of them in turn.
    """
    end = run.last + series.numbers.rebound_within.value
    by_day = sorted(series.readings[0].items())
    before = [day for day, _ in by_day if day <= run.first][-1:]
    seen = [(day, found) for day, found in by_day if day in before or run.first < day <= end]
    if prod(len(found) for _, found in seen) <= _MOST_READINGS:
        readings = product(*([(day, value) for value in found] for day, found in seen))
        if all(_has_rebounded(series, run, values) for values in readings):
            return True
    return None if horizon.still(end) else False


def _has_rebounded(series: Series, run: Cycle, values: Sequence[tuple[int, Decimal]]) -> bool:
    numbers, scale = series.numbers, series.scale
    before = next((value for day, value in reversed(values) if day <= run.first), None)
    during = [v for v in values if run.first <= v[0] <= run.last + numbers.rebound_best_within.value]
    if before is None or not during:
        return False
    best = scale.best([value for _, value in during])
    best_day = next(day for day, value in during if value == best)
    if not scale.is_improved(before, best):
        return False
    return any(
        scale.gain(before, value) < scale.matters(before)
        for day, value in values
        if max(run.last, best_day) < day <= run.last + numbers.rebound_within.value
    )


def function_flat(response: Response, minimum: int) -> tuple[str, ...] | None:
    """Evidence that function did not improve over at least the class's minimum; else None."""
    if response.verdict("function") != "unimproved":
        return None
    long_enough = [s for s in response.of("function") if s.last - (s.baseline or s.last) >= minimum]
    return tuple(e for s in long_enough for e in s.evidence()) or None


def persistent_at_maximum(response: Response) -> tuple[str, ...] | None:
    """Evidence that pain is still moderate and not improved; the caller knows that the maximum is reached."""
    if response.verdict("pain") != "unimproved":
        return None
    for series in response.of("pain"):
        threshold = series.instrument.persistent_from
        if threshold and all(value >= threshold.value for value in series.latest()):
            return series.evidence()
    return None


def imaging_progression(
    record: Record, spells: Sequence[Spell], studies: Sequence[Imaging], episode: Episode
) -> tuple[str, ...] | None:
    """Evidence of coded progression: a finding on a second comparable study, or a later, worse diagnosis.

    `spells` are all the conditions that belong to the episode.
    """
    wanted = record.pathway.concepts.progression
    for later in studies:
        if wanted.intersection(later.findings) and later.at and later.at.day >= episode.start:
            for earlier in studies:
                if _is_comparable(record, earlier, later):
                    return (earlier.evidence, later.evidence)
    return _coded_worse(record, spells, episode.region)


def _is_comparable(record: Record, earlier: Imaging, later: Imaging) -> bool:
    """An earlier report of the same kind; a finding of its own (an Observation) compares with any report."""
    assert earlier.at and later.at
    kinds = {m.concept for m in earlier.meanings} & record.pathway.concepts.imaging_report
    is_of_kind = any(m.concept in kinds for m in later.meanings) if later.is_report else bool(kinds)
    return earlier.at.day < later.at.day and is_of_kind


def _coded_worse(record: Record, spells: Sequence[Spell], region: str) -> tuple[str, ...] | None:
    concepts = record.pathway.concepts

    def is_worse(before: Meaning, after: Meaning) -> bool:
        if before.concept in concepts.degeneration:
            worse = concepts.displacement | concepts.annular_defect | concepts.disc_with_radiculopathy
            return after.concept in worse
        if before.concept in concepts.displacement:
            return after.concept in concepts.disc_with_radiculopathy
        both_annular = {before.concept, after.concept} <= concepts.annular_defect
        return both_annular and (before.detail, after.detail) == ("small", "large")

    for earlier in spells:
        for later in spells:
            if earlier.start < later.start and any(
                is_worse(a, b)
                for a in earlier.condition.meanings
                for b in later.condition.meanings
                if {a.region, b.region} <= {None, region}
            ):
                return (earlier.condition.evidence, later.condition.evidence)
    return None
