"""Files of FHIR as charts: Bundles and NDJSON, plain or gzipped, and folders of them."""

import gzip
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from referral_service.core.problem import Issue, Problem
from referral_service.fhir.chart_bundle import deletions, resources
from referral_service.fhir.check import check
from referral_service.fhir.parse import parse

_ENDINGS = (".json", ".ndjson", ".json.gz", ".ndjson.gz")


class Refused(NamedTuple):
    """A part of a file that is not taken in: where it stands, and what is wrong with it."""

    where: str
    issues: tuple[Issue, ...]


def files(paths: Iterable[Path]) -> list[Path]:
    """The files named, and those of FHIR below the folders named, in order."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.is_file() and p.name.endswith(_ENDINGS))
        else:
            found.append(path)
    return found


class Gone(NamedTuple):
    """A deletion in a history: "Type/id" and when, if it is said."""

    source: str
    at: str | None


def read(path: Path, refuse: Callable[[Refused], None]) -> Iterator[dict[str, Any] | Gone]:
    """The valid resources of one file, then its deletions; the rest goes to `refuse`. Raises OSError."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    is_lines = ".ndjson" in path.suffixes
    parts = enumerate(content.splitlines(), 1) if is_lines else iter([(1, content)])
    for number, part in parts:
        if part.strip():
            yield from _valid(part, f"{path}:{number}" if is_lines else str(path), refuse)


def _valid(part: bytes, where: str, refuse: Callable[[Refused], None]) -> Iterator[dict[str, Any] | Gone]:
    try:
        value = parse(part)
    except Problem as problem:
        refuse(Refused(where, problem.issues))
        return
    for resource in resources(value):
        if issues := check(resource):
            name = f"{resource.get('resourceType')}/{resource.get('id', '?')}"
            refuse(Refused(f"{where} {name}", tuple(issues)))
        else:
            yield resource
    for source, at in deletions(value):
        yield Gone(source, at)
