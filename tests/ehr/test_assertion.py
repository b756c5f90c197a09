"""What is signed to log in, and with which key: both algorithms, verified with the public half."""

from json import dumps
from pathlib import Path
from time import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, RSAKey

from referral_service.core.problem import Category
from tests.ehr.conftest import Client
from tests.ehr.other_side import patient
from tests.ehr.smart_side import WELL_KNOWN, grants, refused, sent, server, takes

RSA, EC = RSAKey.generate_key(2048), ECKey.generate_key("P-384")


def jwk(key: Key, **more: Any) -> bytes:
    return dumps({**key.as_dict(private=True), **more}).encode()


@pytest.mark.parametrize(
    ("content", "key", "algorithm", "kid"),
    [
        (RSA.as_pem(private=True), RSA, "RS384", None),
        (EC.as_pem(private=True), EC, "ES384", None),
        (jwk(RSA, kid="rsa-7", alg="RS384", use="sig"), RSA, "RS384", "rsa-7"),
        (jwk(EC, kid="ec-7", key_ops=["sign"], ext=True), EC, "ES384", "ec-7"),
        (b"\n " + jwk(EC), EC, "ES384", None),
    ],
    ids=["RSA in PEM", "EC in PEM", "RSA as JWK", "EC as JWK", "no kid"],
)
def test_the_assertion_holds_under_the_public_key(
    client: Client, tmp_path: Path, content: bytes, key: Key, algorithm: str, kid: str | None
) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with server(grants(), takes("token-1")) as side:
        assert client(side.fhir, client_id="us", key_file=file).read("Patient/1") == patient("1")
        assert side.paths == [WELL_KNOWN, "/token", "/fhir/Patient/1"]
        (form,) = sent(side)
        assert form["grant_type"] == ["client_credentials"]
        assert form["scope"] == ["system/*.rs"]
        assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
        public = type(key).import_key(key.as_dict(private=False))
        read = jwt.decode(form["client_assertion"][0], public, algorithms=[algorithm])
        assert read.header == {"typ": "JWT", "alg": algorithm} | ({"kid": kid} if kid else {})
        assert (read.claims["iss"], read.claims["sub"]) == ("us", "us")
        assert read.claims["aud"] == f"{side.address}/token"
        assert time() < read.claims["exp"] <= time() + 300
        assert read.claims["jti"]


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"secret",
        b"{}",
        b"{secret",
        b'{"kty": "RSA"}',
        RSA.as_pem(private=False),
        dumps(EC.as_dict(private=False)).encode(),
        jwk(RSA, alg="RS256"),
        jwk(EC, use="enc"),
        ECKey.generate_key("P-256").as_pem(private=True),
        RSA.as_pem(private=True, password="secret"),
        dumps(OctKey.generate_key(256).as_dict(private=True)).encode(),
    ],
    ids=[
        *("no file", "empty", "word", "no JWK", "half a JWK", "half a key", "public PEM", "public JWK"),
        *("another algorithm", "not to sign with", "another curve", "with a password", "shared secret"),
    ],
)
def test_without_a_key_that_smart_signs_with_nothing_is_sent(
    client: Client, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "key-of-secret"
    if content is not None:
        file.write_bytes(content)
    with server(grants()) as side:
        told = refused(client(side.fhir, client_id="us", key_file=file), Category.FORBIDDEN)
        refused(client(side.fhir, client_id="us"), Category.FORBIDDEN)
        assert "secret" not in told
        assert set(side.paths) == {WELL_KNOWN}


def test_a_key_that_was_replaced_is_used(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(RSA.as_pem(private=True))
    with server(grants(expires_in=0)) as side:
        ehr = client(side.fhir, client_id="us", key_file=file)
        ehr.read("Patient/1")
        file.write_bytes(EC.as_pem(private=True))
        ehr.read("Patient/1")
        heads = [form["client_assertion"][0].partition(".")[0] for form in sent(side)]
        assert len(set(heads)) == 2
