"""Tokens that are given and refused at our own endpoint leave their AuditEvents: whose, not what."""

from typing import Any

import pytest

from tests.audit.conftest import Audited
from tests.auth.forged import Pair
from tests.auth.house import claims_of

Json = dict[str, Any]
STRANGER = Pair("north-1")


def told(one: Json) -> tuple[str, str, str, Any]:
    """What kind of event, its outcome and why, and who asked."""
    client = one["agent"][0]
    assert (client["requestor"], client["network"]) == (True, {"address": "127.0.0.1", "type": "2"})
    assert (one["type"]["code"], one["entity"][0]["description"]) == ("110114", "/auth/token")
    return one["subtype"][0]["code"], one["outcome"], one["outcomeDesc"], client["who"]


def test_a_token_that_is_given(audited: Audited) -> None:
    last, home = audited.last, audited.home
    token = home.ask(home.assertion("elliptic")).json()["access_token"]

    (given,) = audited.after(last)
    assert told(given) == ("110122", "0", "200", {"reference": "Device/elliptic"})
    assert token not in str(given)


@pytest.mark.parametrize(
    ("changed", "scope", "why"),
    [
        ({"exp": 1}, "system/*.rs", "401 invalid_client"),
        ({}, "system/*.nothing", "400 invalid_scope"),
        ({"aud": "https://elsewhere.example"}, "system/*.rs", "401 invalid_client"),
    ],
    ids=["expired", "no such scope", "for another"],
)
def test_a_token_that_is_refused(audited: Audited, changed: Json, scope: str, why: str) -> None:
    last, home = audited.last, audited.home
    assert not home.ask(home.assertion("elliptic", **changed), scope).is_success

    (refused,) = audited.after(last)
    assert told(refused) == ("110122", "4", why, {"reference": "Device/elliptic"})


def test_whoever_poses_as_a_client_is_told_by_whom_they_claim_to_be(audited: Audited) -> None:
    last = audited.last
    assert audited.home.ask(STRANGER.token(claims_of("north"))).status_code == 401

    (refused,) = audited.after(last)
    assert told(refused) == ("110122", "4", "401 invalid_client", {"reference": "Device/north"})


@pytest.mark.parametrize("assertion", ["", "x.y.z", STRANGER.token(claims_of("nobody"))])
def test_who_claims_to_be_nobody_of_ours_is_in_the_log_alone(audited: Audited, assertion: str) -> None:
    before = audited.home.server.dump()["ledger"]
    assert audited.home.ask(assertion).status_code == 401

    assert audited.home.server.dump()["ledger"] == before
