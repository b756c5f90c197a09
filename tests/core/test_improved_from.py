"""The value from which a change counts as improved is where `is_improved` begins, for every instrument."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_service.core.response import Scale
from tests.kit.words import PATHWAY

A_LITTLE = Decimal("0.001")
SCALES = {name: Scale(it, PATHWAY) for name, it in PATHWAY.instruments.items()}


@pytest.mark.parametrize("name", sorted(SCALES))
@given(part=st.decimals(0, 1, places=3))
def test_that_value_is_improved_and_one_a_little_worse_is_not(name: str, part: Decimal) -> None:
    scale, it = SCALES[name], PATHWAY.instruments[name]
    before = it.low + part * (it.high - it.low)
    value = scale.improved_from(before)
    if value is None:
        assert before == 0
        return
    worse = A_LITTLE if it.better == "lower" else -A_LITTLE
    assert scale.is_improved(before, value)
    assert not scale.is_improved(before, value + worse)


@pytest.mark.parametrize(
    ("name", "before", "value"),
    [("oswestry", 48, 38), ("oswestry", 30, 21), ("peg", 5, "3.5"), ("promis-physical-function", 35, 40)],
)
def test_the_smaller_of_important_and_relative_change_decides(name: str, before: int, value: object) -> None:
    assert SCALES[name].improved_from(Decimal(before)) == Decimal(str(value))
