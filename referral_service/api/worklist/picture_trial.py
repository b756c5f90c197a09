"""The trial in the drawing: its covered days and gaps, and the days that matter."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from referral_service.api.worklist import picture_words as words
from referral_service.api.worklist.picture_axis import Axis
from referral_service.api.worklist.picture_parts import USUAL, Band, Box, Lane, Row, Text, units
from referral_service.api.worklist.picture_shown import Shown
from referral_service.core.cover import Span, day_reaching
from referral_service.core.dates import ENDLESS

_HEIGHT: Final = 38.0
_BAR: Final = Box(0, 9, 0, 20)


class Moment(NamedTuple):
    """A day that matters: what it is, and how its line looks."""

    day: int
    name: str
    look: str

    @property
    def text(self) -> str:
        """With its date."""
        return f"{self.name} {words.day(self.day)}"


def moments(shown: Shown) -> list[Moment]:
    """Episode and trial begin, minimum, maximum, the day asked for, and the day of the next look."""
    found = [Moment(shown.today, "Today", "today")]
    if shown.start:
        found.append(Moment(shown.start, "Episode begins", "begin"))
    if shown.trial and shown.care:
        again = any(t.start < shown.trial.start for t in shown.care.visits)
        name = "Trial begins again" if again else "Trial begins"
        found += [Moment(shown.trial.start, name, "begin"), *_needed(shown)]
    if wake := shown.decision.wake_on:
        found.append(Moment(wake.toordinal(), "Looked at again", "wake"))
    return sorted(found)


def _needed(shown: Shown) -> Iterator[Moment]:
    """The days on which cover reaches minimum and maximum; where it does not, the earliest ones possible."""
    assert shown.judging and shown.trial and shown.care
    for name, days in (("Minimum", shown.judging.minimum), ("Maximum", shown.judging.maximum)):
        reached = day_reaching(shown.trial.cover, days)
        title, look = f"{name} {days} days", name.lower()
        if reached is not None:
            yield Moment(reached, title, look)
        elif not shown.care.has_ended:
            covered = sum(last - first + 1 for first, last in shown.trial.cover)
            earliest = max(shown.today, shown.trial.end) + days - covered
            yield Moment(earliest, f"{title}, earliest", look)


def gaps(shown: Shown) -> list[Span]:
    """The days without cover, from the trial's first day through the day asked for."""
    if not shown.trial:
        return []
    cover = [*shown.trial.cover, (shown.today + 1, shown.today + 1)]
    found = [(before[1] + 1, min(after[0] - 1, shown.today)) for before, after in pairwise(cover)]
    return [(first, last) for first, last in found if first <= last]


def bands(shown: Shown, axis: Axis, top: float, height: float) -> list[Band]:
    """Cover and gaps from top to bottom: behind everything in the drawing, or in a lane."""
    if not shown.trial:
        return []
    found = []
    for first, last in shown.trial.cover:
        found += _part(axis, first, min(last, shown.today), "covered", top, height)
        found += _part(axis, max(first, shown.today + 1), last, "coming", top, height)
    for first, last in gaps(shown):
        found += _part(axis, first, last, "gap", top, height)
    return found


def _part(axis: Axis, first: int, last: int, look: str, top: float, height: float) -> list[Band]:
    if first > last or not axis.meets(first, last):
        return []
    left, right = axis.left(first), axis.right(last)
    return [Band(Box(left, top, units(right - left), height), look, look if look == "gap" else "")]


def lane(shown: Shown, axis: Axis) -> Lane:
    """The trial's own lane: cover against minimum and maximum."""
    if not (shown.trial and shown.care and shown.judging):
        return Lane("Trial", (_why_none(shown),), _HEIGHT)
    says = (
        f"{words.count(shown.care.days, 'covered day')}",
        f"min {shown.judging.minimum}, max {shown.judging.maximum}",
    )
    return Lane(
        "Trial",
        says,
        _HEIGHT,
        "trial",
        bands=tuple(bands(shown, axis, _BAR.y, _BAR.height)),
        texts=tuple(_lengths(shown, axis)),
        rows=tuple(_rows(shown)),
    )


def _why_none(shown: Shown) -> str:
    if shown.decision.flags:
        return "not asked: red flag"
    return "none has begun" if shown.assessment else "not asked"


def _lengths(shown: Shown, axis: Axis) -> Iterator[Text]:
    """How long each part is, where there is room to say so."""
    assert shown.trial
    covered = [(first, min(last, shown.today)) for first, last in shown.trial.cover if first <= shown.today]
    for spans, look, more in ((covered, "on-cover", " covered"), (gaps(shown), "on-gap", " without")):
        for first, last in spans:
            left, right = axis.left(first), axis.right(last)
            days = f"{last - first + 1} d"
            text = days + more if len(days + more) * USUAL + 8 <= right - left else days
            if len(text) * USUAL + 4 <= right - left:
                yield Text(units((left + right) / 2), _BAR.y + 14.5, text, look, "middle")


def _rows(shown: Shown) -> Iterator[Row]:
    assert shown.trial
    spans = [(first, last, _covered(first, last, shown.today)) for first, last in shown.trial.cover]
    spans += [(first, last, f"{_days(first, last)} without care") for first, last in gaps(shown)]
    for first, last, what in sorted(spans):
        text = (
            f"{words.day(first)} to {words.day(last)}" if last < ENDLESS else f"{words.day(first)}, goes on"
        )
        yield Row(text, what)


def _covered(first: int, last: int, today: int) -> str:
    """How many days of care were, and how many of them lie ahead."""
    if first > today:
        return f"{_days(first, last)} to come, covered by care" if last < ENDLESS else "care to come"
    said = f"{_days(first, min(last, today))} covered by care"
    if last <= today:
        return said
    ahead = "more" if last == ENDLESS else f"{last - today} more"
    return f"{said}, {ahead} to come"


def _days(first: int, last: int) -> str:
    return words.count(last - first + 1, "day")
