"""The forms of settings that are more than one word: each refused in words that say what is expected."""

import re
from datetime import timedelta
from typing import Final

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST_SHIFT: Final = timedelta(days=365_000)
# What each part is, where parts are parted by spaces, and how that is said.
_PARTS: Final = {
    "subscribers": (r"https?://[^/\s]+", "origins such as https://partner.example, parted by spaces"),
    "join_by": (r"[A-Za-z][A-Za-z0-9+.-]*:\S+", "systems such as urn:oid:1.2.3, parted by spaces"),
    "ladder": (r"[A-Za-z][A-Za-z0-9+.-]*://\S+", "addresses such as mailtos://HOST, parted by spaces or ;"),
}


def shift(value: object) -> object:
    """`+14d` or `-3h` as a duration, by which every date that is asked about can be moved."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"([+-]?\d{1,9})([smhdw])", value.strip())
    if found is None:
        raise ValueError("say a whole number and one of s, m, h, d, w, such as +14d or -3h")
    try:
        moved = timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        moved = timedelta.max
    if abs(moved) > _LONGEST_SHIFT:
        raise ValueError("say at most a thousand years")
    return moved


def parted(name: str, said: str) -> str:
    """What the setting of that name says, all of whose parts have its form."""
    form, words = _PARTS[name]
    parts = (said.replace(";", " ") if name == "ladder" else said).split()
    if not all(re.fullmatch(form, part) for part in parts):
        raise ValueError(f"say {words}, or leave it empty")
    return said
