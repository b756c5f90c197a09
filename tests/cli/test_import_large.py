"""Files of any size come in within little memory: so much more than a file of one resource takes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from referral_service.settings import Settings
from tests.cli.bulk import imported, ndjson, stored, visit
from tests.kit.processes import place

MEGABYTE = 1024 * 1024
MANY, SIZE = 10_000, 10_500
ALLOWED = 120 * MEGABYTE  # 80 were measured, most of them the database's cache


def lines() -> Iterator[bytes]:
    return ndjson(visit(number, SIZE) for number in range(MANY))


def bundle() -> Iterator[bytes]:
    """Every entry with a fullUrl, which is what has to be remembered of it."""
    yield b'{"resourceType": "Bundle", "entry": ['
    for number, line in enumerate(lines()):
        entry: dict[str, Any] = {"fullUrl": f"urn:uuid:00000000-0000-4000-8000-{number:012}"}
        yield (b"," if number else b"") + json.dumps(entry).encode()[:-1] + b', "resource": ' + line + b"}"
    yield b'], "type": "collection"}'


@pytest.mark.parametrize(("name", "pieces"), [("visits.ndjson", lines), ("bundle.json", bundle)])
def test_a_hundred_megabytes_take_little_memory(
    tmp_path: Path, name: str, pieces: Callable[[], Iterator[bytes]]
) -> None:
    one, many = tmp_path / "one.ndjson", tmp_path / name
    one.write_bytes(b"".join(ndjson([visit(0)])))
    with many.open("wb") as file:
        file.writelines(pieces())
    assert many.stat().st_size > 100 * MEGABYTE
    least = imported(settings(tmp_path / "least"), one)

    large = settings(tmp_path / "most")
    most = imported(large, many)

    assert (most.code, stored(large)) == (0, MANY)
    assert most.peak - least.peak < ALLOWED


def settings(folder: Path) -> Settings:
    return place(folder, broker_url="redis://127.0.0.1:1")
