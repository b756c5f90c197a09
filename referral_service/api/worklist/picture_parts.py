"""What a picture is made of: marks, texts, bands and strokes, in lanes, and the rows of the table beside it.

Coordinates are units of the drawing (CSS pixels at its smallest); within a lane y counts from its top.
"""

from typing import NamedTuple
from urllib.parse import quote

# What a character of 11 and of 12 units takes at most, whatever the font: browsers only tell afterwards.
SMALL, USUAL = 6.3, 7.0


class Box(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


class Text(NamedTuple):
    """One line of text; `y` is its base line."""

    x: float
    y: float
    text: str
    look: str = ""
    anchor: str = "start"


class Band(NamedTuple):
    """A rectangle that nobody clicks; `pattern` names what fills it, none for what its look says."""

    box: Box
    look: str
    pattern: str = ""


class Stroke(NamedTuple):
    """A line that nobody clicks, as an SVG path."""

    path: str
    look: str


class Mark(NamedTuple):
    """One fact in the drawing: its shape as an SVG path, where it may be clicked, and where that leads.

    `ring` is a path around what is compared with something.
    """

    look: str
    path: str
    hit: Box
    href: str
    title: str
    ring: str = ""


class Row(NamedTuple):
    """One line of the table: when, what, and the resource version that says so (none: worked out)."""

    when: str
    what: str
    source: str = ""

    @property
    def href(self) -> str:
        """Where the resource version is."""
        return address(self.source)


class Lane(NamedTuple):
    """One band of the drawing with its name, what is said beneath it, and all that is in it."""

    name: str
    says: tuple[str, ...]
    height: float
    look: str = ""
    marks: tuple[Mark, ...] = ()
    texts: tuple[Text, ...] = ()
    bands: tuple[Band, ...] = ()
    strokes: tuple[Stroke, ...] = ()
    rows: tuple[Row, ...] = ()


def address(evidence: str) -> str:
    """The address of a resource version on this service."""
    return "/fhir/" + quote(evidence, safe="/")


def units(value: float) -> float:
    """Rounded to what an eye can see."""
    return round(value, 1)


def circle(x: float, y: float, radius: float = 4.5) -> str:
    """A circle around a point."""
    r = units(radius)
    return f"M{units(x - r)} {units(y)}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z"


def square(x: float, y: float, half: float = 4) -> str:
    """A square around a point."""
    return f"M{units(x - half)} {units(y - half)}h{2 * half}v{2 * half}h{-2 * half}z"


def diamond(x: float, y: float) -> str:
    """A square on its tip."""
    return f"M{units(x)} {units(y - 6)}l5 6l-5 6l-5 -6z"


def triangle(x: float, y: float) -> str:
    """A triangle that points upwards."""
    return f"M{units(x)} {units(y - 5.5)}l5.5 10h-11z"


def needle(x: float, y: float) -> str:
    """A syringe's tip: a broad triangle that points downwards, with a stem."""
    return f"M{units(x - 6)} {units(y - 6)}h12l-5 8v5h-2v-5z"


def film(x: float, y: float) -> str:
    """A sheet of film: a square with a smaller one cut out."""
    return f"M{units(x - 6)} {units(y - 6)}h12v12h-12zM{units(x - 3)} {units(y - 3)}v6h6v-6z"


def flag(x: float, y: float) -> str:
    """A pennant on its pole."""
    return f"M{units(x - 1)} {units(y - 9)}l13 5l-11 5v8h-2z"


def cross(x: float, y: float) -> str:
    """What was not done."""
    return f"M{units(x - 4)} {units(y - 4)}l8 8m0 -8l-8 8"


def bar(x: float, y: float, width: float, height: float = 12) -> str:
    """A stretch of time around a middle line."""
    return f"M{units(x)} {units(y - height / 2)}h{units(width)}v{height}h{units(-width)}z"


def level(y: float, first: float, last: float) -> str:
    """A line from left to right."""
    return f"M{units(first)} {units(y)}H{units(last)}"


def wrapped(text: str, most: int) -> list[str]:
    """The words of a text in lines of at most so many characters, longer words cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= most:
            lines[-1] += f" {word}"
        else:
            lines.append(word if len(word) <= most else f"{word[: most - 1]}…")
    return lines
