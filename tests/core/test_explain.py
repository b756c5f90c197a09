"""What coordinators read: sentences, the smallest missing pieces, and the earliest day that could count."""

from datetime import date
from typing import Any

from referral_service.core.decision import Criterion, Decision
from referral_service.core.explain import criterion_sentence, missing, sentences
from tests.kit.judged import judged

DISC: dict[str, Any] = {"condition": "M51.360", "onset": -200}


def test_the_smallest_missing_pieces_of_a_trial_are_counted() -> None:
    decision = judged(
        {"condition": "M54.50", "onset": -40}, {"procedure": "97110", "on": [-30, -23, -16, -9]}
    )
    assert missing(decision) == [
        "11 more covered days",
        "2 more active visits",
        "a second modality",
        "an ODI score",
        "a lumbar MRI",
    ]


def test_enough_visits_that_cover_too_few_days_lack_days() -> None:
    decision = judged(
        {"condition": "M54.50", "onset": -100},
        {"procedure": "97110", "on": [-20, -19, -18, -17, -16, -15]},
        {"procedure": "97124", "every": {"from": -80, "to": -3, "step": 7}},
    )
    assert decision.reasons == ("active-therapy",)
    assert missing(decision) == ["22 more days covered by active therapy", "an ODI score", "a lumbar MRI"]


def test_visits_and_days_that_suffice_but_for_their_unknown_number_lack_nothing_countable() -> None:
    decision = judged(
        {"condition": "M54.50", "onset": -100},
        {"procedure": "97110", "during": [-90, -10]},
        {"procedure": "97124", "every": {"from": -80, "to": -3, "step": 7}},
    )
    assert decision.reasons == ("dates-unclear",)
    assert missing(decision)[0] == "5 more active visits"


def test_at_its_recorded_pace_a_trial_could_count_on_a_day() -> None:
    """31 of 90 days covered in 31 elapsed ones: 59 more; 5 visits in 31 days: one more within 7."""
    decision = judged(
        DISC,
        {"procedure": "97110", "on": [-30, -23, -16, -9, -2]},
        {"medication": "198014", "from": -30, "supply": 60},
    )
    assert decision.earliest_on == date(2026, 7, 30)
    assert "At this pace the trial could count as complete on 2026-07-30." in sentences(decision)


def test_a_course_goes_on_at_the_pace_of_the_fewest_visits_it_may_have_held() -> None:
    """31 of 90 days in 31 elapsed ones: 59 more; one visit in 31 days, five more: 155."""
    decision = judged(
        DISC,
        {"procedure": "97110", "during": [-30, -2]},
        {"medication": "198014", "from": -30, "supply": 60},
    )
    assert decision.earliest_on == date(2026, 11, 3)


def test_one_score_is_what_an_unmeasured_trial_lacks() -> None:
    decision = judged(DISC, {"procedure": "97110", "on": [-30, -23]})
    assert decision.needs == (
        ("covered-days", 68),
        ("active-visits", 4),
        ("modality", 1),
        ("function-score", 1),
        ("imaging", 1),
    )


def test_without_any_active_visit_there_is_no_pace() -> None:
    decision = judged(
        DISC,
        {"procedure": "97124", "on": [-30, -23, -16, -9, -2]},
        {"medication": "198014", "from": -30, "supply": 60},
    )
    assert decision.earliest_on is None


def test_a_neck_lacks_a_neck_score() -> None:
    assert "an NDI score" in missing(judged({"condition": "M54.2", "onset": -40}))


def test_a_red_flag_is_told_with_its_day_and_source_and_directs_nobody() -> None:
    said = sentences(judged({"condition": "G83.4", "onset": -2, "id": "flag"}))
    assert said[0] == "A possible red flag is recorded: a human should look at once."
    assert "Possible red flag recorded on 2026-05-30, see Condition/pat-flag." in said


def test_a_red_flag_without_a_date_says_so() -> None:
    said = sentences(judged({"condition": "G83.4", "id": "flag"}))
    assert "Possible red flag recorded without an exact date, see Condition/pat-flag." in said


def test_a_red_flag_of_a_year_has_no_exact_date() -> None:
    said = sentences(judged({"condition": "G83.4", "onset": "2026", "id": "flag"}))
    assert "Possible red flag recorded without an exact date, see Condition/pat-flag." in said


def test_a_criterion_is_a_line_with_its_value_against_its_threshold() -> None:
    decision = judged(DISC, {"procedure": "97110", "on": [-30, -23]})
    told = {c.id: criterion_sentence(c) for c in decision.criteria}
    assert told["duration-minimum"] == "The trial has lasted its minimum: no (22 d, asked for 90)"
    assert told["recency"] == "The last treatment is recent: yes (2026-05-09, asked for 12 mo)"
    assert told["imaging"] == "A current MRI or CT report is there: no"


def test_an_exhausted_trial_says_what_is_proposed_and_when_the_answer_ages() -> None:
    said = sentences(
        judged(
            DISC,
            {"procedure": "97110", "every": {"from": -150, "to": -10, "step": 7}},
            {"medication": "198014", "from": -150, "supply": 60},
            {"score": "97909-6", "value": 48, "unit": "%", "on": -150},
            {"score": "97909-6", "value": 48, "unit": "%", "on": -12},
            {"imaging": "24968-0", "on": -100},
        )
    )
    assert said == [
        "The conservative trial looks exhausted.",
        "Function has not improved.",
        "The coded structure is a lumbar disc.",
        "Proposed: an evaluation for intradiscal treatment.",
        "With nothing new, this answer changes on 2026-07-20.",
    ]


EXHAUSTED: tuple[dict[str, Any], ...] = (
    DISC,
    {"procedure": "97110", "every": {"from": -150, "to": -10, "step": 7}},
    {"medication": "198014", "from": -150, "supply": 60},
    {"score": "97909-6", "value": 48, "unit": "%", "on": -150},
    {"score": "97909-6", "value": 48, "unit": "%", "on": -12},
)


def test_an_unclear_route_says_what_makes_it_unclear_and_proposes_nothing() -> None:
    said = sentences(
        judged(*EXHAUSTED, {"condition": "M54.31", "onset": -200}, {"imaging": "24968-0", "on": -100})
    )
    assert said == [
        "A human has to look: the record does not decide.",
        "Both an intradiscal and a surgical consultation are possible.",
        "A degenerated disc and symptoms of the leg are both coded.",
        "With nothing new, this answer changes on 2026-07-20.",
    ]


def test_one_missing_piece_is_told_in_the_singular_and_several_with_commas() -> None:
    assert "Missing: a lumbar MRI." in sentences(judged(*EXHAUSTED))
    almost = (
        {"condition": "M54.50", "onset": -60},
        {"procedure": "97110", "every": {"from": -40, "to": -12, "step": 7}},
    )
    said = sentences(judged(*almost, {"medication": "198014", "from": -30, "supply": 30}))
    assert "Missing: 1 more covered day, 1 more active visit, an ODI score, a lumbar MRI." in said


def test_an_urgent_decision_proposes_nothing_in_words() -> None:
    flag = {"condition": "G83.4", "onset": -2}
    assert not [s for s in sentences(judged(DISC, flag)) if s.startswith("Proposed")]


def test_a_criterion_without_a_threshold_says_its_value_only() -> None:
    signs = Criterion(id="ceiling-sign", status="met", value="function-flat")
    assert criterion_sentence(signs) == "The trial has reached its ceiling: yes (function-flat)"


def test_a_patient_without_a_region_lacks_an_mri_of_no_named_region() -> None:
    nobody = Decision(region=None, outcome="review", reasons=("imaging-missing",), needs=(("imaging", 1),))
    assert missing(nobody) == ["an MRI"]


def test_a_declined_consultation_says_why_it_was_this_one() -> None:
    image = {"imaging": "24968-0", "on": -100}
    assert sentences(judged(*EXHAUSTED, image, {"refuses": "306265007", "on": -3}))[:3] == [
        "No elective referral for now.",
        "The patient has declined this consultation.",
        "The coded structure is a lumbar disc.",
    ]


def test_a_trial_that_lacks_a_second_modality_goes_nowhere_at_this_pace() -> None:
    decision = judged(DISC, {"procedure": "97110", "on": [-30, -23, -16, -9, -2]})
    assert ("modality", 1) in decision.needs
    assert decision.earliest_on is None


def test_a_trial_that_was_broken_off_goes_on_no_more() -> None:
    decision = judged(
        {"condition": "M51.360", "onset": -300},
        {"procedure": "97110", "on": [-190, -180, -170]},
        {"medication": "198014", "from": -190, "supply": 30},
    )
    assert (decision.reasons, decision.earliest_on) == (("trial-lapsed",), None)


def test_a_trial_that_is_complete_but_for_its_imaging_lacks_only_that() -> None:
    decision = judged(*EXHAUSTED)
    assert decision.needs == (("imaging", 1),)
    assert decision.earliest_on is None
