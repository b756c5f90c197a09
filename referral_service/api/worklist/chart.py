"""A bar chart as SVG parts: one bar a line, names before and figures behind, in the style of the picture."""

from collections.abc import Sequence
from typing import Final, NamedTuple

_WIDTH: Final = 720.0
_NAMES: Final = 210.0
_FIGURES: Final = 90.0
_LINE: Final = 26.0
_THICK: Final = 16.0
_LEAST: Final = 1.5  # a bar that is not nothing is seen


class Bar(NamedTuple):
    """One figure; a nought that `is_counted` is one.

    `look` tells bars of different meaning apart, by pattern as well as by colour.
    """

    name: str
    value: float
    says: str
    look: str = "median"
    is_counted: bool = False


class Placed(NamedTuple):
    """A bar where it lies."""

    bar: Bar
    y: float
    width: float
    text_x: float


class Chart(NamedTuple):
    """All that chart.html needs; `key` has each look with its meaning, where there are several."""

    id: str
    title: str
    description: str
    width: float
    height: float
    left: float
    thick: float
    bars: tuple[Placed, ...]
    key: tuple[tuple[str, str], ...]


def chart(id: str, title: str, bars: Sequence[Bar], key: tuple[tuple[str, str], ...] = ()) -> Chart:
    """The longest bar takes all the room that there is."""
    most = max((one.value for one in bars), default=0.0)
    room = _WIDTH - _NAMES - _FIGURES
    placed = []
    for number, one in enumerate(bars):
        width = max(round(one.value / most * room, 1), _LEAST) if one.value else 0.0
        placed.append(Placed(one, number * _LINE, width, round(_NAMES + width + 6, 1)))
    names = [f"{one.name or placed[number - 1].bar.name}: {one.says}" for number, one in enumerate(bars)]
    return Chart(
        id=f"chart-{id}",
        title=title,
        description="; ".join(names) or "Nothing to show.",
        width=_WIDTH,
        height=max(len(bars) * _LINE, _LINE),
        left=_NAMES,
        thick=_THICK,
        bars=tuple(placed),
        key=key,
    )
