"""The lanes of care: therapy, manual and passive, medication by class, injections, imaging, red flags."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from referral_service.api.worklist import picture_parts as parts
from referral_service.api.worklist import picture_words as words
from referral_service.api.worklist.picture_axis import WIDTH, Axis
from referral_service.api.worklist.picture_parts import SMALL, Box, Lane, Mark, Row, Stroke, Text, units
from referral_service.api.worklist.picture_shown import Item, Shown
from referral_service.core.timeline import Imaging, Meaning, Procedure

HEIGHT: Final = 38.0
_STEP: Final = 26.0
_REACH: Final = 14.0
_NONE: Final = ("none recorded",)
_OUTSIDE: Final = "outside the trial"
_FLAGS: Final = {
    "red-flag-hard": "waives the trial",
    "red-flag-soft": "waives the trial with others",
    "possible-red-flag": "a human has to judge it",
}


class Thing(NamedTuple):
    """One fact of a lane: what it is, how it looks, and what is written beside it, if anything."""

    item: Item
    what: str
    look: str
    shape: Callable[[float, float], str]
    label: str = ""

    @property
    def title(self) -> str:
        """What a pointer that rests on it, or a screen reader, is told."""
        return f"{self.what}, {self.item.when}"


def lanes(shown: Shown, axis: Axis) -> list[Lane]:
    """Every lane of care, the usual ones also where nothing is in them."""
    found = [
        _active(shown, axis),
        _visits(shown, axis, "Manual, complementary", "manual", parts.diamond),
        _visits(shown, axis, "Passive", "passive", parts.square, "never counts"),
        _visits(shown, axis, "Self-management", "self", parts.triangle),
        *_medication(shown, axis),
        _injections(shown, axis),
        _operations(shown, axis),
        _imaging(shown, axis),
        _flags(shown, axis),
    ]
    return [lane for lane in found if lane.rows or lane.says]


def _active(shown: Shown, axis: Axis) -> Lane:
    things = _done(shown, "active", parts.circle)
    things += [
        Thing(i, f"{_named(i)}, not done: contraindicated", "cross", parts.cross)
        for i in shown.contraindicated()
    ]
    return _lane(axis, "Active therapy", _visit_days(shown, "active", things), things)


def _visits(
    shown: Shown, axis: Axis, name: str, kind: str, shape: Callable[[float, float], str], says: str = ""
) -> Lane:
    things = _done(shown, kind, shape)
    counted = kind in ("active", "manual")
    said = _visit_days(shown, kind, things) if counted else (_entries(things),)
    return _lane(axis, name, (says,) if says else said, things) if things or counted else Lane(name, (), 0)


def _done(shown: Shown, kind: str, shape: Callable[[float, float], str]) -> list[Thing]:
    return [
        Thing(i, _named(i) + _aside(shown, i), f"{kind}{_outside(shown, i)}", shape)
        for i in shown.treatments(kind)
    ]


def _entries(things: Sequence[Thing]) -> str:
    return "1 entry" if len(things) == 1 else f"{len(things)} entries"


def _named(item: Item) -> str:
    assert isinstance(item.fact, Procedure)
    return _names(item.fact.meanings, "treatment")


def _names(meanings: Sequence[Meaning], role: str) -> str:
    wanted = [m for m in meanings if m.role.startswith(role)] or meanings
    return ", ".join(dict.fromkeys(words.concept(m.concept) for m in wanted))


def _outside(shown: Shown, item: Item) -> str:
    return " outside" if shown.trial and not shown.is_in_trial(item) else ""


def _aside(shown: Shown, item: Item) -> str:
    return f", {_OUTSIDE}" if _outside(shown, item) else ""


def _visit_days(shown: Shown, kind: str, things: Sequence[Thing]) -> tuple[str, ...]:
    """How many visit-days the core counts in the trial; without a trial how many entries there are."""
    if not things:
        return _NONE
    if not (shown.care and shown.trial):
        return (words.count(len(things), "visit"),)
    least, most = shown.care.visit_days(kind)
    if least == most:
        return (words.count(least, "visit-day"),)
    return (f"{least} to {words.count(most, 'visit-day')}",)


def _medication(shown: Shown, axis: Axis) -> list[Lane]:
    credited = shown.pathway.concepts.medication_credited
    by_class: dict[str, list[Item]] = {}
    for meaning, item in shown.medications():
        by_class.setdefault(meaning.concept, []).append(item)
    if not by_class:
        return [Lane("Medication", _NONE, HEIGHT)]
    found = []
    for concept in sorted(by_class, key=lambda name: (name not in credited, words.concept(name).lower())):
        counts = concept in credited
        look, says = ("drug", "medication") if counts else ("noted", "noted, not counted")
        things = [
            Thing(
                i,
                words.concept(concept) + (_aside(shown, i) if counts else ", not counted"),
                look,
                parts.square,
            )
            for i in by_class[concept]
        ]
        things = [t._replace(look=look + (_outside(shown, t.item) if counts else "")) for t in things]
        found.append(_lane(axis, words.concept(concept), (says,), things))
    return found


def _injections(shown: Shown, axis: Axis) -> Lane:
    things = [
        Thing(i, _named(i) + _aside(shown, i), f"injection{_outside(shown, i)}", parts.needle, _named(i))
        for i in shown.treatments("injection")
    ]
    return _labelled(axis, "Injections", (_entries(things),) if things else _NONE, things)


def _operations(shown: Shown, axis: Axis) -> Lane:
    things = [
        Thing(i, _names(i.fact.meanings, "prior"), "operation", parts.cross, _names(i.fact.meanings, "prior"))
        for i in shown.operations()
        if isinstance(i.fact, Procedure)
    ]
    return _labelled(axis, "Operations", (_entries(things),) if things else (), things)


def _imaging(shown: Shown, axis: Axis) -> Lane:
    wanted = shown.pathway.concepts.imaging_report
    things = []
    for item in shown.imaging():
        assert isinstance(item.fact, Imaging)
        found = ", ".join(words.concept(name) for name in item.fact.findings)
        name = _names(item.fact.meanings, "imaging") or "Finding"
        what = f"{name}: {found.lower()}" if found else name
        counts = any(m.concept in wanted for m in item.fact.meanings) or not item.fact.meanings
        things.append(Thing(item, what, "film" if counts else "film outside", parts.film, what))
    says = (words.count(len(things), "report"),) if things else _NONE
    return _labelled(axis, "Imaging", says, things)


def _flags(shown: Shown, axis: Axis) -> Lane:
    things = [
        Thing(item, f"{words.concept(concept)}: {_FLAGS[reason]}", "flag", parts.flag, words.concept(concept))
        for concept, reason, item in shown.flags()
    ]
    if not things:
        return _labelled(axis, "Red flags", ("none stands",), things)
    says = tuple(dict.fromkeys(thing.label for thing in things))
    return _labelled(axis, "Red flags", says, things)._replace(look="alarm")


def _lane(axis: Axis, name: str, says: tuple[str, ...], things: Sequence[Thing]) -> Lane:
    """All in one line, without labels."""
    drawn = _drawn(axis, things)
    y = HEIGHT / 2
    marks, strokes = [], []
    middles = [_middle(axis, thing.item) for thing in drawn]
    for number, thing in enumerate(drawn):
        before = (middles[number - 1] + middles[number]) / 2 if number else 0
        after = (middles[number] + middles[number + 1]) / 2 if number + 1 < len(drawn) else WIDTH
        marks.append(_mark(axis, thing, y, before, after))
        strokes += _ahead(axis, thing, y)
    return Lane(
        name,
        says,
        HEIGHT,
        marks=tuple(marks),
        strokes=tuple(strokes),
        rows=_rows(axis, things),
        texts=_earlier(axis, things, y),
    )


def _labelled(axis: Axis, name: str, says: tuple[str, ...], things: Sequence[Thing]) -> Lane:
    """Each with its label, in as many lines as it takes to keep them apart."""
    ends: list[float] = []
    marks, texts = [], []
    for thing in _drawn(axis, things):
        x = _middle(axis, thing.item)
        width = len(thing.label) * SMALL + 4
        turned = x + _REACH + width > WIDTH
        first = x - _REACH - (width if turned else 0)
        line = next((n for n, end in enumerate(ends) if end <= first), len(ends))
        ends[line:] = [x + _REACH + (0 if turned else width), *ends[line + 1 :]]
        y = HEIGHT / 2 + line * _STEP
        marks.append(_mark(axis, thing, y, 0, WIDTH))
        beside = units(x - _REACH if turned else x + _REACH)
        texts.append(Text(beside, y + 4, thing.label, "label", "end" if turned else "start"))
    height = HEIGHT + max(0, len(ends) - 1) * _STEP
    texts += _earlier(axis, things, height - HEIGHT / 2)
    return Lane(name, says, height, marks=tuple(marks), texts=tuple(texts), rows=_rows(axis, things))


def _drawn(axis: Axis, things: Sequence[Thing]) -> list[Thing]:
    found = [t for t in things if t.item.first is not None and axis.meets(t.item.first, t.item.last)]
    return sorted(found, key=lambda t: (_middle(axis, t.item), t.item.fact.source, t.item.fact.part))


def _middle(axis: Axis, item: Item) -> float:
    assert item.first is not None
    return units((axis.left(item.first) + axis.right(item.last)) / 2)


def _mark(axis: Axis, thing: Thing, y: float, before: float, after: float) -> Mark:
    """The shape of a day, or a bar; it may be clicked half-way to its neighbours."""
    item = thing.item
    assert item.first is not None
    x = _middle(axis, item)
    look = thing.look if item.is_exact else f"{thing.look} inexact"
    if item.first == item.last:
        left, right = max(before, x - _REACH, 0), min(after, x + _REACH, WIDTH)
        path = thing.shape(min(max(x, 7), WIDTH - 13), y)
    else:
        left = axis.left(item.first)
        right = max(axis.right(min(item.last, axis.today)), left + 3)
        path = parts.bar(left, y, right - left)
    hit = Box(units(left), units(y - _STEP / 2), units(max(right - left, 1)), _STEP)
    return Mark(look, path, hit, parts.address(item.fact.evidence), thing.title)


def _ahead(axis: Axis, thing: Thing, y: float) -> list[Stroke]:
    """What is ordered for days to come."""
    if thing.item.last <= axis.today:
        return []
    path = parts.level(y, axis.right(axis.today), axis.right(thing.item.last))
    return [Stroke(path, "ahead")]


def _rows(axis: Axis, things: Sequence[Thing]) -> tuple[Row, ...]:
    return tuple(
        Row(t.item.when, t.what + _absent(axis, t.item), t.item.fact.evidence)
        for t in sorted(things, key=lambda t: (t.item.first is None, t.item.first or 0))
    )


def _absent(axis: Axis, item: Item) -> str:
    """Why something is in the table only."""
    if item.first is None:
        return " (not drawn: no date)"
    return "" if axis.meets(item.first, item.last) else " (before the drawing)"


def _earlier(axis: Axis, things: Sequence[Thing], y: float) -> tuple[Text, ...]:
    """That the table has more than the drawing."""
    absent = [thing for thing in things if _absent(axis, thing.item)]
    if not absent:
        return ()
    text = f"{len(absent)} more in the table"
    if len(absent) == 1 and absent[0].label:
        arrow = "" if absent[0].item.first is None else "← "
        text = f"{arrow}{absent[0].label}, {absent[0].item.when}"
    return (Text(4, y + (4 if len(absent) == len(things) else 16), text, "more"),)
