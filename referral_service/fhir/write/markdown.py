"""GitHub-flavoured Markdown: words in which nothing is meant as markup, and tables of them."""

import re
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def plain(text: object) -> str:
    """The text on one line, shown as it is: no emphasis, link, HTML or cell begins in it."""
    return _MARKUP.sub(r"\\\1", _BLANK.sub(" ", str(text)).strip())


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; cells are escaped here."""
    lines = [heads, ["---"] * len(heads), *([plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
