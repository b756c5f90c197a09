"""A Bundle in a file of any size, entry by entry: in memory are where each begins, and its fullUrl.

A first reading finds the entries by their brackets alone; each is then read and parsed when it is asked for.
"""

import re
from array import array
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import msgspec

from referral_service.core.problem import Category, Problem, problem
from referral_service.fhir.chart_bundle import name
from referral_service.fhir.parse import parse

Json = dict[str, Any]
LONGEST: Final = 32 * 1024 * 1024  # bytes of one line, of one entry, or of a Bundle without its entries
_CHUNK = 1024 * 1024
# To the next bracket outside strings; possessive, so that a broken file costs no more than a good one.
_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+[{}\[\]]', re.DOTALL)
_ENTRIES = re.compile(rb'"entry"\s*+:\s*+\[\Z')
_NEAR = 64  # bytes in which that must be found
_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


class _Entry(msgspec.Struct):
    """An entry whose resource is not parsed yet."""

    resource: msgspec.Raw = msgspec.Raw()
    fullUrl: Any = None
    request: Any = None
    response: Any = None


class _Named(msgspec.Struct):
    resourceType: Any = None
    id: Any = None


class _Brief(msgspec.Struct):
    """An entry as far as its name goes."""

    resource: _Named
    fullUrl: Any = None


_entry_decoder = msgspec.json.Decoder(_Entry)
_brief_decoder = msgspec.json.Decoder(_Brief)


def too_long() -> Problem:
    """What is said of a part that is longer than LONGEST."""
    return problem(Category.INCORRECT, f"This part is longer than {LONGEST >> 20} MB.", code="too-long")


class BundleFile:
    """A file with one JSON object; `bundle` is that without what its entries hold."""

    def __init__(self, content: BinaryIO) -> None:
        """Reads it once; it must let itself be read at any place. Problem INCORRECT if it is no resource."""
        self._content = content
        self._begins, self._ends = array("Q"), array("Q")
        self.bundle = parse(self._without_entries())

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._begins)

    def whole(self) -> Json:
        """All of it, for what is no Bundle; Problem INCORRECT where that is too long."""
        self._content.seek(0)
        text = self._content.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise too_long()
        return parse(text)

    def entry(self, number: int) -> Json:
        """One entry, its resource parsed; Problem INCORRECT where it cannot be."""
        try:
            entry = _entry_decoder.decode(self._text(number))
        except _UNREADABLE:
            raise problem(Category.INCORRECT, "The entry is not JSON in UTF-8.", code="structure") from None
        found: Json = {"fullUrl": entry.fullUrl, "request": entry.request, "response": entry.response}
        resource = bytes(entry.resource)
        return found | {"resource": parse(resource)} if resource else found

    def names(self) -> dict[str, str]:
        """The "Type/id" of each fullUrl."""
        return dict(filter(None, map(self._name, range(len(self)))))

    def _name(self, number: int) -> tuple[str, str] | None:
        try:
            found = _brief_decoder.decode(self._text(number))
        except (Problem, *_UNREADABLE):
            return None  # it has no resource, or whoever reads the entry is told
        return name({"fullUrl": found.fullUrl, "resource": msgspec.structs.asdict(found.resource)})

    def _text(self, number: int) -> bytes:
        begin, end = self._begins[number], self._ends[number]
        if end - begin > LONGEST:
            raise too_long()
        self._content.seek(begin)
        return self._content.read(end - begin)

    def _without_entries(self) -> bytes:
        """The object with `{}` in the place of each entry, whose begin and end are noted."""
        rest, depth, is_listing, is_inside = bytearray(), 0, False, False
        for end, text in _pieces(self._content):
            bracket = text[-1:]
            depth += (bracket in (b"{", b"[")) - (bracket in (b"}", b"]"))
            if is_inside:
                if depth == 2:
                    self._ends.append(end)
                    is_inside = False
                continue
            rest += text
            if depth == 2 and bracket == b"[":
                is_listing = _ENTRIES.search(rest, max(0, len(rest) - _NEAR)) is not None
            elif depth == 3 and bracket == b"{" and is_listing:
                self._begins.append(end - 1)
                rest += b"}"
                is_inside = True
            if len(rest) > LONGEST:
                raise too_long()
        return bytes(rest)


def _pieces(content: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The file in pieces that end with a bracket, and what follows the last one; each with its end."""
    window, begin, at = b"", 0, 0
    while True:
        if found := _BRACKET.match(window, at):
            yield begin + found.end(), found[0]
            at = found.end()
            continue
        window, begin, at = window[at:], begin + at, 0
        if len(window) > LONGEST:
            raise too_long()
        if not (more := content.read(_CHUNK)):
            yield begin + len(window), window
            return
        window += more
