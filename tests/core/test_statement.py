"""A statement that a medication was used covers its own day; one that is still used, every day."""

import pytest
from msgspec.structs import replace

from referral_service.core.timeline import Medication
from tests.core.asked import decisions
from tests.kit.charts import ADULT, condition, drug, numbered
from tests.kit.words import day, meant

PAIN = condition(meant("low_back_pain", "lumbar"), -60)
USED = replace(drug(-40, -40, "lumbar"), is_order=False, end=None)


@pytest.mark.parametrize(
    ("medication", "last"),
    [
        (USED, day(-40)),
        (drug(-40, -20, "lumbar"), day(-20)),
        # An order whose supply nobody wrote down covers thirty days.
        (replace(USED, is_order=True), day(-11)),
    ],
    ids=["used once", "used for three weeks", "ordered"],
)
def test_the_last_day_of_treatment(medication: Medication, last: object) -> None:
    found = {c.id: c for c in decisions(numbered((ADULT, PAIN, medication)))["lumbar"].criteria}
    assert found["recency"].value == str(last)


def test_what_is_still_used_is_treatment_of_today() -> None:
    found = {
        c.id: c
        for c in decisions(numbered((ADULT, PAIN, replace(USED, status="active", runs_on=True))))[
            "lumbar"
        ].criteria
    }
    assert found["recency"].value == str(day(0))
