"""Where a date may mean several days the readings are one answer: each region once, each flag once."""

from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace

from referral_service.core.dates import When
from referral_service.core.timeline import AnyFact
from tests.core.asked import asked, decisions
from tests.kit.charts import ADULT, condition, drug, mri, numbered, score, visit
from tests.kit.words import AS_OF, at, between, day, meant

OVER = condition(
    meant("disc_displacement", "lumbar"), -800, clinical="resolved", abated=at(-400), is_abated=True
)
ENDED = replace(OVER, onset=at(-480), abated=at(-175))
PAIN = condition(meant("low_back_pain", "lumbar"), -80)
TUMOUR = condition(meant("bone_metastasis"), -22)
NECK_FLAG = condition(meant("disc_disorder_with_myelopathy", "cervical"), 0)
THIS_YEAR = between(-151, 213)
UNBORN = replace(ADULT, birth=None)
VAGUE_SCORE = replace(score("odi_score", 40, 0), at=between(-31, -1))
CLOSED = ("no-qualifying-condition", {"resolved"})
POSSIBLE = ("review", {"possible-red-flag"})


def told(*facts: AnyFact) -> dict[str | None, tuple[str, set[str]]]:
    """Outcome and reasons of every decision, history and all, by the region that it names."""
    found = asked(numbered(facts)).decisions
    assert len({d.region for d in found if not d.is_history}) == len([d for d in found if not d.is_history])
    return {d.region: (d.outcome, set(d.reasons)) for d in found if not d.is_history}


@pytest.mark.parametrize("unclear", [VAGUE_SCORE, UNBORN], ids=["a partial date", "no birth date"])
def test_an_earlier_episode_stays_history(unclear: AnyFact) -> None:
    person = () if unclear is UNBORN else (ADULT,)
    found = asked(numbered((*person, unclear, OVER, PAIN))).decisions
    assert [(d.region, d.outcome, d.is_history) for d in found] == [
        ("lumbar", found[0].outcome, False),
        ("lumbar", "no-qualifying-condition", True),
    ]


@pytest.mark.parametrize("unclear", [VAGUE_SCORE, UNBORN], ids=["a partial date", "no birth date"])
def test_a_flag_beside_a_closed_episode_is_told_once(unclear: AnyFact) -> None:
    person = () if unclear is UNBORN else (ADULT,)
    assert told(*person, unclear, ENDED, TUMOUR) == {
        "lumbar": CLOSED,
        None: ("urgent", {"red-flag-hard"}),
    }


def test_the_regions_that_flags_name_are_told_the_gravest_first() -> None:
    cord = condition(meant("disc_infection", "lumbar"), -3)
    found = asked(numbered((ADULT, cord, replace(NECK_FLAG, onset=at(-5)), TUMOUR))).decisions
    assert found[0].flag_regions == ("lumbar", "cervical")


def test_a_flag_that_may_be_new_is_told_once_for_its_own_region() -> None:
    assert told(ADULT, replace(NECK_FLAG, onset=THIS_YEAR)) == {"cervical": POSSIBLE}


def test_a_flag_that_may_be_new_leaves_a_closed_episode_closed() -> None:
    assert told(ADULT, ENDED, replace(TUMOUR, onset=THIS_YEAR)) == {"lumbar": CLOSED, None: POSSIBLE}
    assert told(ADULT, ENDED, replace(NECK_FLAG, onset=THIS_YEAR)) == {"lumbar": CLOSED, "cervical": POSSIBLE}


def test_a_flag_of_the_neck_beside_a_back_that_may_be_over_is_told_for_the_back() -> None:
    # Without a status it is open or over, by the day in 2025 on which it was recorded.
    maybe = replace(PAIN, onset=None, recorded=between(-516, -152), clinical=None)
    flag = replace(NECK_FLAG, onset=at(-3))
    assert told(ADULT, maybe, flag) == {"lumbar": ("urgent", {"red-flag-hard"})}


def test_two_flags_that_may_be_new_are_one_question() -> None:
    flags = (replace(TUMOUR, onset=THIS_YEAR), replace(NECK_FLAG, onset=THIS_YEAR))
    assert list(told(ADULT, *flags).values()) == [POSSIBLE]


@pytest.mark.parametrize(
    "concept", ["cauda_equina_syndrome", "bone_metastasis", "foot_drop", "urinary_retention"]
)
def test_a_flag_without_any_date_may_be_old_so_a_human_looks(concept: str) -> None:
    undated = replace(condition(meant(concept), 0), onset=None)
    found = decisions(numbered((ADULT, PAIN, undated)))["lumbar"]
    assert (found.outcome, found.reasons, found.priority != "routine") == (
        "review",
        ("possible-red-flag",),
        True,
    )
    assert [flag.day for flag in found.flags] == [None]


def test_what_is_over_without_an_end_lasted_until_it_was_written_down() -> None:
    over = condition(meant("low_back_pain", "lumbar"), -480, clinical="resolved", recorded=at(-83))
    later = condition(meant("disc_displacement", "lumbar"), -120)
    therapy = visit("physical_therapy", -150, "lumbar")
    found = decisions(numbered((ADULT, over, later, therapy)))["lumbar"]
    assert (found.episode_start, found.trial_start) == (day(-480), day(-150))


def test_after_surgery_of_several_days_the_months_count_from_the_last() -> None:
    surgery = replace(visit("prior_spine_surgery", -184, "lumbar"), end=at(-181))
    back = condition(meant("disc_displacement", "lumbar"), -212)
    for after, outcome in ((-91, "not-started"), (-89, "in-trial")):
        chart = numbered((ADULT, back, surgery, visit("physical_therapy", after, "lumbar")))
        assert decisions(chart)["lumbar"].outcome == outcome


def test_twelve_months_are_counted_back_from_the_day_asked_for() -> None:
    # Twelve months before 2024-02-29 is 2023-02-28.
    leap = date(2024, 2, 29)
    fact = replace(condition(meant("low_back_pain", "lumbar"), 0, clinical=None), onset=None)
    for written, outcome in (
        (date(2023, 2, 28), "not-started"),
        (date(2023, 2, 27), "no-qualifying-condition"),
    ):
        chart = numbered((ADULT, replace(fact, recorded=When(written, written))))
        assert decisions(chart, leap)["lumbar"].outcome == outcome


def test_a_malignancy_without_a_status_is_a_reason_against_for_twelve_months() -> None:
    care = (
        condition(meant("disc_displacement", "lumbar"), -130),
        *(visit("physical_therapy", on, "lumbar") for on in range(-120, 0, 7)),
        drug(-120, -91, "lumbar"),
        score("odi_score", 40, -120, "lumbar"),
        score("odi_score", 40, -5, "lumbar"),
        mri(-30, "lumbar"),
    )
    for since, target in ((-365, "surgical"), (-366, "intradiscal")):
        tumour = condition(meant("bone_metastasis"), since, clinical=None)
        assert decisions(numbered((ADULT, *care, tumour)))["lumbar"].target == target


def test_a_series_that_improved_and_one_that_did_not_are_mixed_whatever_a_third_says() -> None:
    care = (
        condition(meant("disc_displacement", "lumbar"), -182),
        *(visit("physical_therapy", on, "lumbar") for on in range(-120, 0, 6)),
        drug(-120, -91, "lumbar"),
        mri(-92, "lumbar"),
    )
    values = (
        ("pain_nrs_0_10", 7, -120),
        ("pain_nrs_0_10", 7, -12),
        ("pain_vas", 80, -120),
        ("pain_vas", 40, -12),
        ("promis_pi_t", 65, -120),
        ("promis_pi_t", 65, -12),
        ("promis_pi_t", 58, -12),
    )
    scores = (replace(score(name, 0, on, unit=None), value=Decimal(value)) for name, value, on in values)
    found = decisions(numbered((ADULT, *care, *scores)), AS_OF)["lumbar"]
    assert found.reasons == ("conflicting-scores", "mixed-response")
