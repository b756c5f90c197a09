"""Corners that properties found or came near: each the smallest chart that shows its sentence."""

from datetime import UTC, date, datetime

from msgspec.structs import replace

from referral_service.core.dates import on
from referral_service.core.timeline import Allergy, AnyFact, Imaging, PregnancyStatus, Refusal, Timeline
from tests.core.asked import Said, answers, asked, decisions
from tests.kit.charts import ADULT, EXHAUSTED, WORN, at_one_end, condition, drug, mri, numbered, score, visit
from tests.kit.words import AS_OF, LUMBAR, at, between, day, meant

DISC = condition(meant("disc_displacement", "lumbar"), -250)
YEAR_2026, YEAR_2025 = between(-151, 213), between(-516, -152)
UNCLEAR = ("review", None, {"dates-unclear"})


def lumbar(*facts: AnyFact) -> Said:
    """What is said of the back."""
    return answers(numbered((ADULT, *facts)))["lumbar"]


def flagged(concept: str, onset: int | None = None, **more: object) -> AnyFact:
    """A condition of a red-flag concept, with or without an onset."""
    return replace(condition(meant(concept), onset or 0, **more), onset=None if onset is None else at(onset))


def test_failed_care_is_exhausted() -> None:
    assert lumbar(*EXHAUSTED) == ("exhausted", "intradiscal", {"function-flat"})


# Time alone


def test_a_condition_without_any_date_may_begin_each_day_anew_and_wake_on_says_so() -> None:
    undated = replace(DISC, onset=None)
    chart = numbered((ADULT, undated, visit("physical_therapy", 0, "lumbar")))
    assert answers(chart, day(1)) != answers(chart)
    assert asked(chart).wake_on == day(1)


def test_a_problem_list_entry_of_a_later_day_turns_no_billing_code_into_a_flag_today() -> None:
    billed = (
        flagged("urinary_incontinence", -10, categories=("encounter-diagnosis",)),
        flagged("fecal_incontinence", -10),
    )
    listed = flagged("urinary_incontinence", 50, categories=("problem-list-item",))
    assert lumbar(DISC, *billed) == ("review", None, {"possible-red-flag"})
    assert lumbar(DISC, *billed, listed) == lumbar(DISC, *billed)


def test_a_flag_that_is_recorded_on_a_later_day_is_none_today() -> None:
    over = flagged("cauda_equina_syndrome", -200, abated=at(-150), is_abated=True, recorded=at(-30))
    coming = flagged("cauda_equina_syndrome", recorded=at(30))
    assert lumbar(DISC, over, coming) == lumbar(DISC, over)


def test_an_allergy_recorded_on_a_later_day_changes_no_route_today() -> None:
    allergy = Allergy(source="", meanings=(meant("aprotinin_or_fibrin_allergy"),), is_active=True, at=at(30))
    assert lumbar(*EXHAUSTED, replace(allergy, at=at(-30)))[1] == "surgical"
    assert lumbar(*EXHAUSTED, allergy)[1] == "intradiscal"


def test_an_allergy_without_a_date_stands_and_one_that_is_over_does_not() -> None:
    allergy = Allergy(source="", meanings=(meant("aprotinin_or_fibrin_allergy"),), is_active=True)
    assert lumbar(*EXHAUSTED, allergy)[1] == "surgical"
    assert lumbar(*EXHAUSTED, replace(allergy, is_active=False))[1] == "intradiscal"


def test_a_patients_next_day_of_change_is_that_of_the_region_that_changes_first() -> None:
    neck = condition(meant("neck_pain", "cervical"), -250)
    chart = numbered(
        (ADULT, DISC, visit("massage", -104, "lumbar"), neck, visit("massage", -100, "cervical"))
    )
    found = asked(chart)
    assert {d.region: d.wake_on for d in found.decisions} == {"lumbar": day(1), "cervical": day(5)}
    assert found.wake_on == day(1)


def test_where_no_region_changes_within_the_days_looked_at_the_patient_has_no_such_day() -> None:
    scanned_this_year = replace(mri(0, "lumbar"), at=YEAR_2026)
    found = asked(numbered((ADULT, DISC, scanned_this_year)))
    assert [d.outcome for d in found.decisions] == ["not-started"]
    assert found.wake_on is None


# Red flags


def test_a_hard_flag_is_urgent_even_if_it_is_unclear_whether_the_episode_is_open() -> None:
    # Without a clinical status a condition recorded in 2025 is active or not, by its day.
    maybe = replace(DISC, onset=None, recorded=YEAR_2025, clinical=None)
    found = answers(numbered((ADULT, maybe, flagged("cauda_equina_syndrome", -3))))
    assert {said[0] for said in found.values()} - {"no-qualifying-condition"} == {"urgent"}


def test_beside_a_hard_flag_a_sign_that_needs_a_human_still_stands() -> None:
    found = decisions(
        numbered((ADULT, DISC, flagged("lumbar_fracture", -2), flagged("urinary_retention", -5)))
    )
    assert [(flag.concept, flag.reason) for flag in found["lumbar"].flags] == [
        ("lumbar_fracture", "red-flag-hard"),
        ("urinary_retention", "possible-red-flag"),
    ]
    assert found["lumbar"].reasons == ("red-flag-hard",)
    assert "medical-assessment" in found["lumbar"].notes


def test_beside_a_fracture_signs_that_are_urgent_alone_are_no_medical_matter() -> None:
    found = decisions(numbered((ADULT, DISC, flagged("lumbar_fracture", -2), flagged("foot_drop", -5))))
    assert [flag.reason for flag in found["lumbar"].flags] == ["red-flag-hard", "red-flag-soft"]
    assert "medical-assessment" not in found["lumbar"].notes


def test_an_earlier_recording_that_was_refuted_makes_no_flag_old() -> None:
    fresh = flagged("foot_drop", recorded=at(-3))
    refuted = flagged("foot_drop", recorded=at(-900), verification="refuted")
    assert lumbar(DISC, fresh) == ("urgent", "surgical", {"red-flag-soft"})
    assert lumbar(DISC, fresh, refuted) == lumbar(DISC, fresh)


def test_an_earlier_recording_that_stands_makes_a_flag_old() -> None:
    fresh = flagged("foot_drop", recorded=at(-3))
    first = flagged("foot_drop", recorded=at(-900))
    assert lumbar(DISC, fresh, first)[0] == "not-started"


# Partial dates


def _at_both_ends(*facts: AnyFact) -> list[Said]:
    return [lumbar(*(at_one_end(fact, AS_OF, latest) for fact in facts)) for latest in (False, True)]


def test_a_partial_first_recording_of_a_flag_is_tried_at_both_ends() -> None:
    over = flagged("foot_drop", -200, clinical="resolved", recorded=YEAR_2026)
    fresh = flagged("foot_drop", recorded=at(-3))
    early, late = _at_both_ends(DISC, over, fresh)
    assert (early[0], late[0]) == ("not-started", "urgent")
    assert lumbar(DISC, over, fresh) == ("review", None, {"possible-red-flag"})


def test_a_partial_date_of_a_coded_finding_is_tried_at_both_ends() -> None:
    finding = Imaging(source="", findings=("imaging_progression",), at=YEAR_2026, status="final", tie=LUMBAR)
    chart = (
        replace(WORN, onset=at(-110)),
        *(visit("physical_therapy", -100 + 7 * i, "lumbar") for i in range(14)),
        drug(-100, -10, "lumbar"),
        score("pain_nrs_0_10", 7, -100, "lumbar"),
        score("pain_nrs_0_10", 7, -5, "lumbar"),
        mri(-90, "lumbar"),
        finding,
    )
    early, late = _at_both_ends(*chart)
    assert early == ("review", None, {"function-not-measured"})
    assert late == ("exhausted", "intradiscal", {"imaging-progression"})
    assert lumbar(*chart) == UNCLEAR


def test_partial_dates_of_what_was_entered_in_error_do_not_use_up_the_four_that_are_tried() -> None:
    told = [
        PregnancyStatus(source="", is_pregnant=True, status="final", at=between(-300, -270)) for _ in range(2)
    ]
    mistaken = [
        Allergy(source="", meanings=(meant("aprotinin_or_fibrin_allergy"),), is_active=False, at=YEAR_2025)
        for _ in range(3)
    ]
    assert lumbar(WORN, *told) == UNCLEAR
    assert lumbar(WORN, *told, *mistaken) == lumbar(WORN, *told)


# The trial and what ends it


def test_medication_alone_begins_no_trial_anew_after_the_old_one_ended() -> None:
    visits = [visit("physical_therapy", day, "lumbar") for day in (-240, -235, -230)]
    assert lumbar(DISC, *visits, drug(-100, -1, "lumbar")) == ("not-started", None, {"trial-lapsed"})


def test_medication_between_two_trials_belongs_to_neither() -> None:
    # Covered to -226, then 126 days without a visit but for a week of medication in the middle.
    visits = [visit("physical_therapy", day, "lumbar") for day in (-245, -240, -14)]
    chart = (DISC, *visits, drug(-120, -110, "lumbar"))
    assert lumbar(*chart) == ("in-trial", None, {"duration", "active-therapy", "second-modality"})
    assert decisions(numbered((ADULT, *chart)))["lumbar"].trial_start == day(-14)


def test_an_undated_visit_leaves_open_whether_the_maximum_is_reached() -> None:
    chart = (
        replace(WORN, onset=at(-110)),
        *(visit("physical_therapy", -100 + 7 * i, "lumbar") for i in range(14)),
        drug(-100, -10, "lumbar"),
        score("odi_score", 48, -60, "lumbar"),
        score("odi_score", 48, -5, "lumbar"),
    )
    undated = replace(visit("physical_therapy", 0, "lumbar"), start=None)
    assert lumbar(*chart) == ("in-trial", None, {"no-ceiling-sign"})
    assert lumbar(*chart, undated) == UNCLEAR


def test_refusing_a_physiatrist_refuses_neither_target() -> None:
    refused = Refusal(source="", meanings=(meant("refer_physiatry"),), at=at(-10))
    assert lumbar(*EXHAUSTED, refused) == lumbar(*EXHAUSTED)


def test_on_the_last_day_of_the_calendar_there_is_an_answer_and_no_later_day() -> None:
    assert asked(numbered((ADULT, *EXHAUSTED)), date.max).wake_on is None


def test_a_day_before_the_last_of_the_calendar_is_still_looked_at() -> None:
    died = date(9999, 12, 30)
    assert asked(numbered((replace(ADULT, died=on(died)), DISC)), date(9999, 12, 28)).wake_on == died


# Versions


def test_of_two_receipts_of_one_version_the_later_known_stands_in_any_order() -> None:
    # A sender without meta.versionId: every receipt is version 1, meta.lastUpdated tells them apart.
    first = replace(DISC, source="Condition/1", known_at=datetime(2026, 1, 1, tzinfo=UTC))
    second = replace(first, clinical="resolved", known_at=datetime(2026, 2, 1, tzinfo=UTC))
    assert Timeline.of((first, second)).facts == (second,)
    assert Timeline.of((second, first)).facts == (second,)


def test_of_two_versions_known_at_once_the_higher_number_stands() -> None:
    ninth = replace(DISC, source="Condition/1", version="9")
    tenth = replace(ninth, version="10", clinical="resolved")
    assert Timeline.of((tenth, ninth)).facts == (tenth,)


def test_facts_have_one_order_however_they_came() -> None:
    first, second = numbered((DISC, replace(DISC, onset=at(-20))))
    assert Timeline.of((second, first)).facts == Timeline.of((first, second)).facts == (first, second)
