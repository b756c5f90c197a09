"""`import --from` where the other side misbehaves: nothing is lost in silence, or asked outside the list."""

import json
from pathlib import Path

from referral_service.settings import Settings
from tests.cli.bulk import Json, imported, ndjson, patient, stored
from tests.cli.test_import_from import site
from tests.ehr.exporting import AT, asked_for, manifest, ready, side_with
from tests.ehr.other_side import OtherSide, Reply, in_turn, other_side, says

PEOPLE = b"".join(ndjson(map(patient, range(3))))


def north(folder: Path, side: OtherSide) -> Settings:
    return site(folder / "north", side.fhir)


def since(side: OtherSide) -> list[str]:
    """What each kick-off asked for."""
    asked = [one.path.partition("?")[2] for one in side.asked if "$export" in one.path.replace("%24", "$")]
    return [it.replace("%3A", ":") for it in asked]


def outcome(*severities: str) -> Json:
    issues = [{"severity": it, "code": "processing", "diagnostics": "secret"} for it in severities]
    return {"resourceType": "OperationOutcome", "issue": issues}


def test_what_the_source_says_of_its_export_is_counted(tmp_path: Path) -> None:
    told = b"".join(ndjson([outcome("error", "warning"), outcome("error")])) + b"no json\n"
    found = manifest("/1", error=[{"type": "OperationOutcome", "url": "/e"}])
    with other_side(side_with(found, **{"1": says(200, PEOPLE), "e": says(200, told)})) as side:
        answer = imported(north(tmp_path, side), "--from", "north")
    assert answer.code == 1
    assert answer.report["messages"] == {"error": 2, "warning": 1, "unreadable": 1}
    assert answer.report["types"] == {"Patient": {"stored": 3}}
    assert "secret" not in answer.out + answer.err


def test_lines_that_are_no_fhir_are_refused_and_the_rest_comes_in(tmp_path: Path) -> None:
    others = [b"not json", b'{"resourceType": "Claim"}', b'{"resourceType": "Invented"}', b"{}"]
    text = PEOPLE + b"\n".join(others)
    with other_side(side_with(manifest("/1"), **{"1": says(200, text)})) as side:
        place = north(tmp_path, side)
        answer = imported(place, "--from", "north")
        again = imported(place, "--from", "north")
        imported(place, "--from", "north", "--everything")
    assert (answer.code, answer.report["refused"]) == (1, 3)
    assert answer.report["types"] == {"Patient": {"stored": 3}, "Claim": {"not taken in": 1}}
    assert again.report["types"]["Patient"] == {"unchanged": 3}
    assert since(side) == ["", f"_since={AT}", ""]


def test_an_export_that_does_not_come_whole_moves_nothing(tmp_path: Path) -> None:
    page: Reply = says(200, b"<html>Sign in</html>")
    with other_side(
        side_with(manifest("/1", "/2"), **{"1": says(200, PEOPLE), "2": in_turn(page, says(200, PEOPLE))})
    ) as side:
        place = north(tmp_path, side)
        answer = imported(place, "--from", "north")
        assert (answer.code, stored(place)) == (1, 0)
        assert "not NDJSON" in answer.err
        assert imported(place, "--from", "north").code == 0
        assert stored(place) == 3
    assert since(side) == ["", ""]


def test_a_manifest_that_leads_elsewhere_is_refused_whole(tmp_path: Path) -> None:
    with other_side(says(200, PEOPLE)) as canary:
        found = manifest("/1", f"{canary.address}/2")
        with other_side(side_with(found, **{"1": says(200, PEOPLE)})) as side:
            place = north(tmp_path, side)
            answer = imported(place, "--from", "north")
    assert canary.asked == []
    assert asked_for(side, "/1") == 0
    assert (answer.code, stored(place)) == (1, 0)
    assert "allow-list" in answer.err


def test_deletions_of_what_was_never_here_are_passed_by(tmp_path: Path) -> None:
    def gone(*names: str) -> Json:
        entries = [{"request": {"method": "DELETE", "url": name}} for name in names]
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    told = [gone("Patient/p000001", "Patient/nobody"), gone("Claim/1", "Patient/p000001"), patient(9)]
    lines = b"".join(ndjson(told))
    found = manifest("/1", deleted=[{"type": "Bundle", "url": "/d"}])
    status = in_turn(
        ready(manifest("/1")), ready(found | {"output": [], "transactionTime": "2026-06-02T08:00:00Z"})
    )
    with other_side(side_with(status, **{"1": says(200, PEOPLE), "d": says(200, lines)})) as side:
        place = north(tmp_path, side)
        imported(place, "--from", "north")
        answer = imported(place, "--from", "north")
    assert (answer.code, answer.report["types"]) == (0, {"Patient": {"deleted": 1}})
    assert json.loads(answer.out)["refused"] == 0
    assert stored(place) == 3
