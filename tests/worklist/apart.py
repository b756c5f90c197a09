"""A picture taken apart: its lanes, its table, its marks, and how far a path reaches."""

import re

from referral_service.api.worklist.picture import PictureView
from referral_service.api.worklist.picture_parts import Lane, Mark, Row


def lane(shown: PictureView, name: str) -> Lane:
    """A lane by the beginning of its name."""
    return next(placed.lane for placed in shown.lanes if placed.lane.name.startswith(name))


def rows(shown: PictureView) -> list[Row]:
    """Every line of the table."""
    return [row for group in shown.groups for row in group.rows]


def marks(shown: PictureView) -> list[Mark]:
    """Everything that can be clicked."""
    return [mark for placed in shown.lanes for mark in placed.lane.marks]


def extent(path: str) -> tuple[float, float, float, float]:
    """The least and the greatest x and y that the pen of an SVG path comes to."""
    x = y = 0.0
    xs, ys = [], []
    for command, text in re.findall(r"([a-zA-Z])([^a-zA-Z]*)", path):
        numbers = [float(it) for it in re.findall(r"-?[\d.]+", text)]
        if command in "ML":
            x, y = numbers
        elif command == "h":
            x += numbers[0]
        elif command == "v":
            y += numbers[0]
        elif command == "a":
            ys += [y - numbers[0], y + numbers[0]]
            x += numbers[5]
        elif command in "lm":
            for step in zip(numbers[::2], numbers[1::2], strict=True):
                x, y = x + step[0], y + step[1]
                xs.append(x)
                ys.append(y)
        xs.append(x)
        ys.append(y)
    return min(xs), max(xs), min(ys), max(ys)
