"""How operators' commands print: tables on a terminal, plain lines elsewhere, JSON when asked for."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

Line = Sequence[object]
_UNITS = (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def print_table(headings: Sequence[str], lines: Iterable[Line]) -> None:
    """One line each; a value None is an empty cell."""
    written = [["" if cell is None else str(cell) for cell in line] for line in lines]
    if sys.stdout.isatty():
        # a name that is too long for its cell goes on in the next line: it is there to be copied
        table = Table(*(Column(heading, overflow="fold") for heading in headings), header_style="bold")
        for line in written:
            table.add_row(*map(Text, line))
        Console().print(table)
        return
    plain = [[*headings], *written]
    widths = [max(map(len, column)) for column in zip(*plain, strict=True)]
    for line in plain:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_json(value: object) -> None:
    """Anything that msgspec writes; instants are RFC 3339, in UTC."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def lasting(seconds: float) -> str:
    """A duration in its largest unit: "40 s", "3 min", "2 days"."""
    for unit, length in _UNITS:
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' if unit == 'day' and number != 1 else ''}"
    return f"{max(seconds, 0.0):.1f} s"


def moment(at: datetime, zone: str) -> str:
    """An instant as people of that time zone write it."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {zone}"
