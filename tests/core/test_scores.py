"""Values of scores: their unit, their range, and which of several of one day is meant."""

from decimal import Decimal

import pytest

from referral_service.core.response import Scale, point
from tests.core.asked import answers
from tests.kit.charts import ADULT, condition, drug, mri, numbered, score, visit
from tests.kit.words import PATHWAY, meant

ODI, VAS, PEG = (PATHWAY.instruments[name] for name in ("oswestry", "visual-analogue", "peg"))
FUNCTION = PATHWAY.instruments["promis-physical-function"]


def settled(name: str, *values: str) -> list[str]:
    """The values of one day that are taken in turn."""
    found = Scale(PATHWAY.instruments[name], PATHWAY).settled([Decimal(value) for value in values])
    return [str(value) for value in found]


@pytest.mark.parametrize(
    ("name", "values", "taken"),
    [
        ("oswestry", ("40",), ["40"]),
        ("oswestry", ("40", "49"), ["49"]),
        ("oswestry", ("40", "50"), ["50", "40"]),
        ("oswestry", ("50", "45", "40"), ["50", "40", "45"]),
        ("promis-physical-function", ("40", "44"), ["40"]),
        ("promis-physical-function", ("45", "40"), ["40", "45"]),
        ("peg", ("0", "0"), ["0"]),
        ("peg", ("0", "0.1"), ["0.1", "0"]),
    ],
    ids=[
        "one value",
        "two that are close: the worse",
        "two that conflict: each, the worse first",
        "three of which two conflict: each once",
        "where higher is better the lower is the worse",
        "and comes first in a conflict",
        "nothing and nothing is no conflict",
        "from nothing any rise is one",
    ],
)
def test_several_values_of_one_day(name: str, values: tuple[str, ...], taken: list[str]) -> None:
    assert settled(name, *values) == taken


@pytest.mark.parametrize(
    ("unit", "value", "millimetres"),
    [
        ("mm", 62, "62"),
        ("cm", 6, "60"),
        (" CM ", 6, "60"),
        ("cm", 11, None),
        (None, 62, "62"),
        (None, 101, None),
    ],
)
def test_a_visual_analogue_is_read_in_millimetres(
    unit: str | None, value: int, millimetres: str | None
) -> None:
    found = point(score("pain_vas", value, -5, unit=unit), VAS)
    assert (str(found.value) if found else None) == millimetres


def test_only_lengths_are_turned_into_millimetres() -> None:
    found = point(score("odi_score", 6, -5, unit="cm"), ODI)
    assert found is not None
    assert found.value == 6


@pytest.mark.parametrize(
    ("unit", "value", "is_ambiguous"),
    [("%", 40, False), (" PERCENT", 40, False), (None, 50, True), ("points", 50, True), (None, 51, False)],
)
def test_an_index_up_to_fifty_without_percent_may_be_raw_points(
    unit: str | None, value: int, is_ambiguous: bool
) -> None:
    found = point(score("odi_score", value, -5, unit=unit), ODI)
    assert found is not None
    assert found.is_ambiguous is is_ambiguous


def test_a_rating_is_never_ambiguous() -> None:
    found = point(score("peg_mean", 5, -5, unit=None), PEG)
    assert found is not None
    assert not found.is_ambiguous


@pytest.mark.parametrize(
    ("before", "after", "answer"),
    [(40, 45, "improved"), (40, 44, "unchanged"), (40, 36, "unchanged"), (40, 35, "worse")],
)
def test_an_instrument_whose_higher_values_are_better(before: int, after: int, answer: str) -> None:
    assert Scale(FUNCTION, PATHWAY).answer(Decimal(before), Decimal(after)) == answer


# What two kinds say together, with no ceiling sign: 71 of 42 to 84 days, function flat for too short a time.

CARE = (
    ADULT,
    condition(meant("low_back_pain", "lumbar"), -80),
    *(visit("physical_therapy", day, "lumbar") for day in range(-70, 0, 7)),
    drug(-60, -31, "lumbar"),
    mri(-30, "lumbar"),
)
FLAT_FUNCTION = (score("odi_score", 40, -40, "lumbar"), score("odi_score", 40, -5, "lumbar"))
FLAT_PAIN = tuple(score("pain_nrs_0_10", 6, day, "lumbar", unit=None) for day in (-40, -5))


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (FLAT_PAIN, ("review", None, {"function-not-measured"})),
        (FLAT_FUNCTION, ("in-trial", None, {"no-ceiling-sign"})),
        ((*FLAT_PAIN, *FLAT_FUNCTION), ("in-trial", None, {"no-ceiling-sign"})),
    ],
    ids=["pain alone: a human measures function", "function alone: care goes on", "both: care goes on"],
)
def test_without_a_ceiling_sign(scores: tuple[object, ...], said: object) -> None:
    assert answers(numbered((*CARE, *scores)))["lumbar"] == said
