"""Files in any order give one decision: of each resource the newest version counts, whoever it is about."""

from datetime import date
from pathlib import Path
from typing import Any

import orjson

from referral_service.clinic.chart import build
from tests.cli.test_assess import STORY, bundle, decisions, run

Json = dict[str, Any]
*REST, LATEST = sorted(
    build(STORY, date(2026, 6, 1)),
    key=lambda one: (one["resourceType"] == "Observation", one.get("effectiveDateTime", "")),
)
NAME = f"Observation/{LATEST['id']}"
MAY_28, MAY_30 = "2026-05-28T08:00:00Z", "2026-05-30T08:00:00Z"
WITH_IT, WITHOUT_IT = ["function-flat"], ["no-outcome-measure"]


def version(number: int, at: str, **changed: Any) -> Json:
    """The score that the decision rests on, as it was known from an instant on."""
    return {**LATEST, "meta": {"versionId": str(number), "lastUpdated": at}, **changed}


def history(*entries: Json) -> Json:
    """As its sender listed it."""
    return {"resourceType": "Bundle", "type": "history", "entry": list(entries)}


def put(resource: Json) -> Json:
    return {"resource": resource, "request": {"method": "PUT", "url": NAME}}


def gone(at: str | None = MAY_30) -> Json:
    response = {"status": "204"} | ({"lastModified": at} if at else {})
    return {"request": {"method": "DELETE", "url": NAME}, "response": response}


def judged(folder: Path, *files: Json, known_at: str = "2026-06-01T00:00:00Z") -> dict[str, list[str]]:
    """The reasons by patient; the files are read in this order, the rest of the chart last."""
    named = []
    for number, value in enumerate((*files, bundle("collection", REST))):
        named.append(folder / f"{number}.json")
        named[-1].write_bytes(orjson.dumps(value))
    asked = ("--as-of", "2026-06-01", "--known-at", known_at, "--json")
    found = decisions(run(*map(str, named), *asked))
    return {decision["patient"]: decision["reasons"] for decision in found}


def test_a_score_counts_for_whom_its_newest_version_is_about(tmp_path: Path) -> None:
    moved = version(2, MAY_30, subject={"reference": "Patient/other"})
    files = (bundle("collection", [moved]), bundle("collection", [version(1, MAY_28)]))
    for order in (files, files[::-1]):
        assert judged(tmp_path, *order) == {"pat": WITHOUT_IT, "other": ["none"]}
        assert judged(tmp_path, *order, known_at="2026-05-29T08:00:00Z")["pat"] == WITH_IT


def test_a_score_that_came_back_counts_again(tmp_path: Path) -> None:
    moved = version(2, MAY_30, subject={"reference": "Patient/other"})
    back = version(3, "2026-05-31T08:00:00Z")
    assert judged(tmp_path, bundle("collection", [moved]), bundle("collection", [back]))["pat"] == WITH_IT


def test_a_score_in_error_is_so_though_it_names_nobody_any_more(tmp_path: Path) -> None:
    in_error = {key: value for key, value in version(2, MAY_30).items() if key != "subject"}
    in_error |= {"status": "entered-in-error"}
    assert judged(tmp_path, history(put(in_error), put(version(1, MAY_28)))) == {"pat": WITHOUT_IT}


def test_a_deletion_may_be_read_before_what_it_deletes(tmp_path: Path) -> None:
    files = (history(gone()), bundle("collection", [version(1, MAY_28)]))
    for order in (files, files[::-1]):
        assert judged(tmp_path, *order) == {"pat": WITHOUT_IT}


def test_what_was_created_again_after_an_undated_deletion_is_there(tmp_path: Path) -> None:
    assert judged(tmp_path, history(put(version(3, MAY_30)), gone(None), put(version(1, MAY_28)))) == {
        "pat": WITH_IT
    }
    assert judged(tmp_path, history(gone(None), put(version(1, MAY_28)))) == {"pat": WITHOUT_IT}
