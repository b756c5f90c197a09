"""Only clients that are known come in, each token once; whoever forges one stays out and leaves no trace."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import time
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey

from referral_service.sources import SourcesError
from tests.cds_hooks.broken import SECRET, VIEW
from tests.cds_hooks.client import Client
from tests.cds_hooks.signing import ISSUER, Web, bearing, new_key, public, serving, sources, token
from tests.kit.server import Running, running

Json = dict[str, Any]
EC, RSA, OTHER = new_key("ES384", "ec"), new_key("RS384", "rsa"), new_key("ES384", "ec")
SMALL, SHORT = new_key("ES256", "es256"), new_key("RS256", "rs256")
PATH = "/patient-view"
SECOND = "https://second.example/cds"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with two clients; keys in files."""
    folder = tmp_path_factory.mktemp("guarded")
    first = {"issuer": ISSUER, "keys": [EC, RSA, SMALL, SHORT], "tenant": "clinic-1"}
    file = sources(folder, first, {"issuer": SECOND, "keys": [OTHER]})
    with running(folder / "data", sources=file) as served:
        yield served


def refused(server: Running, text: str, *, path: str = PATH) -> httpx.Response:
    """The answer to a token that is not taken, after which nothing is stored."""
    before = server.dump()
    answer = bearing(server, text).post(path.lstrip("/"), VIEW)
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["issue"][0]["code"] == "security"
    assert text not in answer.text and SECRET not in answer.text
    assert server.dump() == before
    return answer


@pytest.mark.parametrize("key", [EC, RSA, SMALL, SHORT], ids=lambda key: key.get("alg"))
def test_a_token_of_each_algorithm_is_taken(guarded: Running, key: Any) -> None:
    answer = bearing(guarded, token(guarded, PATH, key)).post("patient-view", VIEW)

    assert answer.status_code == 412, answer.text  # understood; only the chart is missing


def test_discovery_is_for_clients_too(guarded: Running) -> None:
    assert httpx.get(f"{guarded.address}/cds-services").status_code == 401
    assert Client(guarded, {"Authorization": f"Bearer {token(guarded, '', EC)}"}).templates()


@pytest.mark.parametrize("path", ["/patient-view/feedback", "/patient-view"])
def test_feedback_takes_a_token_for_itself_or_for_its_service(guarded: Running, path: str) -> None:
    given = {"card": str(uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-01-02T03:04:05Z"}
    sent = bearing(guarded, token(guarded, path, EC)).post("patient-view/feedback", {"feedback": [given]})

    assert sent.status_code == 200
    (row,) = (one for one in guarded.dump()["feedback"] if given["card"] in one)
    assert row[0] == "clinic-1"


def test_a_token_counts_once(guarded: Running) -> None:
    text = token(guarded, PATH, EC)
    assert bearing(guarded, text).post("patient-view", VIEW).status_code == 412

    assert "used before" in refused(guarded, text).text


def test_of_twenty_who_send_one_token_at_once_one_comes_in(guarded: Running) -> None:
    client = bearing(guarded, token(guarded, PATH, EC))
    with ThreadPoolExecutor(20) as threads:
        statuses = list(threads.map(lambda _: client.post("patient-view", VIEW).status_code, range(20)))

    assert sorted(statuses) == [401] * 19 + [412]


def test_an_id_is_its_issuer_s_own(guarded: Running) -> None:
    theirs = token(guarded, PATH, EC, jti="same")
    others = token(guarded, PATH, OTHER, iss=SECOND, jti="same")

    assert [bearing(guarded, it).post("patient-view", VIEW).status_code for it in (theirs, others)] == [
        412
    ] * 2


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _unsigned(server: Running, key: Any) -> str:
    _, claims, _ = token(server, PATH, key).split(".")
    return f"{_segment({'alg': 'none', 'typ': 'JWT', 'kid': 'ec'})}.{claims}."


def _secretly_signed(server: Running, key: Any) -> str:
    """Signed with HMAC, the public key as the secret that it is not."""
    _, claims, _ = token(server, PATH, key).split(".")
    head = _segment({"alg": "HS256", "typ": "JWT", "kid": "ec"})
    secret = key.as_pem(private=False)
    mark = hmac.new(secret, f"{head}.{claims}".encode(), hashlib.sha256).digest()
    return f"{head}.{claims}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def _altered(server: Running, key: Any) -> str:
    head, _, mark = token(server, PATH, key).split(".")
    _, claims, _ = token(server, PATH, key, jti=SECRET).split(".")
    return f"{head}.{claims}.{mark}"


def _own_key(server: Running, key: Any) -> str:
    return token(server, PATH, OTHER, {"jwk": OTHER.as_dict(private=False)})


FORGED: dict[str, Callable[[Running, Any], str]] = {
    "no signature": _unsigned,
    "a shared secret": _secretly_signed,
    "other claims": _altered,
    "a key of its own": _own_key,
    "somebody else's key under the same kid": lambda server, _: token(server, PATH, OTHER),
    "the key of another client": lambda server, _: token(server, PATH, OTHER, iss=SECOND, aud=None),
    "a signature cut short": lambda server, key: token(server, PATH, key)[:-6],
    "words": lambda *_: SECRET,
    "two parts": lambda *_: f"{_segment({'alg': 'ES384'})}.{_segment({})}",
    "a header that is no object": lambda *_: f"{_segment([SECRET])}.{_segment({})}.AAAA",
    "claims that are no object": lambda *_: f"{_segment({'alg': 'ES384'})}.{_segment(SECRET)}.AAAA",
    "very long": lambda server, key: token(server, PATH, key, pad="x" * 10_000),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused(guarded: Running, forge: Callable[[Running, Any], str]) -> None:
    refused(guarded, forge(guarded, EC))


class At(NamedTuple):
    """So many seconds from now."""

    seconds: int


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"typ": None}, {}),
        ({"typ": "at+jwt"}, {}),
        ({"kid": None}, {}),
        ({"kid": SECRET}, {}),
        ({"jku": f"https://{SECRET}.example/keys"}, {}),
        ({"crit": ["kid"]}, {}),
        ({}, {"iss": None}),
        ({}, {"iss": f"https://{SECRET}.example"}),
        ({}, {"iss": [ISSUER]}),
        ({}, {"aud": None}),
        ({}, {"aud": "https://cds.example/cds-services/patient-view"}),
        ({}, {"aud": [7]}),
        ({}, {"aud": {"a": SECRET}}),
        ({}, {"exp": None}),
        ({}, {"exp": At(-100)}),
        ({}, {"exp": "1800000000"}),
        ({}, {"exp": True}),
        ({}, {"iat": None}),
        ({}, {"iat": At(-400), "exp": At(4000)}),
        ({}, {"iat": At(400), "exp": At(500)}),
        ({}, {"nbf": At(400)}),
        ({}, {"jti": None}),
        ({}, {"jti": ""}),
        ({}, {"jti": 7}),
        ({}, {"jti": "x" * 300}),
    ],
    ids=repr,
)
def test_a_token_that_is_truly_signed_but_not_as_it_must_be_is_refused(
    guarded: Running, header: Json, claims: Json
) -> None:
    now = int(time())
    said = {name: now + it.seconds if isinstance(it, At) else it for name, it in claims.items()}
    refused(guarded, token(guarded, PATH, EC, header, **said))


def test_a_token_for_one_service_is_not_for_another(guarded: Running) -> None:
    refused(guarded, token(guarded, "/order-sign", EC))
    refused(guarded, token(guarded, "/patient-view/feedback", EC))
    refused(guarded, token(guarded, "", EC))


def test_clocks_may_differ_by_a_minute(guarded: Running) -> None:
    now = int(time())
    for iat, exp in ((now + 50, now + 300), (now - 340, now + 300), (now - 100, now - 50)):
        text = token(guarded, PATH, EC, iat=iat, exp=exp)
        assert bearing(guarded, text).post("patient-view", VIEW).status_code == 412


@pytest.mark.parametrize(
    "headers", [[], [("Authorization", "Basic eDp5")], [("Authorization", "Bearer")]], ids=repr
)
def test_without_a_token_nobody_comes_in(guarded: Running, headers: list[tuple[str, str]]) -> None:
    answer = httpx.post(f"{guarded.address}/cds-services/patient-view", json=VIEW, headers=headers)

    assert answer.status_code == 401


def test_two_tokens_at_once_are_none(guarded: Running) -> None:
    headers = [("Authorization", f"Bearer {token(guarded, PATH, EC)}") for _ in range(2)]

    answer = httpx.post(f"{guarded.address}/cds-services/patient-view", json=VIEW, headers=headers)
    assert answer.status_code == 401


def test_keys_are_looked_up_at_their_address_and_again_for_a_new_one(tmp_path: Path) -> None:
    with serving(Web(answer=json.dumps(public(EC)).encode())) as web:
        file = sources(tmp_path, {"issuer": ISSUER, "jwks_url": web.address})
        with running(tmp_path / "data", sources=file) as served:

            def status(key: ECKey | RSAKey, **header: str) -> int:
                return (
                    bearing(served, token(served, PATH, key, header)).post("patient-view", VIEW).status_code
                )

            assert web.asked == 0
            assert [status(EC), status(EC, jku=web.address), web.asked] == [412, 412, 1]
            web.answer = json.dumps(public(EC, RSA)).encode()
            # somebody who makes up kids makes us ask once a minute, not more
            assert [status(new_key(kid=f"made-up-{n}")) for n in range(5)] == [401] * 5
            assert web.asked <= 2
            assert status(EC) == 412


@pytest.mark.parametrize(
    ("status", "answer", "headers"),
    [
        (500, b"{}", {}),
        (200, b"<html>", {}),
        (200, b'{"keys": 7}', {}),
        (302, b"", {"Location": "http://127.0.0.1:1/elsewhere"}),
    ],
)
def test_while_keys_cannot_be_had_nobody_comes_in(
    tmp_path: Path, status: int, answer: bytes, headers: dict[str, str]
) -> None:
    with serving(Web(status=status, answer=answer, headers=headers)) as web:
        file = sources(tmp_path, {"issuer": ISSUER, "jwks_url": web.address})
        with running(tmp_path / "data", sources=file) as served:
            said = bearing(served, token(served, PATH, EC)).post("patient-view", VIEW)
            assert said.status_code == 503, said.text
            assert web.asked == 1


@pytest.mark.parametrize(
    ("clients", "says"),
    [
        ([{"issuer": ISSUER}], "say either jwks_url or jwks_file"),
        ([{"issuer": ISSUER, "jwks_url": "http://ehr.example/keys"}], "https"),
        ([{"issuer": ISSUER, "jwks_file": "nowhere.json"}], "nowhere.json"),
        ([{"issuer": ISSUER, "keys": [EC]}, {"issuer": ISSUER, "keys": [RSA]}], "two issuers"),
    ],
)
def test_clients_that_cannot_be_believed_stop_the_start(
    tmp_path: Path, clients: list[Json], says: str
) -> None:
    file = sources(tmp_path, *clients)
    with pytest.raises(SourcesError, match=says), running(tmp_path / "data", sources=file):
        pass
