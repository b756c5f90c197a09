"""Files of FHIR as charts: Bundles and NDJSON, plain or gzipped, and folders of them."""

import gzip
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from referral_service.core.problem import Issue, Problem
from referral_service.fhir.chart_bundle import deletions, resources
from referral_service.fhir.check import R4_TYPES, check
from referral_service.fhir.parse import parse
from referral_service.fhir.search.table import TAKEN_IN

_NOT_TAKEN_IN = R4_TYPES - TAKEN_IN
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
    """The valid resources of one file, then its deletions; the rest goes to `refuse`. Raises OSError.

    Those of types that the service does not take in come unchecked.

    NDJSON is read line by line: a file of any size takes the memory of its longest line.
    """
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as content:
        if ".ndjson" not in path.suffixes:
            yield from _valid(content.read(), str(path), refuse)
            return
        for number, line in enumerate(content, 1):
            if line.strip():
                yield from _valid(line.strip(), f"{path}:{number}", refuse)


def _valid(part: bytes, where: str, refuse: Callable[[Refused], None]) -> Iterator[dict[str, Any] | Gone]:
    try:
        value = parse(part)
    except Problem as problem:
        refuse(Refused(where, problem.issues))
        return
    for resource in resources(value):
        if resource.get("resourceType") in _NOT_TAKEN_IN:
            yield resource  # whatever is wrong with it, nobody reads it
        elif issues := check(resource):
            name = f"{resource.get('resourceType')}/{resource.get('id', '?')}"
            refuse(Refused(f"{where} {name}", tuple(issues)))
        else:
            yield resource
    for source, at in deletions(value):
        yield Gone(source, at)
