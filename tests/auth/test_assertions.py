"""No token is given to whoever is not the client, or asks for something else, or a second time."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.auth.assertions import ATTACKS
from tests.auth.attacks import ATTACKS as ON_TOKENS
from tests.auth.house import ASSERTION, TOKEN_URL, House, claims_of


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) + len(ON_TOKENS) >= 80


@pytest.mark.parametrize("wrong", ATTACKS)
def test_an_attack_gets_no_token(home: House, wrong: str) -> None:
    answer = home.ask(ATTACKS[wrong](home))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["cache-control"] == "no-store"
    assert "access_token" not in answer.json()


@pytest.mark.parametrize(
    "changed",
    [{"aud": [TOKEN_URL]}, {"typ": "client-authentication+jwt"}, {"typ": "jwt"}, {"more": "said"}],
    ids=str,
)
def test_what_differs_within_reason_gets_one(home: House, changed: dict[str, str]) -> None:
    header = {name: value for name, value in changed.items() if name == "typ"}
    claims = {name: value for name, value in changed.items() if name != "typ"}
    assert home.ask(home.clients["north"].token(claims_of("north", **claims), **header)).status_code == 200


def test_an_assertion_counts_once_however_many_ask_at_once(home: House) -> None:
    assertion = home.assertion("elliptic")

    with ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(lambda _: home.ask(assertion), range(100)))

    given = [answer for answer in answers if answer.status_code == 200]
    assert len(given) == 1
    assert {answer.json()["error"] for answer in answers if answer not in given} == {"invalid_client"}


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        (
            {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
            "invalid_client",
        ),
        ({"client_secret": "guess"}, "invalid_client"),
        ({"client_id": "south"}, "invalid_client"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "system/Condition.sr"}, "invalid_scope"),
        ({"scope": "system/Condition.rs?code=x"}, "invalid_scope"),
        ({"scope": "patient/*.read"}, "invalid_scope"),
        ({"scope": "user/*.cruds"}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"scope": "system/Unicorn.r"}, "invalid_scope"),
        ({"scope": "operator"}, "invalid_scope"),
    ],
)
def test_another_request_is_refused_by_its_name(home: House, form: dict[str, str], error: str) -> None:
    answer = home.ask(home.assertion("north"), **{"scope": "system/*.rs", **form})

    assert (answer.status_code, answer.json()["error"]) == (401 if error == "invalid_client" else 400, error)


def test_a_parameter_stands_once(home: House) -> None:
    body = f"grant_type=client_credentials&scope=a&scope=b&client_assertion_type={ASSERTION}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = home.http.post(f"{home.server.address}/auth/token", content=body, headers=headers)

    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("body", "headers", "error"),
    [
        (b"{}", {"Content-Type": "application/json"}, "invalid_request"),
        (b"", {}, "invalid_request"),
        (b"\xff=1", {"Content-Type": "application/x-www-form-urlencoded"}, "invalid_request"),
        (b"a=" + b"x" * 40000, {"Content-Type": "application/x-www-form-urlencoded"}, "invalid_request"),
        (b"&".join([b"a=1"] * 100), {"Content-Type": "application/x-www-form-urlencoded"}, "invalid_request"),
        (
            b"grant_type=client_credentials",
            {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic bm9ydGg6eA=="},
            "invalid_client",
        ),
    ],
)
def test_what_is_no_form_of_a_client_is_refused(
    home: House, body: bytes, headers: dict[str, str], error: str
) -> None:
    answer = home.http.post(f"{home.server.address}/auth/token", content=body, headers=headers)

    assert answer.json()["error"] == error


def test_tokens_are_asked_for_by_post(home: House) -> None:
    assert home.http.get(f"{home.server.address}/auth/token").status_code == 405
