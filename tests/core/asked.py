"""Asking the core in tests: what is said of each region, and nothing else."""

from collections.abc import Iterable
from datetime import date

from hypothesis import settings

from referral_service.core.assembly import Asked, assemble
from referral_service.core.decide import Answer, Question, ask, combined
from referral_service.core.decision import Decision
from referral_service.core.record import REGIONS
from referral_service.core.timeline import AnyFact, Timeline
from tests.kit.words import AS_OF, PATHWAY

Said = tuple[str, str | None, frozenset[str]]
Answers = dict[str | None, Said]


def asked(facts: Iterable[AnyFact], as_of: date = AS_OF) -> Answer:
    """Everything that is answered about these facts."""
    return ask(Timeline.of(facts), PATHWAY, as_of)


def decisions(facts: Iterable[AnyFact], as_of: date = AS_OF) -> dict[str | None, Decision]:
    """The decision of each region, without earlier episodes and without looking for `wake_on`."""
    timeline, day = Timeline.of(facts), as_of.toordinal()
    found, _ = Question(timeline, PATHWAY).on(day)
    return {
        key: assemble(judged, combined(judged), Asked(timeline.facts, PATHWAY, day), None)
        for key, judged in found.items()
        if key in (None, *REGIONS)
    }


def answers(facts: Iterable[AnyFact], as_of: date = AS_OF) -> Answers:
    """Outcome, target and reasons for each region."""
    found, _ = Question(Timeline.of(facts), PATHWAY).on(as_of.toordinal())
    return {key: combined(judged).answer for key, judged in found.items() if key in (None, *REGIONS)}


def fewer(part: int) -> settings:
    """The profile's number of examples divided by `part`, for what is slow."""
    return settings(max_examples=max(10, settings.default.max_examples // part))
