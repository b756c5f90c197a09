"""`import`: files become what an EHR's posts would have become; started again it changes nothing."""

import gzip
import json
import os
import pty
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, CompletedProcess, run
from typing import Any

import pytest

from referral_service.clinic.chart import build
from referral_service.settings import Settings
from referral_service.store.store import SqlStore
from referral_service.wiring import build_assessor, build_store
from referral_service.workflow.ports import PatientId
from tests.api.people import EXHAUSTED
from tests.kit.judged import TODAY
from tests.kit.processes import place, referral_service
from tests.kit.writes import TENANT

Json = dict[str, Any]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return place(tmp_path / "data", broker_url="redis://127.0.0.1:1")


@pytest.fixture
def store(settings: Settings) -> Iterator[SqlStore]:
    found = build_store(settings)
    found.migrate()
    yield found
    found.close()


def command(settings: Settings, *words: object) -> CompletedProcess[str]:
    """The real command."""
    asked = referral_service(*map(str, words))
    return run(asked, env=settings.environment(), capture_output=True, text=True, check=False)


def report(settings: Settings, *words: object) -> Json:
    found: Json = json.loads(command(settings, "import", "--json", *words).stdout)
    return found


def chart(patient: str = "nora") -> list[Json]:
    return build({"id": patient, "given": EXHAUSTED}, TODAY)


def bundle(kind: str, resources: list[Json], **entry: Json) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": it, **entry} for it in resources]}


def test_bundles_and_bulk_data_come_in_and_are_decided(
    settings: Settings, store: SqlStore, tmp_path: Path
) -> None:
    bundled, bulk = tmp_path / "bundle.json", tmp_path / "bulk"
    bundled.write_text(json.dumps(bundle("collection", chart("nora"))))
    bulk.mkdir()
    lines = "\n".join(json.dumps(one) for one in chart("omar"))
    (bulk / "all.ndjson.gz").write_bytes(gzip.compress(lines.encode()))

    answer = command(settings, "import", bundled, bulk)

    assert answer.returncode == 0, answer.stderr
    assert ["Procedure", "50", "0", "0", "0"] in [line.split() for line in answer.stdout.splitlines()]
    assessor = build_assessor(settings, store)
    while assessor.run_due():
        pass
    for patient in ("nora", "omar"):
        assert len(store.facts_of(TENANT, PatientId(patient))) == len(chart())
        assert store.verify_ledger(TENANT).broken_at is None
    decided = store.counts().tallies["evaluations"]
    assert sum(decided.values()) == 2


def test_started_again_it_changes_nothing(settings: Settings, store: SqlStore, tmp_path: Path) -> None:
    file = tmp_path / "chart.ndjson"
    resources = [{key: value for key, value in one.items() if key != "id"} for one in chart()]
    file.write_text("\n".join(json.dumps(bundle("transaction", [one])) for one in resources))
    first, lines = report(settings, file), store.verify_ledger(TENANT).lines

    again = report(settings, file)

    assert {name for kind in first["types"].values() for name in kind} == {"stored"}
    assert {name for kind in again["types"].values() for name in kind} == {"unchanged"}
    assert store.verify_ledger(TENANT).lines == lines


def test_what_is_refused_is_told_with_its_place_and_the_rest_goes_on(
    settings: Settings, store: SqlStore, tmp_path: Path
) -> None:
    nobody = {"resourceType": "Condition", "id": "nobodys", "code": {"text": "secret"}}
    wrong = {"resourceType": "Patient", "id": "p2", "birthDate": "secret"}
    good = {"resourceType": "Patient", "id": "p1"}
    file = tmp_path / "mixed.ndjson"
    parts = [json.dumps(good), "not json", json.dumps(wrong), json.dumps(nobody)]
    parts.append(json.dumps({"resourceType": "Immunization", "id": "i"}))
    file.write_text("\n".join(parts))

    answer = command(settings, "import", file)

    assert answer.returncode == 1
    assert (
        "mixed.ndjson:2: " in answer.stderr
        and "mixed.ndjson:3 Patient/p2: Patient.birthDate" in answer.stderr
    )
    assert "Condition/nobodys: " in answer.stderr
    assert "refused in all: 3" in answer.stderr
    assert "secret" not in answer.stdout + answer.stderr
    assert "Immunization" in answer.stdout
    assert store.read(TENANT, "Patient", "p1") is not None
    assert store.read(TENANT, "Patient", "p2") is None


def test_a_history_ends_with_its_newest_version(settings: Settings, store: SqlStore, tmp_path: Path) -> None:
    file = tmp_path / "history.json"
    versions = [{"resourceType": "Patient", "id": "p", "gender": sex} for sex in ("female", "unknown")]
    file.write_text(json.dumps(bundle("history", versions)))
    report(settings, file)
    stored = store.read(TENANT, "Patient", "p")

    assert stored is not None
    assert (stored.version, json.loads(stored.body)["gender"]) == (2, "female")


def test_a_terminal_has_a_bar_and_anything_else_plain_lines(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "chart.ndjson"
    file.write_text("\n".join(json.dumps(one) for one in chart()))

    plain = command(settings, "import", file).stderr
    terminal, other_end = pty.openpty()
    asked = referral_service("import", str(file))
    run(asked, env=settings.environment(), stdout=DEVNULL, stderr=other_end, check=True)
    os.close(other_end)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)

    assert plain.startswith("importing chart.ndjson: done; 31 entries, ")
    assert "\x1b[" not in plain
    assert all(it in shown for it in ("Importing chart.ndjson", "100 %", "31 entries", "\x1b["))


def test_wrong_use(settings: Settings, tmp_path: Path) -> None:
    assert command(settings, "import", tmp_path / "nothing.json").returncode == 2
    assert command(settings, "import").returncode == 2
    assert "Bundles" in command(settings, "import", "--help").stdout
