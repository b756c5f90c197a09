"""A bulk export stays inside the allow-list, keeps its token to itself, and is gone on with after any end."""

import json

import pytest

from referral_service.core.problem import Category
from referral_service.ehr.bulk import kick_off
from tests.ehr.conftest import Exports
from tests.ehr.exporting import TWO, Ended, Json, asked_for, manifest, ready, side_with, started, texts
from tests.ehr.other_side import Reply, by_path, in_turn, other_side, patient, says


@pytest.mark.parametrize("way", ["status", "file", "page", "deleted", "redirect"])
def test_no_request_leaves_the_allow_list(export: Exports, way: str) -> None:
    with other_side(says(200, TWO)) as canary:
        far = f"{canary.address}/1"
        listed: dict[str, Json | Reply] = {
            "status": manifest("/1"),
            "file": manifest("/1", far),
            "page": manifest("/1", link=[{"relation": "next", "url": far}]),
            "deleted": manifest("/1", deleted=[{"url": far}]),
            "redirect": manifest("/away"),
        }
        routes = {"1": says(200, TWO), "away": says(307, Location=far)}
        with other_side(
            by_path(
                {
                    "/fhir/Patient/$export": started(far if way == "status" else "/status"),
                    "/status": ready(listed[way]),
                    **{f"/{name}": reply for name, reply in routes.items()},
                }
            )
        ) as side:
            north = export(side.fhir)
            assert north.fails() is Category.FORBIDDEN
            assert north.fails() is Category.FORBIDDEN  # nor when it is started again
    assert canary.asked == []


def test_a_redirect_to_an_allowed_place_is_followed_without_the_token(export: Exports) -> None:
    with (
        other_side(says(200, TWO)) as store,
        other_side(
            side_with(
                manifest("/1", requiresAccessToken=True), **{"1": says(307, Location=f"{store.address}/x")}
            )
        ) as side,
    ):
        north = export(side.fhir, origins=(store.address,), bearer="secret")
        assert texts(north.fetch().output) == [TWO]
    assert [one.headers["Authorization"] for one in side.asked] == ["Bearer secret"] * 3
    assert [one.headers["Authorization"] for one in store.asked] == [None]


@pytest.mark.parametrize("needed", [True, False])
def test_files_get_the_token_only_if_they_need_it(export: Exports, needed: bool) -> None:
    with other_side(side_with(manifest("/1", requiresAccessToken=needed), **{"1": says(200, TWO)})) as side:
        export(side.fhir, bearer="secret").fetch()
    assert [one.headers["Authorization"] for one in side.asked if one.path == "/1"] == [
        "Bearer secret" if needed else None
    ]


@pytest.mark.parametrize(
    "found",
    [
        says(200, b"<html>login</html>"),
        ready({"output": []}),
        ready(manifest() | {"transactionTime": "yesterday"}),
        ready(manifest() | {"transactionTime": "2026-02-30T00:00:00Z"}),
        ready(manifest() | {"output": [{"type": "Patient"}]}),
        side_with(manifest("/1"), **{"1": says(200, b"<html>login</html>")}),
        side_with(manifest("/1"), **{"1": says(200, json.dumps(patient("a"), indent=1).encode())}),
        says(500),
    ],
    ids=["page", "no-time", "no-instant", "no-day", "no-address", "file-page", "file-json", "failed"],
)
def test_what_has_failed_for_good_is_begun_anew(export: Exports, found: Reply) -> None:
    with other_side(by_path({"/fhir/Patient/$export": started(), "/status": found, "/1": found})) as side:
        north = export(side.fhir)
        assert north.fails() in (Category.FAULT, Category.INTERRUPTED)
        assert north.export.status == ""
        assert asked_for(side, "/status", "DELETE") == 1
        north.fails()
    assert asked_for(side, "/fhir/Patient/$export") == 2


def test_started_again_it_goes_on_with_the_same_export(export: Exports) -> None:
    status = in_turn(says(202), says(202, Retry_After="1"), ready(manifest("/1", "/2")))
    second = in_turn(*[says(429, Retry_After="9")] * 2, says(200, TWO))
    with other_side(side_with(status, **{"1": says(200, TWO), "2": second})) as side:
        for _ in range(3):
            north = export(side.fhir)
            north.ends_at_waiting = True
            with pytest.raises(Ended):
                north.fetch()
        assert texts(export(side.fhir).fetch().output) == [TWO, TWO]
        assert asked_for(side, "/fhir/Patient/$export") == 1
        assert asked_for(side, "/1") == 1
        assert texts(export(side.fhir).fetch().output) == [TWO, TWO]  # all of it is here
        assert asked_for(side, "/2") == 3


def test_an_export_of_something_else_is_ended_first(export: Exports) -> None:
    with other_side(side_with(manifest("/1"), **{"1": says(200, TWO)})) as side:
        export(side.fhir).fetch()
        north = export(side.fhir, asked=kick_off(side.fhir, "", ("Patient",)))
        north.fetch()
    assert [(one.method, one.path.partition("?")[0]) for one in side.asked[3:5]] == [
        ("DELETE", "/status"),
        ("GET", "/fhir/Patient/$export"),
    ]


def test_what_it_says_names_no_address(export: Exports) -> None:
    with other_side(side_with(in_turn(says(202), ready(manifest("/1"))), **{"1": says(200, TWO)})) as side:
        north = export(side.fhir)
        north.fetch()
    assert north.said
    assert not any("/" in said or "127.0.0.1" in said for said in north.said)
