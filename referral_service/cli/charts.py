"""Files of FHIR as charts: Bundles and NDJSON, plain or gzipped, and folders of them, of any size.

A file is read part by part: a line of NDJSON, or an entry of a Bundle. One may go on behind any of them.
"""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple, cast

from referral_service.cli.bundle_file import LONGEST, BundleFile, too_long
from referral_service.core.problem import Issue, Problem
from referral_service.fhir.chart_bundle import Gone, content, contents, order
from referral_service.fhir.check import R4_TYPES, check
from referral_service.fhir.parse import parse
from referral_service.workflow.admit import KEPT

__all__ = ["Gone", "Part", "Place", "Refused", "files", "parts", "read"]

Json = dict[str, Any]
_NOT_TAKEN_IN = R4_TYPES - KEPT
_ENDINGS = (".json", ".ndjson", ".json.gz", ".ndjson.gz")
_DAMAGED = Issue("incomplete", "The compressed file is cut off or damaged; what stands before was read.")


class Refused(NamedTuple):
    """A part of a file that is not taken in: where it stands, and what is wrong with it."""

    where: str
    issues: tuple[Issue, ...]


class Place(NamedTuple):
    """How far a file was read: `offset` in bytes of its content, not compressed; lines or entries done."""

    offset: int = 0
    number: int = 0


class Part(NamedTuple):
    """A line or an entry: what is valid in it, the place behind it, the share of the file read (0 to 1)."""

    found: Iterator[Json | Gone]
    after: Place
    share: float


Refuse = Callable[[Refused], None]


def files(paths: Iterable[Path]) -> list[Path]:
    """The files named, and those of FHIR below the folders named, in order."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.is_file() and p.name.endswith(_ENDINGS))
        else:
            found.append(path)
    return found


def read(path: Path, refuse: Refuse) -> Iterator[Json | Gone]:
    """The valid resources and the deletions of one file; the rest goes to `refuse`. Raises OSError.

    Those of types that the service does not take in come unchecked.
    """
    for part in parts(path, refuse):
        yield from part.found


def parts(path: Path, refuse: Refuse, start: Place = Place()) -> Iterator[Part]:  # noqa: B008 - it cannot change
    """The parts of one file from `start` on, each to be used before the next one is asked for.

    At most one line or entry is in memory, and of a Bundle the fullUrls. A compressed Bundle is unpacked to
    a nameless temporary file first. Raises OSError.
    """
    with path.open("rb") as packed, ExitStack() as opened:
        file: BinaryIO = packed
        size = path.stat().st_size
        is_packed = path.suffix == ".gz"
        try:
            if is_packed:
                file = cast(BinaryIO, opened.enter_context(gzip.open(packed)))
            if ".ndjson" in path.suffixes:
                yield from _lines(path, file, refuse, start, lambda: packed.tell() / size)
                return
            if is_packed:
                unpacked = cast(BinaryIO, opened.enter_context(TemporaryFile()))
                copyfileobj(file, unpacked)
                unpacked.seek(0)
                file = unpacked
            yield from _entries(path, file, refuse, start)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            refuse(Refused(str(path), (_DAMAGED,)))


def _lines(
    path: Path, file: BinaryIO, refuse: Refuse, start: Place, share: Callable[[], float]
) -> Iterator[Part]:
    file.seek(start.offset)
    offset, number = start
    while line := file.readline(LONGEST + 1):
        number += 1
        offset += len(line)
        where = f"{path}:{number}"
        if len(line) > LONGEST:
            refuse(Refused(where, too_long().issues))
            while not line.endswith(b"\n") and (line := file.readline(LONGEST)):
                offset += len(line)
            line = b""
        text = line.strip()
        yield Part(_line(text, where, refuse) if text else iter(()), Place(offset, number), share())


def _line(text: bytes, where: str, refuse: Refuse) -> Iterator[Json | Gone]:
    try:
        value = parse(text)
    except Problem as problem:
        refuse(Refused(where, problem.issues))
        return
    yield from _value(value, where, refuse)


def _value(value: Json, where: str, refuse: Refuse) -> Iterator[Json | Gone]:
    """What is valid in a resource, or in a Bundle that is in memory."""
    for found in contents(value):
        if isinstance(found, Problem):
            refuse(Refused(where, found.issues))
        else:
            yield from _valid(found, where, refuse)


def _entries(path: Path, file: BinaryIO, refuse: Refuse, start: Place) -> Iterator[Part]:
    try:
        bundle = BundleFile(file)
        if bundle.bundle["resourceType"] != "Bundle":
            if not start.number:
                yield Part(_value(bundle.whole(), str(path), refuse), Place(0, 1), 1.0)
            return
    except Problem as problem:
        refuse(Refused(str(path), problem.issues))
        return
    names, size = bundle.names(), len(bundle)
    for done, number in enumerate(order(bundle.bundle, size)[start.number :], start.number + 1):
        found = _entry(bundle, number, names, f"{path} entry[{number}]", refuse)
        yield Part(found, Place(0, done), done / size)


def _entry(
    file: BundleFile, number: int, names: Mapping[str, str], where: str, refuse: Refuse
) -> Iterator[Json | Gone]:
    try:
        found = content(file.bundle, file.entry(number), names)
    except Problem as problem:
        refuse(Refused(where, problem.issues))
        return
    if found is not None:
        yield from _valid(found, where, refuse)


def _valid(found: Json | Gone, where: str, refuse: Refuse) -> Iterator[Json | Gone]:
    if isinstance(found, Gone) or found.get("resourceType") in _NOT_TAKEN_IN:
        yield found  # whatever is wrong with one that is not taken in, nobody reads it
    elif issues := check(found):
        refuse(Refused(f"{where} {found.get('resourceType')}/{found.get('id', '?')}", tuple(issues)))
    else:
        yield found
