"""How colleagues come in and leave; what the service asks, believes and remembers."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.auth.forged import Pair, packed
from tests.login.house import CLIENT, STAFF, Browser, House, house

Json = dict[str, Any]


def test_whoever_is_not_signed_in_is_told_where(browser: Browser) -> None:
    page = browser.get("/worklist/measures?year=2026")

    assert page.status_code == 401
    assert 'href="/auth/login?to=%2Fworklist%2Fmeasures"' in page.text
    assert page.headers["cache-control"] == "no-store"


def test_a_coordinator_comes_in_acts_by_name_and_leaves(home: House, browser: Browser) -> None:
    entered = browser.sign_in("nora", f"/worklist/referral/{home.tasks['amy']}")
    assert (entered.status_code, entered.headers["location"]) == (
        303,
        f"/worklist/referral/{home.tasks['amy']}",
    )
    page = browser.get(entered.headers["location"])
    assert page.status_code == 200 and "You are nora" in page.text

    assert browser.act(home.tasks["amy"], "claim").status_code == 303

    task = home.server.http.get(f"/Task/{home.tasks['amy']}", headers=home.as_system("north")).json()
    assert task["owner"] == {"reference": "Practitioner/nora"}
    left = browser.sign_out()
    assert left.status_code == 200 and "You are signed out" in left.text
    assert browser.get("/worklist").status_code == 401


def test_the_question_is_what_openid_connect_wants(home: House, browser: Browser) -> None:
    address = browser.begin()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}

    assert address.startswith(f"{home.site.issuer}/authorize?realm=staff&")
    assert asked["scope"] == "openid"
    assert asked["redirect_uri"] == f"{home.address}/auth/callback"
    assert asked["code_challenge_method"] == "S256"
    secrets = {asked["state"], asked["nonce"], asked["code_challenge"]}
    assert len(secrets) == 3 and all(len(one) == 43 for one in secrets)
    again = parse_qs(urlsplit(browser.begin()).query)
    assert secrets.isdisjoint({again["state"][0], again["nonce"][0], again["code_challenge"][0]})


def test_the_row_of_a_session_holds_no_more_than_it_must(home: House, browser: Browser) -> None:
    browser.sign_in("sue")
    row = max((one for one in home.sessions() if b"sue" in bytes(one[-1])), key=lambda one: one[2])

    assert browser.session not in map(str, row)
    assert json.loads(row[-1]) == {"actor": "Practitioner/sue", "roles": ["coordinator"], "patient": None}
    assert row[1] == "south"


def test_signing_out_leads_on_to_the_provider(home: House, browser: Browser) -> None:
    browser.sign_in()
    left = browser.sign_out()

    onward = f"{home.site.issuer}/end?client_id={CLIENT}&amp;post_logout_redirect_uri="
    assert f'http-equiv="refresh" content="0; url={onward}' in left.text
    told = httpx.get(left.text.split("url=")[1].split('"')[0].replace("&amp;", "&")).json()
    assert told["post_logout_redirect_uri"] == f"{home.address}/auth/signed-out"
    assert browser.get("/auth/signed-out").status_code == 200


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        (STAFF["nick"], "no role"),
        ({**STAFF["nora"], "realm": {}}, "no role"),
        ({**STAFF["nora"], "realm": {"groups": [["Surgeons"]]}}, "no role"),
        ({**STAFF["nora"], "realm": "Surgeons"}, "no role"),
        ({**STAFF["nora"], "organisation": None}, "for which organisation"),
        ({**STAFF["nora"], "organisation": "*"}, "for which organisation"),
        ({**STAFF["nora"], "organisation": ["north"]}, "for which organisation"),
    ],
)
def test_somebody_without_a_task_here_is_told_so_kindly(
    home: House, browser: Browser, claims: Json, said: str
) -> None:
    home.site.people["somebody"] = claims

    page = browser.sign_in("somebody")

    assert page.status_code == 403 and said in page.text
    assert browser.session is None


def test_roles_are_what_the_file_says_of_the_claim(home: House, browser: Browser) -> None:
    home.site.people["both"] = {**STAFF["nora"], "sub": "both", "realm": {"groups": "Auditors"}}
    home.site.people["flat"] = {**STAFF["nora"], "sub": "auth0|flat", "realm.groups": ["Surgeons"]}

    browser.sign_in("both")
    browser.sign_in("flat")

    made = sha256(b"auth0|flat").hexdigest()[:32]
    (row,) = [json.loads(one[-1]) for one in home.sessions() if made.encode() in bytes(one[-1])]
    assert row == {"actor": f"Practitioner/{made}", "roles": ["clinician"], "patient": None}
    assert not [one for one in home.sessions() if b"both" in bytes(one[-1])], "signing in again ends it"


@pytest.mark.parametrize("changed", [{"client_secret_file": "site.secret"}, {"key_file": "own.jwk"}])
def test_the_service_proves_who_it_is(tmp_path: Path, changed: Json) -> None:
    own = Pair("own-1", "ES256")
    private = own.key.private_numbers().private_value.to_bytes(32, "big")  # type: ignore[union-attr]
    (tmp_path / "own.jwk").write_text(json.dumps({**own.jwk, "d": packed(private)}))
    people = {"client_secret_file": None, "practitioner_claim": "fhirUser", **changed}
    with house(tmp_path, people=people) as home, Browser(home) as browser:
        home.site.clients_key = own
        home.site.lies.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
        home.site.people["nora"] = {**STAFF["nora"], "fhirUser": "Practitioner/n-1"}
        assert browser.sign_in().status_code == 303
        (row,) = home.sessions()
        assert b"Practitioner/n-1" in bytes(row[-1])
        for other in ("Patient/n-1", "RelatedPerson/n-1", "n-1", 7, None):
            home.site.people["nora"]["fhirUser"] = other
            assert browser.sign_in().status_code == 403


@pytest.mark.parametrize("what", ["discovery", "token"])
def test_while_the_provider_is_out_nobody_is_left_in_doubt(tmp_path: Path, what: str) -> None:
    with house(tmp_path) as home, Browser(home) as browser:
        address = browser.begin() if what == "token" else ""
        back = browser.consent(address) if what == "token" else "/auth/login"
        home.site.shutdown()
        home.site.server_close()

        page = browser.get(back)

        assert page.status_code == 503 and page.headers["retry-after"]
        assert "Nobody can sign in just now" in page.text
        assert home.sessions() == []
