"""Escapes in the values of search parameters: backslashes before commas, bars, dollars and themselves.

Source: R4 search, "Escaping Search Parameters".
"""


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    """The parts between separators that no backslash escapes; the parts keep their escapes."""
    if "\\" not in text:
        return text.split(separator, limit)
    parts: list[str] = []
    start = at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == separator and limit != len(parts):
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def plain(part: str) -> str:
    """A part without its escapes (\\, \\| \\$ \\\\ as R4 search says)."""
    if "\\" not in part:
        return part
    unescaped: list[str] = []
    at = 0
    while at < len(part):
        at += part[at] == "\\" and at + 1 < len(part)
        unescaped.append(part[at])
        at += 1
    return "".join(unescaped)


def barred(part: str) -> str:
    """A part in which only bars and backslashes are escaped, however the client wrote it."""
    return plain(part).replace("\\", "\\\\").replace("|", "\\|")
