"""No token is taken that should not be, and nothing of anybody is said to whoever sends one."""

from collections.abc import Iterator
from time import time

import pytest

from tests.auth.attacks import ATTACKS, BLUNDERS
from tests.auth.conftest import SECRET
from tests.auth.house import House, bearer, house, outside


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Whose hospital has published keys that it should not have."""
    with house(tmp_path_factory.mktemp("house")) as found:
        found.jwks.words["keys"] += BLUNDERS
        put = found.http.put("/Patient/secret", json=SECRET, headers=found.as_client("north"))
        assert put.status_code == 201, put.text
        yield found


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+JWT"])
def test_the_good_token_is_taken(home: House, typ: str) -> None:
    token = home.hospital.token(outside(), typ=typ)

    assert home.http.get("/Patient/secret", headers=bearer(token)).json()["id"] == "secret"


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["account", outside()["aud"]]},
        {"exp": -2},
        {"iat": 2, "nbf": 2},
        {"client_id": None, "azp": "ehr"},
        {"scope": None, "scp": ["system/Patient.r"]},
    ],
    ids=["several audiences", "a clock that is late", "a clock that is early", "azp", "scp"],
)
def test_so_is_one_that_differs_within_reason(home: House, changed: dict[str, object]) -> None:
    told = {name: time() + it if isinstance(it, int) else it for name, it in changed.items()}
    token = home.hospital.token(outside(**told), typ="at+jwt")

    assert home.http.get("/Patient/secret", headers=bearer(token)).status_code == 200


@pytest.mark.parametrize("wrong", ATTACKS)
def test_an_attack_is_refused(home: House, wrong: str) -> None:
    answer = home.http.get("/Patient/secret", headers=bearer(ATTACKS[wrong](home)))

    assert answer.status_code == 401
    assert answer.json()["issue"][0]["code"] == "login"
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert "Canary" not in answer.text


@pytest.mark.parametrize("name", ["Patient/secret", "Patient", "Task", "", "nothing/at/all"])
def test_nothing_is_said_without_a_token(home: House, name: str) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = home.http.request(method, f"/{name}")
        assert (answer.status_code, "error=" in answer.headers["www-authenticate"]) == (401, False)


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Basic bm9ydGg6bm9ydGg=")],
        [("Authorization", "Bearer")],
        [("Authorization", "GOOD")],
        [("Authorization", "Token GOOD")],
        [("Authorization", "Bearer GOOD"), ("Authorization", "Bearer GOOD")],
        [("Authorization", "Bearer GOOD, Bearer GOOD")],
        [("X-Authorization", "Bearer GOOD")],
        [("Cookie", "access_token=GOOD")],
    ],
)
def test_a_token_comes_in_one_way_only(home: House, headers: list[tuple[str, str]]) -> None:
    good = home.token("north")
    told = [(name, value.replace("GOOD", good)) for name, value in headers]

    assert home.http.get("/Patient/secret", headers=told).status_code == 401


def test_an_address_is_no_place_for_a_token(home: House) -> None:
    answer = home.http.get("/Patient/secret", params={"access_token": home.token("north")})

    assert answer.status_code == 401


def test_why_is_told_to_those_whose_token_was_truly_signed(home: House) -> None:
    late = home.hospital.token(outside(exp=1), typ="at+jwt")
    forged = ATTACKS["a stranger's key"](home)

    said = [
        home.http.get("/Patient", headers=bearer(it)).json()["issue"][0]["diagnostics"]
        for it in (late, forged)
    ]

    assert "expired" in said[0]
    assert "key" not in said[1]
