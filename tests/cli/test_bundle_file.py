"""A Bundle in a file is read entry by entry, and says what it would say if it were read whole."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_service.cli import bundle_file
from referral_service.cli.bundle_file import BundleFile
from referral_service.cli.charts import Gone, Place, Refused, parts, read
from referral_service.core.problem import Problem
from referral_service.fhir.parse import Number

Json = dict[str, Any]

TEXTS = st.text(st.sampled_from('a"\\{}[]:, \n\u00e9\U0001f600'), max_size=12)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
RESOURCES = st.dictionaries(
    TEXTS.filter(lambda it: it not in ("resourceType", "id")), VALUES, max_size=3
).map(lambda more: {"resourceType": "Basic", "id": "1"} | more)
ENTRIES = st.lists(st.fixed_dictionaries({"resource": RESOURCES}, optional={"fullUrl": TEXTS}), max_size=4)


@given(
    entries=ENTRIES,
    before=st.dictionaries(st.sampled_from(["link", "meta", "entries", "signature"]), VALUES),
    indent=st.sampled_from([None, 0, 3]),
    chunk=st.integers(1, 70),
)
def test_entries_are_found_whatever_is_in_them(
    entries: list[Json], before: Json, indent: int | None, chunk: int
) -> None:
    bundle = before | {"entry": entries, "resourceType": "Bundle", "type": "batch"}
    text = json.dumps(bundle, indent=indent, ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle_file, "_CHUNK", chunk)
        found = BundleFile(io.BytesIO(text))

    assert [_plain(found.entry(number)) for number in range(len(found))] == entries
    assert found.bundle == bundle | {"entry": [{} for _ in entries]}
    assert found.names() == {it["fullUrl"]: "Basic/1" for it in entries if "fullUrl" in it}


def _plain(entry: Json) -> Json:
    return {key: value for key, value in entry.items() if value is not None}


def test_numbers_keep_their_digits() -> None:
    text = b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Basic","value":0.40}}]}'
    [value] = [it["resource"]["value"] for it in [BundleFile(io.BytesIO(text)).entry(0)]]
    assert isinstance(value, Number)
    assert str(value) == "0.40"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"not json",
        b'{"resourceType": "Bundle", "entry": [',
        b'{"resourceType": "Bundle", "entry": [{}',
        b'{"resourceType": "Bundle", "entry": [{} {}]}',
        b'{"resourceType": "Bundle", "entry": [{}]} {}',
        b'{"resourceType": "Bundle", "entry": [{}], "entry": [{}]}',
        b'{"resourceType": "Bundle", "id": "open}',
        b'{"resourceType": "Bundle", "entry": [{"resource": {"id": "open}}]}',
        b'{"resourceType": "Bundel", "entry": []}',
        b'{"entry": []}',
        b"\x1f\x8b\x00",
        b'{"resourceType": "Bundle", "id": "' + b"[" * 70 + b'", "entry": [[[]]',
    ],
)
def test_what_is_no_bundle_is_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(Problem):
        BundleFile(io.BytesIO(text))
    assert [it.where for it in refused(tmp_path, text)] == [str(tmp_path / "it.json")]


def refused(folder: Path, text: bytes) -> list[Refused]:
    file, found = folder / "it.json", list[Refused]()
    file.write_bytes(text)
    assert list(read(file, found.append)) == []
    return found


@pytest.mark.parametrize(
    "entry",
    [
        b'{"resource": {"resourceType": "Patient", "id": "1", "id": "2"}}',
        b'{"resource": {"resourceType": "Patient", "id": "\xff"}}',
        b'{"resource": {"resourceType": "Patient", "birthDate": "secret"}}',
        b'{"resource": []}',
        b'{"resource": ' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"resource": {"resourceType": "Patient"]}',
        b'{"resource": {}}',
        b'{"request": {"method": "DELETE", "url": "Patient?name=secret"}}',
        b'{"request": {"method": "DELETE"}}',
    ],
)
def test_a_broken_entry_keeps_no_other_out(tmp_path: Path, entry: bytes) -> None:
    file, found = tmp_path / "it.json", list[Refused]()
    good = b'{"resource": {"resourceType": "Patient", "id": "good"}}'
    file.write_bytes(
        b'{"resourceType": "Bundle", "type": "transaction", "entry": ['
        + b",".join([good, entry, good])
        + b"]}"
    )

    ids = [it["id"] for it in read(file, found.append) if isinstance(it, dict)]

    assert ids == ["good", "good"]
    [one] = found
    assert one.where.startswith(f"{file} entry[1]")
    assert "secret" not in str(one)


def test_a_history_is_read_from_its_beginning(tmp_path: Path) -> None:
    def version(text: str) -> Json:
        return {
            "resource": {"resourceType": "Patient", "id": "p", "language": text},
            "request": {"method": "PUT"},
        }

    gone = {
        "request": {"method": "DELETE", "url": "Patient/p"},
        "response": {"lastModified": "2026-01-02T00:00:00Z"},
    }
    history = {"resourceType": "Bundle", "type": "history", "entry": [version("de"), gone, version("en")]}
    file, line = tmp_path / "history.json", tmp_path / "history.ndjson"
    for it in (file, line):
        it.write_text(json.dumps(history))

    for it in (file, line):
        found = [one if isinstance(one, Gone) else one["language"] for one in read(it, lambda _: None)]
        assert found == ["en", Gone("Patient/p", "2026-01-02T00:00:00Z"), "de"]


@pytest.mark.parametrize("name", ["it.json", "it.json.gz", "it.ndjson", "it.ndjson.gz"])
def test_one_may_go_on_behind_any_part(tmp_path: Path, name: str) -> None:
    people = [{"resourceType": "Patient", "id": str(number)} for number in range(5)]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": it} for it in people]}
    text = "\n\n".join(map(json.dumps, people)) if "ndjson" in name else json.dumps(bundle)
    file = tmp_path / name
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())

    def ids(start: Place) -> list[tuple[str, Place]]:
        return [
            (it["id"], part.after)
            for part in parts(file, pytest.fail, start)
            for it in part.found
            if isinstance(it, dict)
        ]

    whole = ids(Place())
    assert [name for name, _ in whole] == list("01234")
    for number, (_, after) in enumerate(whole, 1):
        assert ids(after) == whole[number:]


def test_a_line_that_is_too_long_is_passed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("referral_service.cli.charts.LONGEST", 100)
    file, found = tmp_path / "it.ndjson", list[Refused]()
    good = b'{"resourceType": "Patient", "id": "1"}\n'
    file.write_bytes(good + b'{"long": "' + b"x" * 250 + b'"}\n' + good)

    assert sum(1 for _ in read(file, found.append)) == 2
    assert [it.where for it in found] == [f"{file}:2"]


@pytest.mark.parametrize("name", ["it.ndjson.gz", "it.json.gz"])
def test_a_compressed_file_that_is_cut_off_says_so(tmp_path: Path, name: str) -> None:
    file, found = tmp_path / name, list[Refused]()
    lines = "\n".join(json.dumps({"resourceType": "Patient", "id": str(number)}) for number in range(1000))
    file.write_bytes(gzip.compress(lines.encode())[:-400])

    list(read(file, found.append))

    assert "cut off" in found[-1].issues[0].diagnostics
