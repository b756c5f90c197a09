"""The labels above the drawing: each at its day's line, none across another label or another one's line."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from referral_service.api.worklist.picture_axis import WIDTH, Axis
from referral_service.api.worklist.picture_parts import USUAL, Stroke, Text, units
from referral_service.api.worklist.picture_trial import Moment

_LINE: Final = 18.0
_AWAY: Final = 4.0


class Head(NamedTuple):
    """The labels, as high as they need together, and the lines down from them through the drawing."""

    height: float
    texts: tuple[Text, ...]
    strokes: tuple[Stroke, ...]


class _Label(NamedTuple):
    """Where a label may lie. `x` is its line's place; None for a day that is not in the drawing."""

    moment: Moment
    text: str
    x: float | None
    first: float
    last: float
    is_left: bool = False

    def crosses(self, other: "_Label") -> bool:
        """Whether the other's line would run through this label, were this one not above the other."""
        return other is not self and other.x is not None and self.first < other.x < self.last

    def overlaps(self, other: "_Label") -> bool:
        """Whether they cannot be in one line."""
        return self.first < other.last and other.first < self.last


def head(axis: Axis, found: Sequence[Moment], bottom: float) -> Head:
    """All labels; `bottom` is how far the lines go down from the head."""
    lines = _stacked(_sided(axis, found))
    height = (1 + max(lines.values(), default=0)) * _LINE + _AWAY
    texts, strokes = [], []
    for label, line in lines.items():
        look, y = label.moment.look, height - (line + 1) * _LINE
        x, anchor = (label.last - _AWAY, "end") if label.is_left else (label.first + _AWAY, "start")
        texts.append(Text(units(x), units(y + 11), label.text, look, anchor))
        if label.x is not None:
            strokes.append(Stroke(f"M{label.x} {units(y)}V{units(height + bottom)}", look))
    return Head(height, tuple(texts), tuple(strokes))


def _sided(axis: Axis, found: Sequence[Moment]) -> list[_Label]:
    """Each to the right of its line, or to the left where there is no room or two would cross each other."""
    labels: list[_Label] = []
    for moment in sorted(found, reverse=True):
        text = _text(axis, moment)
        width = len(text) * USUAL + 2 * _AWAY
        x = axis.middle(moment.day)
        line = x if axis.has(moment.day) else None
        rightwards = _Label(moment, text, line, x, x + width)
        leftwards = _Label(moment, text, line, x - width, x, is_left=True)
        fits = rightwards.last <= WIDTH and not any(
            rightwards.crosses(other) and other.crosses(rightwards) for other in labels
        )
        edge = max(0.0, min(x, WIDTH - width))
        beside = leftwards if leftwards.first >= 0 else _Label(moment, text, line, edge, edge + width)
        labels.append(rightwards if fits else beside)
    return labels


def _stacked(labels: Sequence[_Label]) -> dict[_Label, int]:
    """The lowest line for each, counted from below, above all those whose lines it crosses."""
    placed: dict[_Label, int] = {}
    waiting = list(labels)
    while waiting:
        label = min(waiting, key=lambda one: sum(map(one.crosses, waiting)))
        waiting.remove(label)
        line = max((placed[other] + 1 for other in placed if label.crosses(other)), default=0)
        while any(line == placed[other] and label.overlaps(other) for other in placed):
            line += 1
        placed[label] = line
    return placed


def _text(axis: Axis, moment: Moment) -> str:
    if moment.day < axis.first:
        return f"← {moment.text}"
    return f"{moment.text} →" if moment.day > axis.last else moment.text
