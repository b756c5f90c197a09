"""The picture's time: which days it shows, where each one lies, and the ticks below it."""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, NamedTuple

from referral_service.api.worklist.picture_parts import USUAL, units
from referral_service.core.dates import ENDLESS

WIDTH: Final = 716.0
_LEAST = 28
_LONGEST = 3 * 366
# Beyond the care itself a picture reaches back and ahead by this part of it, so that care fills most of it.
_PART_BEFORE, _PART_AHEAD = 0.6, 0.35
_LEAST_BEFORE, _LEAST_AHEAD = 90, 60
_TICK_WIDTH = 10 * USUAL
_DAYS, _MONTHS = (7, 14), (1, 2, 3, 6, 12, 24, 48, 96)


class Tick(NamedTuple):
    """A line below the drawing with its date."""

    x: float
    text: str


class Axis(NamedTuple):
    """The days from `first` through `last` (ordinals) spread over the width; `today` is the day asked for."""

    first: int
    last: int
    today: int

    @classmethod
    def of(cls, today: int, care: Sequence[int], beside: Sequence[int], ahead: Sequence[int]) -> "Axis":
        """All days of `care` of the last three years; of those `beside` and `ahead` what lies near enough."""
        first = min([day for day in care if day > today - _LONGEST] + [today])
        before = max(_LEAST_BEFORE, int((today - first) * _PART_BEFORE)) if care else _LONGEST
        first = min([day for day in beside if first - before <= day <= today] + [first])
        beyond = max(_LEAST_AHEAD, int((today - first) * _PART_AHEAD))
        last = max([day for day in ahead if day <= today + beyond] + [today])
        rim = max(2, (last - first) // 40)
        first, last = max(1, min(first - rim, last - _LEAST)), last + rim
        return cls(first, min(last, ENDLESS - 1), today)

    @property
    def unit(self) -> float:
        """The width of one day."""
        return WIDTH / (self.last - self.first + 1)

    def left(self, day: int) -> float:
        """Where a day begins; what lies outside is drawn at the edge."""
        return units((min(max(day, self.first), self.last + 1) - self.first) * self.unit)

    def right(self, day: int) -> float:
        """Where a day ends."""
        return self.left(day + 1)

    def middle(self, day: int) -> float:
        """The middle of a day."""
        return units((self.left(day) + self.right(day)) / 2)

    def has(self, day: int) -> bool:
        """Whether it is in the drawing."""
        return self.first <= day <= self.last

    def meets(self, first: int, last: int) -> bool:
        """Whether a part of a span is."""
        return first <= self.last and last >= self.first

    def ticks(self) -> tuple[Tick, ...]:
        """Mondays or firsts of months, as many as there is room for."""
        found = [Tick(self.left(day), text) for day, text in self._dates()]
        return tuple(tick for tick in found if _TICK_WIDTH / 2 <= tick.x <= WIDTH - _TICK_WIDTH / 2)

    def _dates(self) -> list[tuple[int, str]]:
        for step in _DAYS:
            days = [day for day in range(self.first, self.last + 1) if (day - 1) % step == 0]
            if len(days) * _TICK_WIDTH <= WIDTH:
                return [(day, date.fromordinal(day).isoformat()) for day in days]
        months = list(self._months())
        steps = (step for step in _MONTHS if len(months) * _TICK_WIDTH <= WIDTH * step)
        step = next(steps, _MONTHS[-1])
        return [
            (day.toordinal(), day.isoformat()[:7])
            for day in months
            if (day.year * 12 + day.month - 1) % step == 0
        ]

    def _months(self) -> Iterator[date]:
        """The firsts of months in the drawing."""
        day = date.fromordinal(self.first).replace(day=1)
        while (following := day.toordinal() + monthrange(day.year, day.month)[1]) <= self.last:
            day = date.fromordinal(following)
            yield day
