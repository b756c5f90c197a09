"""The manifest of a bulk export, and what its files turn out to be."""

import gzip
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

import httpx
import msgspec

from referral_service.core.problem import Category, problem
from referral_service.ehr.connection import Answer
from referral_service.ehr.failures import not_understood
from referral_service.fhir.search.dates import span

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_GZIP: Final = b"\x1f\x8b"
_ENDINGS: Final = (".ndjson", ".ndjson.gz", ".json", ".json.gz")
_File = BinaryIO | gzip.GzipFile
_LONGEST: Final = 64 * 1024 * 1024  # bytes of a line
_MARK: Final = b"\xef\xbb\xbf"


class Listed(msgspec.Struct):
    """A file of the export; `count` is how many resources it has, if that is told."""

    url: str
    count: Any = None


class _Link(msgspec.Struct):
    relation: str = ""
    url: str = ""


class Manifest(msgspec.Struct):
    """What we use of it; lists may be missing, as some servers have it."""

    transactionTime: str
    output: list[Listed]
    requiresAccessToken: bool = False
    deleted: list[Listed] | None = None
    error: list[Listed] | None = None
    link: list[_Link] | None = None

    def next(self) -> str:
        """The address of the manifest's next page; "" on the last."""
        return next((one.url for one in self.link or () if one.relation == "next"), "")

    def add(self, page: "Manifest") -> None:
        """The files of another page."""
        self.output += page.output
        self.deleted = [*(self.deleted or ()), *(page.deleted or ())]
        self.error = [*(self.error or ()), *(page.error or ())]


def read_manifest(answer: Answer, address: Callable[[str, httpx.URL], httpx.URL]) -> Manifest:
    """The manifest in an answer, with addresses as `address` gives them; Problem FAULT if it is none."""
    try:
        manifest = msgspec.json.decode(answer.body, type=Manifest)
    except msgspec.DecodeError:
        raise not_understood("The answer is no manifest of an export.") from None
    if not _INSTANT.fullmatch(manifest.transactionTime) or span(manifest.transactionTime) is None:
        raise not_understood("The manifest's transactionTime is no instant.")
    for one in (*manifest.output, *(manifest.deleted or ()), *(manifest.error or ()), *(manifest.link or ())):
        one.url = str(address(one.url, answer.address))
    return manifest


def found(stem: Path) -> Path | None:
    """The file that `ended` has made of this stem."""
    named = (stem.with_suffix(ending) for ending in _ENDINGS)
    return next((path for path in named if path.is_file()), None)


def ended(part: Path, stem: Path, expected: object, *, is_strict: bool) -> Path:
    """A loaded file, named after what it holds: NDJSON, or (unless strict) one JSON; gzipped or not.

    `expected` is its number of lines, if that was told. Problem INTERRUPTED where it is not whole, FAULT
    where it is neither.
    """
    with part.open("rb") as file:
        is_packed = file.read(2) == _GZIP
    try:
        with gzip.open(part) if is_packed else part.open("rb") as content:
            is_ndjson, lines = _lines(content)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise problem(Category.INTERRUPTED, "A compressed file of the export came cut off.") from None
    if is_strict and not is_ndjson:
        raise not_understood("A file of the export is not NDJSON.")
    if isinstance(expected, int) and is_ndjson and lines < expected:
        raise problem(Category.INTERRUPTED, "A file of the export has fewer lines than were told.")
    path = stem.with_suffix((".ndjson" if is_ndjson else ".json") + (".gz" if is_packed else ""))
    return part.replace(path)


def _lines(file: _File) -> tuple[bool, int]:
    """Whether the first line is a JSON object, as in NDJSON, or there is none; and how many lines there are.

    Blank ones are no lines, and neither is a last one that breaks off.
    """
    number, is_ndjson, last = 0, True, b""
    while line := file.readline(_LONGEST):
        text = line.strip()
        if text and text != _MARK:
            is_ndjson = is_ndjson if number else _is_object(text)
            number += 1
            last = line
    is_cut = not last.endswith(b"\n") and bool(last) and not _is_object(last)
    return is_ndjson, number - is_cut


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(text.removeprefix(_MARK)), dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
