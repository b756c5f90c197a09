"""A decision in brief, by itself."""

from datetime import date
from decimal import Decimal

from referral_service.core.brief import Change, Flag, brief
from referral_service.core.decision import Criterion, Decision, RedFlag
from referral_service.core.timeline import AnyFact, Score
from tests.kit.words import at


def score(concept: str, value: int, day: int | None, source: str) -> Score:
    when = None if day is None else at(day)
    return Score(source=source, concept=concept, value=Decimal(value), at=when, status="final")


def decided(*criteria: Criterion, flags: tuple[RedFlag, ...] = ()) -> Decision:
    return Decision(
        region="lumbar",
        outcome="review",
        reasons=("duration",),
        needs=(("modality", 1),),
        criteria=criteria,
        flags=flags,
    )


def test_what_is_said_of_any_decision() -> None:
    found = brief(decided(), ())

    assert (found.outcome, found.region, found.reasons) == ("review", "lumbar", ("duration",))
    assert (found.needs, found.flags, found.changes) == ((("modality", 1),), (), ())
    assert (found.days, found.visits) == (None, None)


def test_how_long_and_how_often_where_it_is_counted() -> None:
    counted = brief(
        decided(
            Criterion(id="active-therapy", status="met", value=12),
            Criterion(id="duration-minimum", status="met", value=84),
        ),
        (),
    )
    in_words = brief(decided(Criterion(id="duration-minimum", status="unknown", value="84 to 90")), ())

    assert (counted.days, counted.visits) == (84, 12)
    assert in_words.days is None


def test_the_first_and_last_score_of_each_instrument_that_the_response_rests_on() -> None:
    facts: list[AnyFact] = [
        score("odi_score", 46, -10, "Observation/late"),
        score("odi_score", 47, -50, "Observation/middle"),
        score("odi_score", 48, -90, "Observation/early"),
        score("pain_nrs", 7, -95, "Observation/pain"),
        score("odi_score", 2, -99, "Observation/other"),
        score("ndi_score", 30, None, "Observation/undated"),
    ]
    named = ("late", "middle/_history/3", "early/_history/1", "pain/_history/1", "undated/_history/1")
    response = Criterion(id="response", status="met", evidence=tuple(f"Observation/{name}" for name in named))
    other = Criterion(id="surgical", status="met", evidence=("Observation/other",))

    assert brief(decided(response, other), facts).changes == (
        Change("pain_nrs", Decimal(7), None),
        Change("odi_score", Decimal(48), Decimal(46)),
    )


def test_each_red_flag_once() -> None:
    day = date(2026, 3, 1)
    flags = (
        RedFlag("cauda_equina_syndrome", day, "Condition/1", "red-flag-hard"),
        RedFlag("cauda_equina_syndrome", day, "Condition/2", "red-flag-hard"),
        RedFlag("cauda_equina_syndrome", None, "Condition/3", "red-flag-hard"),
    )

    assert brief(decided(flags=flags), ()).flags == (
        Flag("cauda_equina_syndrome", day),
        Flag("cauda_equina_syndrome", None),
    )
