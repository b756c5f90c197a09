"""Escapes in the values of search parameters: backslashes before commas, bars, dollars and themselves.

Source: R4 search, "Escaping Search Parameters".
"""

import re
from functools import cache


@cache
def _part(separator: str) -> re.Pattern[str]:
    """What goes on to a separator that is not escaped, or to the end."""
    return re.compile(rf"[^\\{re.escape(separator)}]*+(?:\\.?[^\\{re.escape(separator)}]*+)*+", re.DOTALL)


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    """The parts between separators that no backslash escapes; the parts keep their escapes."""
    if "\\" not in text:
        return text.split(separator, limit)
    parts: list[str] = []
    start = 0
    while limit != len(parts) and (found := _part(separator).match(text, start)) and found.end() < len(text):
        parts.append(text[start : found.end()])
        start = found.end() + 1
    return [*parts, text[start:]]


def plain(part: str) -> str:
    """A part without its escapes (\\, \\| \\$ \\\\ as R4 search says)."""
    if "\\" not in part:
        return part
    # A backslash that ends the part escapes nothing.
    between = part.split("\\\\")
    return "\\".join(one.replace("\\", "") for one in between) + "\\" * between[-1].endswith("\\")


def barred(part: str) -> str:
    """A part in which only bars and backslashes are escaped, however the client wrote it."""
    return plain(part).replace("\\", "\\\\").replace("|", "\\|")
