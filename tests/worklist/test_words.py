"""What the pages call things: counts of one, and of more."""

from decimal import Decimal

import pytest

from referral_service.api.worklist import words
from referral_service.core.brief import Brief


@pytest.mark.parametrize(
    ("number", "unit", "said"),
    [
        (1, "visits", "1 visit"),
        (1, "visit-days", "1 visit-day"),
        (1, "d", "1 day"),
        (1, "mo", "1 month"),
        (1, "modalities", "1 modality"),
        (Decimal("1"), "points", "1 point"),
        (0, "visits", "0 visits"),
        (2, "d", "2 days"),
        (1, "mm", "1 mm"),
        (1, "", "1"),
    ],
)
def test_one_of_something_is_said_as_one(number: object, unit: str, said: str) -> None:
    assert words.amount(number, unit) == said


def test_a_trial_of_one_day_and_one_visit() -> None:
    assert words.reason(Brief(outcome="exhausted", days=1, visits=1)) == "trial 1 day · 1 visit"
    assert words.reason(Brief(outcome="exhausted", days=2, visits=2)) == "trial 2 days · 2 visits"
