"""Days: partial dates as intervals, calendar months, and the horizon up to which an answer holds.

Inside the core a day is its proleptic ordinal (`date.toordinal()`), so that intervals are integer arithmetic.
"""

from calendar import monthrange
from datetime import date

import msgspec

ENDLESS = date.max.toordinal()
LONG_AGO = date(1900, 1, 1)


class When(msgspec.Struct, frozen=True, array_like=True):
    """A date as precisely as its sender wrote it: the first and the last day that it may mean."""

    earliest: date
    latest: date

    @property
    def is_exact(self) -> bool:
        """Whether it means one day."""
        return self.earliest == self.latest

    @property
    def day(self) -> int:
        """The ordinal of the earliest day; of the day itself once settled."""
        return self.earliest.toordinal()


def on(day: date) -> When:
    """An exact date."""
    return When(day, day)


def add_months(day: int, months: int) -> int:
    """The ordinal `months` calendar months later, clamped to the month's end."""
    start = date.fromordinal(day)
    index = start.year * 12 + start.month - 1 + months
    year, month = divmod(index, 12)
    if not 1 <= year <= 9999:
        return ENDLESS
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1])).toordinal()


def last_within(day: int, months: int) -> int:
    """The last day that lies within `months` calendar months of `day`: 2024-02-29 for 2023-02-28 and 12."""
    last = add_months(day, months)
    while last < ENDLESS and add_months(last + 1, -months) <= day:
        last += 1
    return last


class Horizon:
    """The day a question is asked for, and the first later day on which an answer given so far may change.

    Every comparison with `as_of` goes through one of the two methods, so the days on which time alone can
    change a decision are known without trying each day.
    """

    __slots__ = ("day", "next")

    def __init__(self, day: int) -> None:
        """`day` is the ordinal of `as_of`'s local day."""
        self.day = day
        self.next = ENDLESS

    def has_come(self, day: int) -> bool:
        """Whether `day` is as_of or earlier."""
        if day <= self.day:
            return True
        if day < self.next:
            self.next = day
        return False

    def still(self, last: int) -> bool:
        """Whether as_of is `last` or earlier."""
        if last < self.day:
            return False
        if last + 1 < self.next:
            self.next = last + 1
        return True
