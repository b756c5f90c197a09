"""SMART Backend Services: who proves who they are gets a token, once a proof; nobody else does."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from referral_service.fake_ehr.server import FakeEhr, Manners
from tests.fake_ehr.served import Served, served

RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-384", {"kid": "ec"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
PUBLIC = {"keys": [RSA.as_dict(private=False), EC.as_dict(private=False)]}
BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_numbers = count()


class Watch:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


@pytest.fixture(scope="module")
def watch() -> Watch:
    """The EHR's clock."""
    return Watch()


@pytest.fixture(scope="module")
def ehr(watch: Watch) -> Iterator[Served]:
    """An EHR that knows one client, with two keys."""
    with served(FakeEhr(clients={"us": PUBLIC}, manners=Manners(token_seconds=60), now=watch)) as found:
        yield found


def token_address(ehr: Served) -> str:
    """As the EHR says itself."""
    said = ehr.http.get("/.well-known/smart-configuration").json()
    assert "private_key_jwt" in said["token_endpoint_auth_methods_supported"]
    assert {"RS384", "ES384"} == set(said["token_endpoint_auth_signing_alg_values_supported"])
    found: str = said["token_endpoint"]
    return found


def proof(ehr: Served, watch: Watch, key: Any = RSA, algorithm: str = "RS384", **claims: Any) -> str:
    """A signed assertion; `claims` replace those that are right, None leaves one out."""
    right = {
        "iss": "us",
        "sub": "us",
        "aud": token_address(ehr),
        "exp": watch.seconds + 240,
        "jti": f"proof-{next(_numbers)}",
    }
    said = {name: value for name, value in (right | claims).items() if value is not None}
    return jwt.encode({"alg": algorithm, "kid": key.kid}, said, key, algorithms=[algorithm])


def ask(ehr: Served, assertion: str, **form: str) -> httpx.Response:
    """The token endpoint's answer."""
    right = {
        "grant_type": "client_credentials",
        "client_assertion_type": BEARER,
        "client_assertion": assertion,
        "scope": "system/*.rs",
    }
    return httpx.post(token_address(ehr), data=right | form)


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS384"), (EC, "ES384")])
def test_a_proof_gives_a_token_that_opens_until_it_ends(
    ehr: Served, watch: Watch, key: Any, algorithm: str
) -> None:
    given = ask(ehr, proof(ehr, watch, key, algorithm))

    assert given.status_code == 200
    assert given.headers["Cache-Control"] == "no-store"
    said = given.json()
    assert (said["token_type"], said["expires_in"], said["scope"]) == ("bearer", 60, "system/*.rs")
    bearer = {"Authorization": f"Bearer {said['access_token']}"}
    assert ehr.http.get("/Task", headers=bearer).status_code == 200
    watch.seconds += 60
    assert ehr.http.get("/Task", headers=bearer).status_code == 401


def test_a_token_can_be_forgotten(ehr: Served, watch: Watch) -> None:
    bearer = {"Authorization": f"Bearer {ask(ehr, proof(ehr, watch)).json()['access_token']}"}

    ehr.ehr.login.forget()

    assert ehr.http.get("/Task", headers=bearer).status_code == 401


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer none", "Basic dXM6dXM="])
def test_without_a_token_nothing_is_answered_but_what_it_is(ehr: Served, authorization: str) -> None:
    answer = ehr.http.get("/Task", headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert ehr.http.get("/metadata").status_code == 200


def test_a_proof_counts_once(ehr: Served, watch: Watch) -> None:
    assertion = proof(ehr, watch)

    assert [ask(ehr, assertion).status_code for _ in range(3)] == [200, 401, 401]


WRONG: dict[str, Callable[[Served, Watch], str]] = {
    "somebody-elses-key": lambda ehr, watch: proof(ehr, watch, STRANGER),
    "other-algorithm": lambda ehr, watch: proof(ehr, watch, RSA, "RS256"),
    "shared-secret": lambda ehr, watch: proof(ehr, watch, OctKey.generate_key(256, {"kid": "rsa"}), "HS256"),
    "unknown-client": lambda ehr, watch: proof(ehr, watch, iss="them", sub="them"),
    "on-behalf-of-another": lambda ehr, watch: proof(ehr, watch, sub="them"),
    "other-audience": lambda ehr, watch: proof(ehr, watch, aud="https://elsewhere.example/token"),
    "expired": lambda ehr, watch: proof(ehr, watch, exp=watch.seconds),
    "too-long": lambda ehr, watch: proof(ehr, watch, exp=watch.seconds + 301),
    "no-end": lambda ehr, watch: proof(ehr, watch, exp=None),
    "no-name": lambda ehr, watch: proof(ehr, watch, jti=None),
    "no-issuer": lambda ehr, watch: proof(ehr, watch, iss=None),
    "cut-off": lambda ehr, watch: proof(ehr, watch)[:-9],
    "no-token": lambda ehr, watch: "a.b.c",
    "empty": lambda ehr, watch: "",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_proof_gives_no_token(ehr: Served, watch: Watch, wrong: str) -> None:
    refused = ask(ehr, WRONG[wrong](ehr, watch))

    assert (refused.status_code, refused.json()) == (401, {"error": "invalid_client"})


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion_type": "other"}, "invalid_request"),
    ],
)
def test_another_kind_of_request_gives_no_token(
    ehr: Served, watch: Watch, form: dict[str, str], error: str
) -> None:
    refused = ask(ehr, proof(ehr, watch), **form)

    assert (refused.status_code, refused.json()) == (400, {"error": error})
