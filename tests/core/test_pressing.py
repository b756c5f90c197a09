"""Which facts put their patient before all others in the queue: those that may turn out a red flag."""

import pytest

from referral_service.core.flags import may_be_flag
from referral_service.core.timeline import Condition, Fact, Meaning, Procedure


def condition(role: str) -> Condition:
    return Condition(source="Condition/1", meanings=(Meaning("a concept", "lumbar", role),))


@pytest.mark.parametrize(
    ("fact", "presses"),
    [
        (condition("red_flag_hard"), True),
        (condition("red_flag_hard_fracture"), True),
        (condition("red_flag_structural"), True),
        (condition("red_flag_soft"), True),
        (condition("red_flag_confounder"), False),
        (condition("qualifying"), False),
        (Condition(source="Condition/1"), False),
        (
            Procedure(
                source="Procedure/1", status="completed", meanings=(Meaning("x", None, "red_flag_hard"),)
            ),
            False,
        ),
    ],
)
def test_a_condition_that_may_be_a_red_flag_presses(fact: Fact, presses: bool) -> None:
    assert may_be_flag(fact) is presses
