"""Failures carry their category and what to show, and no patient data."""

from referral_service.core.problem import Category, Issue, Problem, problem


def test_a_problem_shows_its_issues() -> None:
    found = problem(Category.INCORRECT, "Not a date of the calendar.", "Condition.onsetDateTime", "value")
    assert found.issues == (Issue("value", "Not a date of the calendar.", "Condition.onsetDateTime"),)
    assert str(found) == "Not a date of the calendar."


def test_a_problem_keeps_its_category() -> None:
    assert problem(Category.BUSY, "Wait.").category is Category.BUSY
    assert Problem(Category.NOT_FOUND).category is Category.NOT_FOUND


def test_a_problem_of_several_issues_says_them_all() -> None:
    found = Problem(Category.INCORRECT, Issue("value", "Not a date."), Issue("required", "No status."))
    assert str(found) == "Not a date.; No status."
    assert str(Problem(Category.FAULT)) == "fault"


def test_a_problem_without_issues_says_its_category() -> None:
    assert Problem(Category.NOT_FOUND).issues == (Issue("not-found", "not found"),)


def test_the_code_is_the_categorys_own_unless_said() -> None:
    assert problem(Category.BUSY, "Wait.").issues[0].code == "throttled"


def test_a_problem_of_no_single_element_names_none() -> None:
    assert problem(Category.BUSY, "Wait.").issues[0].expression == ""


def test_a_problem_may_say_how_long_to_wait() -> None:
    assert Problem(Category.BUSY, wait_seconds=7.5).wait_seconds == 7.5
    assert problem(Category.BUSY, "Wait.").wait_seconds is None
