"""More partial dates than are tried in every combination: the day to look again is right all the same."""

from datetime import date, timedelta
from random import Random

import pytest
from msgspec.structs import replace

from referral_service.core.dates import When
from referral_service.core.decide import ask, decide
from referral_service.core.decision import Decision
from referral_service.core.timeline import AnyFact, Procedure, Score, Timeline
from tests.kit.charts import ADULT, condition, drug, mri, score, visit
from tests.kit.words import AS_OF, PATHWAY, meant


def in_its_month(day: When) -> When:
    first = day.earliest.replace(day=1)
    return When(first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1))


def chart(chance: Random) -> list[AnyFact]:
    """Care that is about exhausted, dated to the day but for some; care of years ago, to the month."""
    gap, last = chance.choice((42, 60, 90, 92)), chance.choice((-1, -20, -55))
    begun = -gap - chance.randint(30, 110)
    facts: list[AnyFact] = [
        ADULT,
        replace(condition(meant("disc_displacement", "lumbar"), begun - 40), source="Condition/disc"),
        drug(begun, begun + 60, "lumbar"),
        mri(-30, "lumbar"),
        *(visit("physical_therapy", begun + 7 * number, "lumbar") for number in range(12)),
        score("odi_score", 48, last - gap, "lumbar"),
        score("odi_score", 48, last, "lumbar"),
        *(visit("physical_therapy", -900 - 30 * number, "lumbar") for number in range(4)),
    ]
    named = [
        replace(fact, source=f"{type(fact).__name__}/{number}") if not fact.source else fact
        for number, fact in enumerate(facts)
    ]
    return [_loosened(fact, chance) for fact in named]


def _loosened(fact: AnyFact, chance: Random) -> AnyFact:
    if isinstance(fact, Score) and fact.at and chance.random() < 0.5:
        return replace(fact, at=in_its_month(fact.at))
    if isinstance(fact, Procedure) and fact.start and (fact.start.day < _LONG_AGO or chance.random() < 0.1):
        return replace(fact, start=in_its_month(fact.start))
    return fact


_LONG_AGO = (AS_OF - timedelta(days=800)).toordinal()


def lumbar(decisions: tuple[Decision, ...]) -> Decision:
    (found,) = (one for one in decisions if one.region == "lumbar" and not one.is_history)
    return found


def decided(decision: Decision) -> tuple[str, str | None, frozenset[str]]:
    return decision.outcome, decision.target, frozenset(decision.reasons)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_looked_at_again_on_the_very_day_that_it_changes(seed: int) -> None:
    timeline = Timeline(tuple(chart(Random(seed))))
    now = lumbar(ask(timeline, PATHWAY, AS_OF).decisions)
    end: date = now.wake_on or AS_OF + timedelta(days=70)

    for number in range(1, (end - AS_OF).days + 1):
        day = AS_OF + timedelta(days=number)
        is_same = decided(lumbar(decide(timeline, PATHWAY, day))) == decided(now)
        assert is_same == (day != now.wake_on), day
