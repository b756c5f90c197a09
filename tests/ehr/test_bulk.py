"""A bulk export is loaded whole, or not at all, whatever the other side and the network do meanwhile."""

import gzip
import json

import pytest

from referral_service.core.problem import Category, Problem
from referral_service.ehr.bulk import kick_off
from referral_service.fake_ehr.server import FakeEhr, Manners, serve
from tests.ehr.conftest import Exports
from tests.ehr.exporting import TWO, asked_for, manifest, ready, side_with, started, texts
from tests.ehr.other_side import Reply, by_path, cuts_in_the_body, in_turn, other_side, patient, says


def test_an_export_of_an_ehr_comes_whole_and_is_given_back(export: Exports) -> None:
    ehr = FakeEhr(manners=Manners(export_lines=2, export_polls=1, retry_after_seconds=4))
    ehr.load(patient(f"p{number}") for number in range(5))
    with serve(ehr) as address:
        north = export(address)
        first = north.fetch()
        lines = [json.loads(line)["id"] for text in texts(first.output) for line in text.splitlines()]
        assert sorted(lines) == ["p0", "p1", "p2", "p3", "p4"]
        assert [4.0 <= wait <= 4.4 for wait in north.waits] == [True]
        north.export.end()
        ehr.remove("Patient", "p3")
        second = north.fetch(since=first.at)
        [[gone]] = [text.splitlines() for text in texts(second.deleted)]
        assert json.loads(gone)["entry"][0]["request"] == {"method": "DELETE", "url": "Patient/p3"}
        assert second.at > first.at
        north.export.end()
    assert ehr.requests["DELETE", "export-delete"] == 2
    assert not north.folder.exists()


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (kick_off("URL", "", ()), "/fhir/Patient/$export"),
        (kick_off("URL", "", ("Patient", "Condition")), "/fhir/Patient/$export?_type=Patient,Condition"),
        (kick_off("URL", "g 1/x", ()), "/fhir/Group/g%201%2Fx/$export"),
        (kick_off("URL/", "", (), is_of_all=True), "/fhir/$export"),
    ],
)
def test_what_is_asked_for(export: Exports, address: str, path: str) -> None:
    with other_side(says(400)) as side:
        north = export(side.fhir, asked=address.replace("URL", side.fhir))
        with pytest.raises(Problem):
            north.fetch("2026-01-01T00:00:00+02:00")
    [one] = side.asked
    since = "_since=2026-01-01T00%3A00%3A00%2B02%3A00"
    found, _, query = one.path.replace("%2C", ",").replace("%24", "$").partition("?")
    asked, _, types = path.partition("?")
    assert (found, sorted(query.split("&"))) == (asked, sorted(filter(None, [types, since])))
    assert (one.headers["Prefer"], one.headers["Accept"]) == ("respond-async", "application/fhir+json")


def test_it_waits_as_told_and_ever_longer_when_not_told(export: Exports) -> None:
    throttled, failing = says(429, Retry_After="9"), says(503)
    status = in_turn(
        says(202, Retry_After="120"),
        throttled,
        says(503, Retry_After="30"),
        *[failing] * 3,  # tried three times at once before we wait
        *[says(202)] * 8,
        ready(manifest("/1")),
    )
    with other_side(side_with(status, **{"1": says(200, TWO)})) as side:
        north = export(side.fhir)
        north.fetch()
    told, untold = north.waits[:3], north.waits[4:]
    assert all(due <= wait <= 1.1 * due for due, wait in zip((120, 9, 30), told, strict=True))
    assert all(wait <= 60 for wait in untold)
    assert all(2**n / 2 <= wait <= 2**n for n, wait in enumerate(untold[1:4], 3))
    assert len({wait for wait in untold[-3:]}) == 3  # spread: not all clients at once


def test_kick_off_waits_while_an_export_of_ours_goes_on(export: Exports) -> None:
    busy = [says(429, Retry_After="60")] * 12
    with other_side(
        by_path(
            {
                "/fhir/Patient/$export": in_turn(*busy, started()),
                "/status": ready(manifest()),
            }
        )
    ) as side:
        north = export(side.fhir)
        assert north.fetch().output == []
    assert len(north.waits) == 12


def test_an_export_that_expired_is_asked_for_again(export: Exports) -> None:
    found = ready(manifest("/1", "/2"))
    with other_side(
        side_with(
            in_turn(says(202), says(404), found, found),
            **{"1": says(200, TWO), "2": in_turn(says(410), says(200, TWO))},
        )
    ) as side:
        assert texts(export(side.fhir).fetch().output) == [TWO, TWO]
    assert asked_for(side, "/fhir/Patient/$export") == 3


def test_exports_that_expire_again_and_again_are_given_up(export: Exports) -> None:
    with other_side(side_with(says(404))) as side:
        assert export(side.fhir).fails() is Category.NOT_FOUND
    assert asked_for(side, "/fhir/Patient/$export") == 3


def test_a_group_that_is_not_there_is_no_expired_export(export: Exports) -> None:
    with other_side(says(404)) as side:
        assert export(side.fhir).fails() is Category.NOT_FOUND
    assert len(side.asked) == 1


PACKED = gzip.compress(TWO * 100)


@pytest.mark.parametrize(
    "cut",
    [
        cuts_in_the_body,
        says(200, TWO[:50]),  # nobody but the manifest's count tells
        says(200, PACKED[: len(PACKED) // 2]),
        says(502),
    ],
    ids=["connection", "lines", "gzip", "failure"],
)
def test_a_file_that_comes_cut_off_is_loaded_again(export: Exports, cut: Reply) -> None:
    listed = {"type": "Patient", "url": "/1", "count": 2}
    with other_side(side_with(manifest(listed), **{"1": in_turn(cut, cut, cut, says(200, TWO))})) as side:
        assert texts(export(side.fhir).fetch().output) == [TWO]


@pytest.mark.parametrize(
    ("reply", "ending"),
    [
        (says(200, gzip.compress(TWO)), ".ndjson.gz"),
        (says(200, gzip.compress(TWO), Content_Encoding="gzip"), ".ndjson"),
        (says(200, b"\xef\xbb\xbf\n" + TWO), ".ndjson"),
        (says(200, b""), ".ndjson"),
    ],
    ids=["gzip", "packed-on-the-way", "byte-order-mark", "empty"],
)
def test_a_file_is_called_what_it_is(export: Exports, reply: Reply, ending: str) -> None:
    with other_side(side_with(manifest("/1"), **{"1": reply})) as side:
        [path] = export(side.fhir).fetch().output
    assert "".join(path.suffixes) == ending


def test_deletions_may_come_as_one_bundle(export: Exports) -> None:
    gone = {"resourceType": "Bundle", "type": "transaction", "entry": []}
    text = json.dumps(gone, indent=2).encode()
    found = manifest(deleted=[{"type": "Bundle", "url": "/d"}])
    with other_side(side_with(found, d=says(200, text))) as side:
        [path] = export(side.fhir).fetch().deleted
    assert (path.suffix, path.read_bytes()) == (".json", text)


def test_pages_of_a_manifest_and_relative_addresses(export: Exports) -> None:
    more = manifest("one/3", deleted=[{"url": "d"}], error=[{"url": "e"}])
    found = manifest("1", link=[{"relation": "next", "url": "/more"}])
    del found["error"]
    routes = {"1": TWO, "one/3": TWO, "d": TWO, "e": TWO}
    with other_side(
        side_with(found, more=ready(more), **{name: says(200, text) for name, text in routes.items()})
    ) as side:
        fetched = export(side.fhir).fetch()
    assert [len(fetched.output), len(fetched.deleted), len(fetched.error)] == [2, 1, 1]
