"""Which facts have a date to settle, and which days are tried for them."""

from datetime import date

import pytest
from msgspec.structs import replace

from referral_service.core.dates import LONG_AGO, When, on
from referral_service.core.settle import Facts, Settler, Sight
from referral_service.core.timeline import (
    Allergy,
    AnyFact,
    Coverage,
    Imaging,
    Order,
    Person,
    PregnancyStatus,
    Refusal,
)
from tests.kit.charts import ADULT, condition, drug, mri, score, visit
from tests.kit.words import AS_OF, LUMBAR, PATHWAY, at, between, meant

MAY = between(-31, -1)
TODAY = AS_OF.toordinal()
DISC = condition(meant("disc_displacement", "lumbar"), -200, source="Condition/disc")
VISIT = replace(visit("physical_therapy", 0, "lumbar"), source="Procedure/visit", start=MAY)


def itself(choice: Facts) -> Sight:
    """Whatever moves shows, and everybody would be referred."""
    return Sight(True, choice)


def settled(*facts: AnyFact) -> list[Facts]:
    """What is tried on the day asked for, for these facts of an adult."""
    return Settler((ADULT, *facts), PATHWAY).variants(TODAY, itself)


def test_an_exact_fact_is_tried_once_as_it_is() -> None:
    settler = Settler((ADULT, DISC), PATHWAY)
    assert set(settler.firm) == {ADULT, DISC}
    assert settler.variants(TODAY, itself) == [()]


def test_a_partial_date_is_tried_as_its_first_and_its_last_day() -> None:
    assert settled(VISIT) == [(replace(VISIT, start=at(-31)),), (replace(VISIT, start=at(-1)),)]


def test_a_partial_date_is_never_a_day_to_come() -> None:
    this_year = replace(VISIT, start=between(-151, 213))
    assert settled(this_year) == [(replace(VISIT, start=at(-151)),), (replace(VISIT, start=at(0)),)]


def test_a_partial_date_that_begins_today_is_one_day() -> None:
    assert settled(replace(VISIT, start=between(0, 29))) == [(replace(VISIT, start=at(0)),)]


def test_each_date_of_a_fact_moves_to_the_same_end() -> None:
    course = replace(VISIT, end=between(-31, 0))
    first, last = settled(course)
    assert (first[0].start, first[0].end) == (at(-31), at(-31))
    assert (last[0].start, last[0].end) == (at(-1), at(0))


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (between(-151, 213), at(-100), (-151, -100), (-100, -100)),
        (at(-12), between(-151, 213), (-12, -12), (-12, 0)),
        (between(-31, -1), between(-40, -20), (-31, -31), (-20, -20)),
        (between(-151, 213), between(-92, -65), (-151, -92), (-65, -65)),
    ],
    ids=["a-year-and-a-day", "a-day-and-a-year", "overlapping-months", "a-year-and-a-month"],
)
def test_nothing_ends_before_it_began(
    start: When, end: When, first: tuple[int, int], last: tuple[int, int]
) -> None:
    both = settled(replace(VISIT, start=start, end=end))
    assert [(one.start, one.end) for (one,) in both] == [tuple(map(at, first)), tuple(map(at, last))]


def test_up_to_the_limit_every_combination_is_tried() -> None:
    visits = [replace(VISIT, source=f"Procedure/{number}") for number in range(4)]
    assert len(set(settled(*visits))) == 16


def test_beyond_the_limit_all_are_meant_early_or_all_late() -> None:
    visits = [replace(VISIT, source=f"Procedure/{number}") for number in range(5)]
    early, late = settled(*visits)
    assert {fact.start for fact in early} == {at(-31)}
    assert {fact.start for fact in late} == {at(-1)}


def test_beyond_the_limit_what_shows_nowhere_takes_no_place() -> None:
    visits = [replace(VISIT, source=f"Procedure/{number}") for number in range(9)]
    tried = Settler((ADULT, *visits), PATHWAY).variants(TODAY, lambda choice: Sight(True, choice[2:5]))

    assert len({choice[2:5] for choice in tried}) == 8
    assert {choice[:2] + choice[5:] for choice in tried} == {
        tuple(replace(visits[n], start=day) for n in (0, 1, 5, 6, 7, 8)) for day in (at(-31), at(-1))
    }


def test_beyond_the_limit_who_would_not_be_referred_is_asked_about_twice_only() -> None:
    visits = [replace(VISIT, source=f"Procedure/{number}") for number in range(9)]
    tried = Settler((ADULT, *visits), PATHWAY).variants(TODAY, lambda choice: Sight(False, choice[2:5]))
    assert len(tried) == 2


def test_too_many_are_not_looked_at_one_by_one() -> None:
    visits = [replace(VISIT, source=f"Procedure/{number}") for number in range(51)]
    assert (
        len(Settler((ADULT, *visits), PATHWAY).variants(TODAY, lambda choice: Sight(True, choice[:1]))) == 2
    )


@pytest.mark.parametrize(
    "fact",
    [
        replace(VISIT, status="not-done"),
        replace(VISIT, status="preparation"),
        replace(drug(-31, -1), start=MAY, is_given=False),
        replace(mri(-31), at=MAY, status="preliminary"),
        replace(score("odi_score", 40, -31), at=MAY, status="preliminary"),
    ],
)
def test_what_does_not_count_has_no_date_to_settle(fact: AnyFact) -> None:
    assert fact in Settler((ADULT, fact), PATHWAY).firm


def test_beyond_the_limit_what_is_the_same_either_way_stays_as_it_is() -> None:
    adult = replace(ADULT, birth=When(date(2007, 1, 1), date(2007, 12, 31)))
    visits = [replace(VISIT, source=f"Procedure/{number}") for number in range(5)]
    for tried in Settler((adult, *visits), PATHWAY).variants(TODAY, itself):
        assert tried[0] == replace(adult, birth=on(date(2007, 1, 1)))


def test_what_is_one_day_today_uses_up_no_place_of_the_limit() -> None:
    begun = replace(VISIT, start=between(0, 29), source="Procedure/begun")
    visits = [replace(VISIT, source=f"Procedure/{number}") for number in range(4)]
    assert len(settled(begun, *visits)) == 16


_ORDER = Order(
    source="", meanings=(meant("refer_surgical"),), status="active", intent="order", at=MAY, tie=LUMBAR
)
PARTIAL = {
    "a visit": VISIT,
    "a drug": replace(drug(-10, -1, "lumbar"), start=MAY),
    "a score": replace(score("odi_score", 40, 0, "lumbar"), at=MAY),
    "a report": replace(mri(0, "lumbar"), at=MAY),
    "a finding without a report": Imaging(
        source="", findings=("imaging_progression",), at=MAY, status="final", tie=LUMBAR
    ),
    "an order": _ORDER,
    "a refusal": Refusal(source="", meanings=(meant("refer_surgical"),), at=MAY),
    "the end of a refusal": Refusal(source="", meanings=(meant("refer_surgical"),), until=MAY),
    "a pregnancy": PregnancyStatus(source="", is_pregnant=True, status="final", at=MAY),
    "an allergy": Allergy(
        source="", meanings=(meant("aprotinin_or_fibrin_allergy"),), is_active=True, at=MAY
    ),
    "a diagnosis": replace(DISC, onset=MAY),
    "the end of a diagnosis": replace(DISC, abated=MAY),
    "the recording of a diagnosis without onset": replace(DISC, onset=None, recorded=MAY),
    "the recording of a diagnosis that is over and has no end": replace(
        DISC, clinical="resolved", recorded=MAY
    ),
    "the recording of a diagnosis without status": replace(DISC, clinical=None, recorded=MAY),
    "the recording of a red flag": condition(meant("foot_drop"), -5, recorded=MAY),
    "a death": replace(ADULT, died=MAY),
}


@pytest.mark.parametrize("name", PARTIAL)
def test_it_is_tried_at_both_ends(name: str) -> None:
    assert len(settled(PARTIAL[name])) == 2


DECIDES_NOTHING = {
    "a visit in error": replace(VISIT, status="entered-in-error"),
    "an inactive allergy": replace(PARTIAL["an allergy"], is_active=False),
    "a refuted diagnosis": replace(DISC, onset=MAY, verification="refuted"),
    "a diagnosis in error": replace(DISC, onset=MAY, verification="entered-in-error"),
    "an evaluation": replace(VISIT, meanings=(meant("physical_therapy_evaluation"),)),
    "a visit without a known code": replace(VISIT, meanings=()),
    "the recording of a diagnosis with onset and status": replace(DISC, recorded=MAY),
}


@pytest.mark.parametrize("name", DECIDES_NOTHING)
def test_its_date_need_not_be_settled(name: str) -> None:
    fact = DECIDES_NOTHING[name]
    settler = Settler((ADULT, fact), PATHWAY)
    assert fact in settler.firm
    assert not settler.moves(TODAY)


def test_an_evaluation_that_is_also_a_treatment_is_settled() -> None:
    assert (
        len(settled(replace(VISIT, meanings=(meant("physical_therapy_evaluation"), meant("massage"))))) == 2
    )


# People


def test_without_a_patient_the_birth_may_be_long_ago_or_today() -> None:
    [early, late] = Settler((DISC,), PATHWAY).variants(TODAY, itself)
    assert [early[0].birth, late[0].birth] == [on(LONG_AGO), at(0)]


def test_a_patient_without_a_birth_date_may_be_any_age() -> None:
    unborn = replace(ADULT, birth=None)
    assert Settler((unborn,), PATHWAY).variants(TODAY, itself) == [
        (replace(ADULT, birth=on(LONG_AGO)),),
        (replace(ADULT, birth=at(0)),),
    ]


@pytest.mark.parametrize(
    ("latest", "tried"),
    [(date(2008, 6, 1), 1), (date(2008, 6, 2), 2)],
    ids=["of age today at the latest: either way adult", "of age tomorrow at the latest: both tried"],
)
def test_a_birth_year_matters_while_one_may_be_a_minor(latest: date, tried: int) -> None:
    person = Person(source="Patient/p", birth=When(date(2008, 1, 1), latest))
    found = Settler((person,), PATHWAY).variants(TODAY, itself)
    assert len(found) == tried
    assert found[0][0].birth == on(date(2008, 1, 1))


# Days to come


def test_a_partial_date_moves_while_its_last_day_is_to_come() -> None:
    month = replace(VISIT, start=between(-1, 1))
    settler = Settler((ADULT, month), PATHWAY)
    assert [settler.moves(TODAY + offset) for offset in (-2, -1, 0, 1)] == [False, True, True, False]


def test_an_undated_spine_diagnosis_may_begin_on_any_day() -> None:
    undated = replace(DISC, onset=None)
    assert Settler((ADULT, undated), PATHWAY).moves(TODAY)
    first, last = settled(undated)
    assert (first[0].onset, last[0].onset) == (on(LONG_AGO), at(0))


def test_an_undated_diagnosis_that_opens_no_episode_and_is_no_flag_is_left_as_it_is() -> None:
    stroke = replace(condition(meant("competing_stroke"), 0), onset=None)
    assert Settler((ADULT, stroke), PATHWAY).firm == (ADULT, stroke)


def test_an_undated_red_flag_may_be_old_or_of_today() -> None:
    flag = replace(condition(meant("foot_drop"), 0), onset=None)
    first, last = settled(flag)
    assert (first[0].onset, last[0].onset) == (on(LONG_AGO), at(0))


def test_an_undated_red_flag_is_dated_by_the_first_recording_of_its_concept() -> None:
    flag = replace(condition(meant("foot_drop"), 0), onset=None)
    listed = replace(flag, source="Condition/listed", recorded=at(-5))
    assert len(settled(flag, listed)) == 1
    assert len(settled(flag, replace(listed, recorded=at(5)))) == 2


def test_a_coverage_is_read_and_needs_no_settling() -> None:
    cover = Coverage(source="Coverage/1", is_veteran=True, is_active=True)
    assert cover in Settler((ADULT, cover), PATHWAY).firm
