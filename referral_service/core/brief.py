"""A decision in brief: what a line on a worklist says of it, worked out once, when it is decided."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from operator import itemgetter
from typing import NamedTuple

import msgspec

from referral_service.core.decision import Decision, Outcome
from referral_service.core.timeline import AnyFact, Score


class Flag(NamedTuple):
    """A red flag that stands: its concept, and its day if that is exact."""

    concept: str
    day: date | None


class Change(NamedTuple):
    """One outcome measure: the first and the last of the values that the response rests on, if it is two."""

    concept: str
    first: Decimal
    last: Decimal | None


class Brief(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`days` are what the trial covers, `visits` those of active therapy; None where they are not asked."""

    outcome: Outcome
    region: str | None = None
    reasons: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    days: int | None = None
    visits: int | None = None
    changes: tuple[Change, ...] = ()
    needs: tuple[tuple[str, int], ...] = ()


def brief(decision: Decision, facts: Iterable[AnyFact]) -> Brief:
    """Of a decision about these facts."""
    by_id = {one.id: one for one in decision.criteria}
    days, visits = (
        one.value if (one := by_id.get(name)) and isinstance(one.value, int) else None
        for name in ("duration-minimum", "active-therapy")
    )
    response = by_id.get("response")
    return Brief(
        outcome=decision.outcome,
        region=decision.region,
        reasons=decision.reasons,
        flags=tuple(dict.fromkeys(Flag(one.concept, one.day) for one in decision.flags)),
        days=days,
        visits=visits,
        changes=_changes(response.evidence if response else (), facts),
        needs=decision.needs,
    )


def _changes(evidence: Iterable[str], facts: Iterable[AnyFact]) -> tuple[Change, ...]:
    """Of the scores among the evidence, whose references are versioned."""
    sources = {reference.partition("/_history/")[0] for reference in evidence}
    scores = [(it.at.day, it) for it in facts if isinstance(it, Score) and it.at and it.source in sources]
    by_concept: dict[str, list[Decimal]] = {}
    for _, score in sorted(scores, key=itemgetter(0)):
        by_concept.setdefault(score.concept, []).append(score.value)
    return tuple(
        Change(concept, found[0], found[-1] if len(found) > 1 else None)
        for concept, found in by_concept.items()
    )
