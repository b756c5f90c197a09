"""The good roads: how a system finds the service, gets a token, and is known by it."""

import json
from pathlib import Path
from time import time
from typing import Any

import httpx
import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.patient import Patient
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from referral_service.auth.tokens import OwnKeys
from referral_service.cli.running import free_port
from tests.auth.forged import Pair
from tests.auth.house import ISSUER, PUBLIC, TOKEN_URL, House, access_file, bearer, claims_of, house, outside
from tests.kit.server import running

OAUTH = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


@pytest.mark.parametrize("client", ["north", "elliptic"])
def test_a_registered_client_comes_in(home: House, client: str) -> None:
    answer = home.ask(home.assertion(client), "system/Patient.read system/Condition.cru")

    given = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert (given["token_type"], given["expires_in"]) == ("bearer", 300)
    assert given["scope"] == "system/Patient.read system/Condition.cru"
    assert home.http.get("/Patient/secret", headers=bearer(given["access_token"])).status_code == 200


def test_a_token_says_what_rfc_9068_has_it_say_under_a_key_that_is_published(home: House) -> None:
    keys = httpx.get(f"{home.server.address}/.well-known/jwks.json").json()
    token = jwt.decode(home.token("reader", "system/*.cruds"), ECKey.import_key(keys["keys"][0]))

    assert not any("d" in key for key in keys["keys"])
    assert token.header["typ"] == "at+jwt" and token.header["kid"] == keys["keys"][0]["kid"]
    assert (token.claims["iss"], token.claims["aud"]) == (PUBLIC, f"{PUBLIC}/fhir")
    assert token.claims["sub"] == token.claims["client_id"] == "reader"
    assert token.claims["exp"] - token.claims["iat"] == 300
    assert token.claims["scope"] == "system/Condition.rs", "no more than the client may have"


@pytest.mark.parametrize("place", ["", "/fhir"])
def test_a_client_finds_the_way(home: House, place: str) -> None:
    answer = httpx.get(
        f"{home.server.address}{place}/.well-known/smart-configuration", headers={"Accept": "text/html"}
    )

    found = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert found["token_endpoint"] == TOKEN_URL
    assert found["jwks_uri"] == f"{PUBLIC}/.well-known/jwks.json"
    assert found["grant_types_supported"] == ["client_credentials"]
    assert found["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert set(found["token_endpoint_auth_signing_alg_values_supported"]) == {"RS384", "ES384"}
    assert "client-confidential-asymmetric" in found["capabilities"]
    assert home.ask(home.assertion("north"), " ".join(found["scopes_supported"])).status_code == 200


def test_the_statement_says_so_too(home: House) -> None:
    statement = home.http.get("/metadata").json()
    security = statement["rest"][0]["security"]

    assert statement["implementation"]["url"] == f"{PUBLIC}/fhir"
    assert security["cors"] is False
    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    assert security["extension"] == [{"url": OAUTH, "extension": [{"url": "token", "valueUri": TOKEN_URL}]}]


def test_links_have_the_address_under_which_clients_know_the_service(home: House) -> None:
    found = home.http.get("/Patient", headers=home.as_client("north")).json()

    assert found["link"][0]["url"] == f"{PUBLIC}/fhir/Patient"
    assert found["entry"][0]["fullUrl"].startswith(f"{PUBLIC}/fhir/Patient/")


@pytest.mark.parametrize(
    "path", ["/fhir/Patient/secret", "/fhir/metadata", "/auth/token", "/nowhere", "/worklist"]
)
def test_every_answer_is_guarded(home: House, path: str) -> None:
    headers = {**home.as_client("north"), "Origin": "https://evil.example"}
    for method in ("GET", "OPTIONS"):
        answer = httpx.request(method, f"{home.server.address}{path}", headers=headers)
        said = answer.headers

        assert said["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in said["content-security-policy"]
        assert "includeSubDomains" in said["strict-transport-security"]
        assert said["cache-control"] == "no-store"
        assert not any(name.startswith("access-control") for name in said)


def test_what_is_not_stored_can_still_be_asked_about_by_its_etag(home: House) -> None:
    headers = home.as_client("north")
    etag = home.http.get("/Patient/secret", headers=headers).headers["etag"]

    again = home.http.get("/Patient/secret", headers={**headers, "If-None-Match": etag})

    assert (again.status_code, again.headers["etag"], again.headers["cache-control"]) == (
        304,
        etag,
        "no-store",
    )


def test_operators_numbers_are_for_this_machine_and_for_operators(home: House) -> None:
    metrics, far = f"{home.server.address}/metrics", {"Forwarded": "for=192.0.2.7"}

    assert httpx.get(metrics).status_code == 200
    assert httpx.get(metrics, headers=far).status_code == 401
    assert httpx.get(metrics, headers={**far, **home.as_client("north")}).status_code == 403
    operator = home.as_client("operator", "operator")
    assert httpx.get(metrics, headers={**far, **operator}).status_code == 200
    assert home.http.get("/Patient/secret", headers=operator).status_code == 403


def test_the_hospital_changes_its_key_and_nobody_starts_anything_again(tmp_path: Path) -> None:
    old, new = Pair("2026-05", "RS256"), Pair("2026-06", "ES256")
    keys = tmp_path / "hospital.jwks.json"
    keys.write_text(json.dumps(old.jwks))
    issuer = {"issuer": ISSUER, "jwks_file": keys.name, "token_url": "https://login.example/token"}
    access = access_file(tmp_path, {"issuers": {"hospital": issuer}})

    with running(tmp_path / "data", auth="smart", public_url=PUBLIC, access=access) as served:

        def is_known(pair: Pair) -> bool:
            token = pair.token(outside(), typ="at+jwt")
            return served.http.get("/Patient", headers=bearer(token)).status_code == 200

        assert (is_known(old), is_known(new)) == (True, False)
        keys.write_text(json.dumps({"keys": [old.jwk, new.jwk]}))
        assert (is_known(old), is_known(new)) == (True, True)
        keys.write_text(json.dumps(new.jwks))
        assert (is_known(old), is_known(new)) == (False, True)


def test_without_the_hospitals_keys_its_tokens_wait(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        home.jwks.status = 503
        answer = home.http.get("/Patient", headers=home.as_hospital())

        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert home.http.get("/Patient", headers=home.as_client("north")).status_code == 200


def test_our_own_key_is_changed_and_both_are_good_meanwhile(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        path = home.server.service.settings.token_key
        old = json.loads(path.read_bytes())["keys"]
        before = home.token("north")
        new = ECKey.generate_key("P-384", auto_kid=True).as_dict(private=True)
        path.write_text(json.dumps({"keys": [new, *old]}))

        after = home.ask(home.assertion("north")).json()["access_token"]

        assert jwt.decode(after, ECKey.import_key(new), algorithms=["ES384"]).header["kid"] == new["kid"]
        for token in (before, after):
            assert home.http.get("/Patient", headers=bearer(token)).status_code == 200
        assert path.stat().st_mode & 0o077 == 0
        path.write_text("half of a fi")
        assert home.ask(home.assertion("north")).status_code == 200, "what was read before"


def test_a_client_that_is_taken_away_is_out_at_once(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        token = home.token("north")
    pair = Pair("other")
    access = access_file(tmp_path, {"clients": {"other": {"jwks": pair.jwks, "scopes": "system/*.rs"}}})

    with running(tmp_path / "data", auth="smart", public_url=PUBLIC, access=access) as served:
        answer = served.http.get("/Patient", headers=bearer(token))

    assert answer.status_code == 401
    assert "no longer registered" in answer.json()["issue"][0]["diagnostics"]


def test_a_client_that_may_do_less_now_can_do_less_at_once(home: House) -> None:
    keys = OwnKeys(home.server.service.settings.token_key)
    told = {"iss": PUBLIC, "aud": f"{PUBLIC}/fhir", "client_id": "reader", "exp": time() + 60}
    headers = bearer(keys.sign({**told, "scope": "system/*.cruds"}))

    assert home.http.get("/Condition", headers=headers).status_code == 200
    assert home.http.get("/Patient/secret", headers=headers).status_code == 403


def test_where_only_the_hospital_gives_tokens_clients_are_led_there(tmp_path: Path) -> None:
    issuer = {"issuer": "https://a.example", "jwks": Pair("a").jwks, "token_url": "https://a.example/token"}
    access = access_file(tmp_path, {"issuers": {"a": issuer}})

    with running(tmp_path / "data", auth="smart", public_url=PUBLIC, access=access) as served:
        found = served.http.get("/.well-known/smart-configuration").json()
        statement = served.http.get("/metadata").json()

    assert found["token_endpoint"] == "https://a.example/token"
    assert "jwks_uri" not in found
    assert "https://a.example/token" in str(statement["rest"][0]["security"])


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_a_client_that_others_wrote_comes_in(tmp_path: Path, algorithm: str) -> None:
    """fhirclient finds the token's address in the CapabilityStatement; joserfc signs."""
    port = free_port("127.0.0.1")
    address = f"http://127.0.0.1:{port}"
    key: Any = (
        RSAKey.generate_key(2048, auto_kid=True)
        if algorithm == "RS384"
        else ECKey.generate_key("P-384", auto_kid=True)
    )
    registered = {"jwks": {"keys": [key.as_dict(private=False)]}, "scopes": "system/*.cruds"}
    access = access_file(tmp_path, {"clients": {"ehr": registered}})
    with running(tmp_path / "data", auth="smart", public_url=address, access=access, port=port) as served:
        claims = claims_of("ehr", aud=f"{address}/auth/token")
        assertion = jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, algorithms=[algorithm])
        settings = {"app_id": "ehr", "api_base": f"{served.address}/fhir", "jwt_token": assertion}
        smart = FHIRClient(settings={**settings, "scope": "system/Patient.cruds"})
        smart.wants_patient = False
        smart.prepare()
        smart.authorize()
        made = Patient({"identifier": [{"system": "urn:test", "value": "F1"}]}).create(smart.server)

        found = Patient.where({"identifier": "urn:test|F1"}).perform_resources_iter(smart.server)
        assert [one.id for one in found] == [made["id"]]
        assert served.http.get(f"/Patient/{made['id']}").status_code == 401
