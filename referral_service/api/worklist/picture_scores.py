"""The lines of pain and function: a lane an instrument, worse at the top, and what would be improved."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import Final

from referral_service.api.worklist import picture_parts as parts
from referral_service.api.worklist import picture_words as words
from referral_service.api.worklist.picture_axis import WIDTH, Axis
from referral_service.api.worklist.picture_parts import SMALL, Band, Box, Lane, Mark, Row, Stroke, Text, units
from referral_service.api.worklist.picture_shown import Item, Shown
from referral_service.core.response import Point, Series

_HEIGHT, _TOP, _BOTTOM = 116.0, 24.0, 96.0
_EMPTY: Final = 38.0
_REACH, _RING = 12.0, 8.0
_ROOM_FOR_TEXT: Final = 15.0
_ANSWERS: Final = {
    "improved": "improved",
    "unchanged": "not improved",
    "worse": "worse",
    "unknown": "contradictory",
}


def lanes(shown: Shown, axis: Axis) -> list[Lane]:
    """A lane for every instrument that was used, pain first; an empty one for a kind never measured."""
    series = {shown.pathway.instrument_of[one.points[0].fact.concept]: one for one in shown.series()}
    found: list[Lane] = []
    for kind in ("pain", "function"):
        names = [name for name, it in shown.pathway.instruments.items() if it.kind == kind]
        used = [_lane(shown, axis, name, series.get(name)) for name in names]
        of_kind = [lane for lane in used if lane.rows]
        found += of_kind or [Lane(kind.capitalize(), ("no score recorded",), _EMPTY)]
    return found


def _lane(shown: Shown, axis: Axis, name: str, series: Series | None) -> Lane:
    title = f"{shown.pathway.instruments[name].kind.capitalize()} ({words.instrument(name)})"
    undated = tuple(
        Row(i.when, f"{title} (not drawn: no date)", i.fact.evidence) for i in shown.undated_scores(name)
    )
    if series is None:
        return Lane(title, ("no value has a date",), _EMPTY, rows=undated)
    lane = Panel(shown, axis, title, series).lane()
    return lane._replace(rows=lane.rows + undated)


class Panel:
    """One instrument's values over time."""

    def __init__(self, shown: Shown, axis: Axis, title: str, series: Series) -> None:
        """`series` is the core's; without a trial that was judged it is drawn and not compared."""
        self._shown, self._axis, self._title, self._series = shown, axis, title, series
        self._instrument = series.instrument
        self._items = [(p, shown.item(p.fact, p.fact.at)) for p in series.points]
        self._drawn = [(p, i) for p, i in self._items if i.first and axis.meets(i.first, i.last)]
        self._baseline = series.baseline if shown.judging else None

    def lane(self) -> Lane:
        """All of it."""
        return Lane(
            self._title,
            self._says(),
            _HEIGHT,
            "score",
            marks=tuple(self._marks()),
            texts=(*self._ends(), *self._limits(), *self._values()),
            bands=tuple(self._bands()),
            strokes=(*self._thresholds(), *self._line(), *self._whiskers()),
            rows=tuple(self._rows()),
        )

    def _y(self, value: Decimal) -> float:
        """Where a value lies: what is worse lies higher."""
        it = self._instrument
        part = (value - it.low) / (it.high - it.low)
        up = part if it.better == "lower" else 1 - part
        return units(_BOTTOM - float(up) * (_BOTTOM - _TOP))

    def _x(self, item: Item) -> float:
        assert item.first is not None
        return units((self._axis.left(item.first) + self._axis.right(item.last)) / 2)

    def _value(self, value: Decimal) -> str:
        return words.value(value, self._instrument.scale)

    def _says(self) -> tuple[str, ...]:
        if self._baseline is None and not self._shown.judging:
            return (words.count(len(self._items), "value"), "not compared")
        if self._series.is_evaluable and self._baseline is not None:
            values = self._series.readings[0]
            before, after = values[self._baseline][0], values[self._series.last][0]
            return (f"{words.value(before)} → {self._value(after)}", _ANSWERS[self._series.answer])
        why = "last one too old" if self._series.is_outdated else "nothing to compare"
        return (words.count(len(self._items), "value"), why)

    @cached_property
    def _improved_from(self) -> Decimal | None:
        """The value from which every reading of the baseline calls it improved."""
        scale = self._series.scale
        if self._baseline is None:
            return None
        before = [value for values in self._series.readings for value in values[self._baseline]]
        found = [value for one in before if (value := scale.improved_from(one)) is not None]
        strictest = scale.best(found) if len(found) == len(before) else None
        it = self._instrument
        return strictest if strictest is not None and it.low <= strictest <= it.high else None

    @property
    def _persists_from(self) -> Decimal | None:
        it = self._instrument.persistent_from
        return Decimal(it.value) if it and self._shown.judging else None

    def _since(self) -> float:
        """Where the comparison begins."""
        return self._axis.left(self._baseline) if self._baseline is not None else 0

    def _bands(self) -> Iterator[Band]:
        if self._improved_from is not None:
            top, left = self._y(self._improved_from), self._since()
            width = self._axis.right(self._axis.today) - left
            yield Band(Box(left, top, units(width), units(_BOTTOM - top)), "improved", "zone")

    def _thresholds(self) -> Iterator[Stroke]:
        right = self._axis.right(self._axis.today)
        if self._improved_from is not None:
            yield Stroke(parts.level(self._y(self._improved_from), self._since(), right), "improved")
        if self._persists_from is not None:
            yield Stroke(parts.level(self._y(self._persists_from), self._since(), right), "persists")

    def _limits(self) -> Iterator[Text]:
        """What the thresholds say: right of the day asked for if there is room, the upper above its line."""
        better, worse = ("≤", "≥") if self._instrument.better == "lower" else ("≥", "≤")
        found = [
            (self._y(value), f"{name}: {sign} {self._value(value)}")
            for name, sign, value in (
                ("improved", better, self._improved_from),
                ("persists", worse, self._persists_from),
            )
            if value is not None
        ]
        right = self._axis.right(self._axis.today)
        is_free = all(right + len(text) * SMALL + 10 <= WIDTH for _, text in found)
        for number, (y, text) in enumerate(sorted(found)):
            is_above = number == 0 and (len(found) > 1 or _BOTTOM - y < _ROOM_FOR_TEXT)
            at = right + 6 if is_free else right - 8
            yield Text(
                units(at), units(y - 4 if is_above else y + 12), text, "limit", "start" if is_free else "end"
            )

    def _ends(self) -> tuple[Text, ...]:
        it = self._instrument
        worst, best = (it.high, it.low) if it.better == "lower" else (it.low, it.high)
        return (
            Text(4, _TOP - 8, f"{self._value(worst)}, worst", "scale"),
            Text(4, _BOTTOM + 14, f"{self._value(best)}, best", "scale"),
        )

    def _line(self) -> Iterator[Stroke]:
        values = self._series.readings[0]
        days = {p.day: self._x(i) for p, i in self._drawn}
        corners = [f"{x} {self._y(values[day][0])}" for day, x in days.items()]
        if len(corners) > 1:
            yield Stroke("M" + "L".join(corners), self._instrument.kind)

    def _whiskers(self) -> Iterator[Stroke]:
        """How far a date that is not exact may reach."""
        for point, item in self._drawn:
            if item.first is not None and not item.is_exact:
                y = self._y(point.value)
                yield Stroke(
                    parts.level(y, self._axis.left(item.first), self._axis.right(item.last)), "inexact"
                )

    def _marks(self) -> Iterator[Mark]:
        shape = parts.circle if self._instrument.kind == "pain" else parts.square
        xs = [self._x(item) for _, item in self._drawn]
        for number, (point, item) in enumerate(self._drawn):
            x, y = xs[number], self._y(point.value)
            before = (xs[number - 1] + x) / 2 if number else 0
            after = (xs[number + 1] + x) / 2 if number + 1 < len(xs) else WIDTH
            left, right = max(before, x - _REACH), min(after, x + _REACH)
            hit = Box(units(left), units(y - _REACH), units(max(right - left, 1)), 2 * _REACH)
            look = self._instrument.kind + (" inexact" if not item.is_exact else "")
            at = min(max(x, _RING), WIDTH - _RING)
            ring = parts.circle(at, y, _RING) if self._role(point) else ""
            title = f"{self._told(point)}, {item.when}"
            yield Mark(look, shape(at, y), hit, parts.address(point.fact.evidence), title, ring)

    def _role(self, point: Point) -> str:
        if self._baseline is None or point.day not in (self._baseline, self._series.last):
            return ""
        return "baseline" if point.day == self._baseline else "latest"

    def _told(self, point: Point) -> str:
        doubled = f" (or {self._value(point.value * 2)}: unit unclear)" if point.is_ambiguous else ""
        role = self._role(point)
        return f"{self._title} {self._value(point.value)}{doubled}{f', {role}' if role else ''}"

    def _values(self) -> Iterator[Text]:
        """The numbers beside the marks: those compared, and of the others what there is room for."""
        taken: list[tuple[float, float]] = []
        for point, item in sorted(self._drawn, key=lambda each: not self._role(each[0])):
            text, x = words.value(point.value), self._x(item)
            half = len(text) * SMALL / 2 + 4
            if any(abs(x - other) < half + width for other, width in taken):
                continue
            taken.append((x, half))
            y = self._y(point.value)
            at = min(max(x, half), WIDTH - half)
            yield Text(units(at), units(y - 12 if y > _TOP else y + 20), text, "value", "middle")

    def _rows(self) -> Iterator[Row]:
        if self._improved_from is not None and self._baseline is not None:
            lower = self._instrument.better == "lower"
            since = f"since {words.day(self._baseline)}"
            what = f"{self._value(self._improved_from)} or {'less' if lower else 'more'} counts as improved"
            yield Row(since, f"{self._title}: {what}")
        for point, item in self._items:
            absent = "" if (point, item) in self._drawn else " (before the drawing)"
            yield Row(item.when, self._told(point) + absent, point.fact.evidence)
