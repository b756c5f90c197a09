"""`import` killed in the middle and started again: as if nothing had happened, and nothing is read twice."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from referral_service.settings import Settings
from referral_service.wiring import build_store
from tests.cli.bulk import dump, imported, kill_before, ndjson, patient, stored, visit
from tests.kit.processes import place

Json = dict[str, Any]
Dump = dict[str, list[tuple[Any, ...]]]
MANY = 8_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return migrated(tmp_path / "data")


def migrated(folder: Path) -> Settings:
    settings = place(folder, broker_url="redis://127.0.0.1:1")
    store = build_store(settings)
    store.migrate()
    store.close()
    return settings


def twice(number: int) -> list[Json]:
    """Each visit in two versions, close together: what is done twice would make a third."""
    return [one for it in range(number) for one in (visit(it), visit(it) | {"status": "entered-in-error"})]


def write(folder: Path, kind: str) -> Path:
    """A file with two versions of each of many visits, and something that is refused near its beginning."""
    resources = [patient(0) | {"birthDate": "secret"}, *twice(MANY // 2)]
    file = folder / kind
    if kind == "visits.ndjson":
        file.write_bytes(b"".join(ndjson(resources)))
    elif kind == "visits.ndjson.gz":
        file.write_bytes(gzip.compress(b"".join(ndjson(resources))))
    else:
        bundle = {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": it} for it in resources],
        }
        text = json.dumps(bundle).encode()
        file.write_bytes(gzip.compress(text) if kind.endswith(".gz") else text)
    return file


def kill_after(number: int, settings: Settings, *files: Path) -> None:
    """Kills an import once so many resources are stored, long before its end."""
    kill_before(f"v{MANY // 2 - 10:06d}", settings, lambda: stored(settings) >= number, *files)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Dump:
    """What an import leaves that nobody disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    settings = migrated(folder / "data")
    assert imported(settings, write(folder, "visits.ndjson")).code == 1
    return dump(settings)


@pytest.mark.parametrize("kind", ["visits.ndjson", "visits.ndjson.gz", "visits.json", "visits.json.gz"])
def test_killed_and_started_again_it_ends_as_if_nothing_had_happened(
    settings: Settings, tmp_path: Path, undisturbed: Dump, kind: str
) -> None:
    file = write(tmp_path, kind)

    for number in (500, 1_500) if kind == "visits.ndjson" else (1_000,):
        kill_after(number, settings, file)
        assert stored(settings) < MANY // 2
    done = stored(settings)
    end = imported(settings, file)

    assert dump(settings) == undisturbed
    assert undisturbed["mark"] == []
    assert end.report["types"] == {"Procedure": {"stored": MANY}}
    assert (end.code, end.report["refused"]) == (1, 1)
    told = next(line for line in end.err.splitlines() if kind in line and "done" in line)
    entries = int(told.partition("; ")[2].partition(" entries")[0].replace(",", ""))
    assert MANY + 1 - entries == pytest.approx(2 * done, abs=1)


def test_files_that_were_done_are_not_read_again(settings: Settings, tmp_path: Path) -> None:
    first, second = tmp_path / "1.ndjson", tmp_path / "2.ndjson"
    first.write_bytes(b"".join(ndjson(map(patient, range(500)))))
    second.write_bytes(b"".join(ndjson(map(visit, range(MANY)))))
    kill_after(501, settings, first, second)
    assert stored(settings) < MANY, "it was killed before its end"

    end = imported(settings, first, second)

    assert "1.ndjson: done; 0 entries" in end.err
    assert end.report["types"] == {"Patient": {"stored": 500}, "Procedure": {"stored": MANY}}
    whole = imported(settings, first, second)  # what has ended begins anew
    assert whole.report["types"] == {"Patient": {"unchanged": 500}, "Procedure": {"unchanged": MANY}}


def test_a_file_that_has_changed_since_is_another_file(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "visits.ndjson"
    file.write_bytes(b"".join(ndjson(map(visit, range(MANY)))))
    kill_after(500, settings, file)
    file.write_bytes(b"".join(ndjson(map(patient, range(700)))))

    end = imported(settings, file)

    assert end.report["types"] == {"Patient": {"stored": 700}}
