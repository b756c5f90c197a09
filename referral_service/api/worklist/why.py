"""Why, and why not: each criterion with the facts that it rests on, and the facts that were left out."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from referral_service.api.worklist import words
from referral_service.core.dates import When
from referral_service.core.decision import Criterion, Decision
from referral_service.core.explain import CRITERIA
from referral_service.core.timeline import AnyFact

_MOST_SHOWN: Final = 5


class Fact(NamedTuple):
    """One piece of evidence: the resource version, and the day it is dated."""

    reference: str
    day: str


class Answer(NamedTuple):
    """One criterion as a row of the table Why."""

    asks: str
    shape: str
    answer: str
    status: str
    value: str
    threshold: str
    source: str
    facts: list[Fact]
    more: int


def answers(criteria: Sequence[Criterion], facts: Sequence[AnyFact]) -> list[Answer]:
    """Each criterion with what it rests on, the newest facts first."""
    days = dated(facts)
    found = []
    for one in criteria:
        shape, answer = words.ANSWERS[one.status]
        rests = [Fact(reference, days.get(reference, "")) for reference in one.evidence]
        rests.sort(key=lambda it: it.day, reverse=True)
        found.append(
            Answer(
                CRITERIA[one.id],
                shape,
                answer,
                one.status,
                words.value(one),
                words.threshold(one),
                one.source,
                rests[:_MOST_SHOWN],
                max(0, len(rests) - _MOST_SHOWN),
            )
        )
    return found


def left_out(decision: Decision, facts: Sequence[AnyFact]) -> list[tuple[Fact, str]]:
    """What was not used, each with its reason."""
    days = dated(facts)
    return [
        (Fact(reference, days.get(reference, "")), words.LEFT_OUT.get(why, why))
        for reference, why in decision.left_out
    ]


def dated(facts: Sequence[AnyFact]) -> dict[str, str]:
    """The day of each piece of evidence, by its versioned reference."""
    return {fact.evidence: _day(fact) for fact in facts}


def _day(fact: AnyFact) -> str:
    """The day that a fact is dated, as exactly as it was recorded."""
    for name in ("start", "at", "onset", "recorded"):
        when: When | None = getattr(fact, name, None)
        if when:
            first, last = when.earliest, when.latest
            return first.isoformat() if first == last else f"{first} to {last}"
    return ""
