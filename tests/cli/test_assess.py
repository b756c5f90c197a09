"""`assess` offline: Bundles, NDJSON and folders, with the same decision as the service."""

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import orjson
from typer import Typer
from typer.testing import CliRunner, Result

from referral_service.cli.assess import assess
from referral_service.clinic.chart import build

STORY = {
    "id": "pat",
    "given": [
        {"condition": "M51.360", "onset": -264, "id": "disc"},
        {"procedure": "97110", "every": {"from": -210, "to": -40, "step": 7}},
        {"medication": "198014", "from": -212, "supply": 180},
        {"score": "97909-6", "value": 48, "unit": "%", "on": -208},
        {"score": "97909-6", "value": 46, "unit": "%", "on": -12},
        {"imaging": "24968-0", "on": -137},
        {"procedure": "97110", "on": -100, "site": "72696002", "id": "knee"},
    ],
}
CHART = build(STORY, date(2026, 6, 1))


def run(*words: str) -> Result:
    app = Typer()
    app.command()(assess)
    return CliRunner().invoke(app, list(words))


def decisions(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def bundle(type: str, resources: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": type,
        "entry": [
            {"fullUrl": f"https://ehr.example/fhir/{r['resourceType']}/{r['id']}", "resource": r}
            for r in resources
        ],
    }


def test_a_bundle_is_judged_as_of_a_day(tmp_path: Path) -> None:
    file = tmp_path / "chart.json"
    file.write_bytes(orjson.dumps(bundle("collection", CHART)))
    (decision,) = decisions(run(str(file), "--as-of", "2026-06-01", "--json"))
    assert decision["patient"] == "pat"
    assert (decision["outcome"], decision["target"]) == ("exhausted", "intradiscal")
    assert decision["class"] == "chronic"
    assert decision["wake_on"] == "2026-07-20"
    assert {"fact": "Procedure/pat-knee", "reason": "other-body-part"} in decision["left_out"]
    assert {c["id"] for c in decision["criteria"]} >= {"imaging", "recency"}


def test_ndjson_gzipped_in_a_folder_gives_the_same(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    lines = b"\n".join(orjson.dumps(resource) for resource in reversed(CHART))
    (tmp_path / "below" / "chart.ndjson.gz").write_bytes(gzip.compress(lines))
    (decision,) = decisions(run(str(tmp_path), "--as-of", "2026-06-01", "--json"))
    assert decision["reasons"] == ["function-flat"]


def test_a_transaction_without_ids_resolves_its_own_references(tmp_path: Path) -> None:
    patient = {"resourceType": "Patient", "birthDate": "1980-01-01"}
    condition = {
        "resourceType": "Condition",
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}
            ]
        },
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M54.50"}]},
        "subject": {"reference": "urn:uuid:6f1c1b1e-0000-4000-8000-000000000001"},
        "onsetDateTime": "2026-05-01",
    }
    value = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:6f1c1b1e-0000-4000-8000-000000000002",
                "resource": condition,
                "request": {"method": "POST", "url": "Condition"},
            },
            {
                "fullUrl": "urn:uuid:6f1c1b1e-0000-4000-8000-000000000001",
                "resource": patient,
                "request": {"method": "POST", "url": "Patient"},
            },
        ],
    }
    file = tmp_path / "transaction.json"
    file.write_bytes(orjson.dumps(value))
    (decision,) = decisions(run(str(file), "--as-of", "2026-06-01", "--json"))
    assert (decision["region"], decision["outcome"]) == ("lumbar", "not-started")


def test_what_was_known_then_decides(tmp_path: Path) -> None:
    late = [dict(r) for r in CHART]
    for resource in late:
        if resource["resourceType"] == "DiagnosticReport":
            resource["meta"] = {"lastUpdated": "2026-05-30T00:00:00Z"}
    file = tmp_path / "chart.json"
    file.write_bytes(orjson.dumps(bundle("searchset", late)))
    asked = (str(file), "--as-of", "2026-06-01", "--json", "--known-at")
    (before,) = decisions(run(*asked, "2026-05-29T00:00:00Z"))
    (after,) = decisions(run(*asked, "2026-05-30T00:00:00Z"))
    assert before["reasons"] == ["imaging-missing"]
    assert after["outcome"] == "exhausted"


def test_what_is_refused_is_named_and_the_rest_is_judged(tmp_path: Path) -> None:
    broken = {**CHART[1], "onsetDateTime": "2026-02-30"}
    file = tmp_path / "chart.ndjson"
    file.write_bytes(b"\n".join(orjson.dumps(r) for r in [CHART[0], broken, *CHART[2:]]))
    result = run(str(file), "--as-of", "2026-06-01", "--json")
    assert result.exit_code == 1
    assert "chart.ndjson:2" in result.stderr
    assert "Condition.onsetDateTime" in result.stderr


def test_explaining_says_it_in_sentences(tmp_path: Path) -> None:
    file = tmp_path / "chart.json"
    file.write_bytes(orjson.dumps(bundle("batch", CHART)))
    result = run(str(file), "--as-of", "2026-06-01", "--explain")
    assert "The conservative trial looks exhausted." in result.stdout
    assert "Function has not improved." in result.stdout


def test_a_wrong_day_is_wrong_use(tmp_path: Path) -> None:
    assert run(str(tmp_path), "--as-of", "soon").exit_code == 2


def test_a_missing_file_fails(tmp_path: Path) -> None:
    assert run(str(tmp_path / "nowhere.json")).exit_code == 1


def test_what_was_deleted_later_was_known_then(tmp_path: Path) -> None:
    patient, condition = CHART[0], {**CHART[1], "meta": {"lastUpdated": "2026-04-02T00:00:00Z"}}
    history = {
        "resourceType": "Bundle",
        "type": "history",
        "entry": [
            {
                "request": {"method": "DELETE", "url": f"Condition/{condition['id']}"},
                "response": {"status": "204", "lastModified": "2026-05-22T00:00:00Z"},
            },
            {"resource": condition, "request": {"method": "PUT", "url": f"Condition/{condition['id']}"}},
            {"resource": patient, "request": {"method": "PUT", "url": f"Patient/{patient['id']}"}},
        ],
    }
    file = tmp_path / "history.json"
    file.write_bytes(orjson.dumps(history))
    asked = (str(file), "--as-of", "2026-06-01", "--json")
    (then,) = decisions(run(*asked, "--known-at", "2026-05-21T00:00:00Z"))
    (now,) = decisions(run(*asked))
    assert (then["region"], then["outcome"]) == ("lumbar", "not-started")
    assert now["outcome"] == "no-qualifying-condition"
