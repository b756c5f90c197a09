"""Dates in searches are compared with what is asked for, and with nothing else."""

from datetime import UTC, datetime
from typing import Any

import pytest

from referral_service.fhir.search.dates import COMPARISONS, During, Span

compared = 0


class Watched(datetime):
    """An instant that counts how often it is compared."""

    def _counted(self, name: str, other: Any) -> Any:
        global compared
        compared += 1
        return getattr(datetime, name)(self, other)

    def __lt__(self, other: Any) -> Any:
        """As of any instant."""
        return self._counted("__lt__", other)

    def __le__(self, other: Any) -> Any:
        """As of any instant."""
        return self._counted("__le__", other)

    def __gt__(self, other: Any) -> Any:
        """As of any instant."""
        return self._counted("__gt__", other)

    def __ge__(self, other: Any) -> Any:
        """As of any instant."""
        return self._counted("__ge__", other)


def day(number: int) -> Watched:
    return Watched(2026, 6, number, tzinfo=UTC)


# What holds of a range, from its first day to its last, beside that from the 10th to the 20th.
HOLDS = {
    (1, 10): {"ne", "lt", "le", "eb"},
    (1, 15): {"ne", "lt", "le", "ap"},
    (10, 20): {"eq", "ge", "le", "ap"},
    (12, 18): {"eq", "ge", "le", "ap"},
    (15, 25): {"ne", "gt", "ge", "ap"},
    (20, 25): {"ne", "gt", "ge", "sa"},
    (1, 25): {"ne", "gt", "ge", "lt", "le", "ap"},
}


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_a_comparison_is_made_of_a_few(comparison: str) -> None:
    global compared
    compared = 0
    during = During(comparison, Span(day(10), day(20)))
    holds = {known for known in HOLDS if during.holds(Span(*map(day, known)))}
    assert holds == {known for known, those in HOLDS.items() if comparison in those}
    assert compared <= 3 * len(HOLDS)
