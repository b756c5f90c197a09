"""Access tokens that must not be taken, each by what is wrong with it. Unharmed they would be.

`BASE` is a token of the customer's server, `typ` at+jwt; an attack makes the text of another.
"""

import json
from collections.abc import Callable
from time import time
from typing import Any

from tests.auth.forged import Pair, assembled, dumped, hashed, packed
from tests.auth.house import AUDIENCE, ISSUER, PUBLIC, TOKEN_URL, House, claims_of, outside

Attack = Callable[[House], str]
STRANGER, ELLIPTIC = Pair("hospital-1", "RS256"), Pair("hospital-1", "ES256")
# Published by the hospital by mistake: too short, for encryption, and a shared secret.
WEAK, FOR_SECRETS = Pair("weak", "RS256", bits=1024), Pair("for-secrets", "RS256")
SHARED = b"0123456789abcdef0123456789abcdef"
BLUNDERS = [WEAK.jwk, {**FOR_SECRETS.jwk, "use": "enc"}, {"kty": "oct", "kid": "shared", "k": packed(SHARED)}]
CANARY = "http://127.0.0.1:9/keys"


def header(**changed: Any) -> dict[str, Any]:
    """Of the good token, with changes."""
    said = {"alg": "RS256", "kid": "hospital-1", "typ": "at+jwt", **changed}
    return {name: value for name, value in said.items() if value is not None}


def saying(**claims: Any) -> Attack:
    """Truly signed, but says this."""
    return lambda home: home.hospital.token(outside(**claims), typ="at+jwt")


def headed(**changed: Any) -> Attack:
    """Truly signed, under another header."""
    return lambda home: home.hospital.token(outside(), **{"typ": "at+jwt", **changed})


def raw(claims: bytes, head: bytes = b"") -> Attack:
    """Truly signed, of these very bytes."""
    return lambda home: assembled(head or dumped(header()), claims, lambda it: home.hospital.sign(it))


def unsigned(algorithm: str, signature: bytes = b"x") -> Attack:
    """Signed by nobody."""
    return lambda home: assembled(dumped(header(alg=algorithm)), dumped(outside()), lambda it: signature)


def confused(algorithm: str, secret: Callable[[House], bytes], **changed: Any) -> Attack:
    """The public key as if it were a shared secret."""
    head = dumped(header(alg=algorithm, **changed))
    return lambda home: assembled(head, dumped(outside()), hashed(secret(home), algorithm[2:]))


def by(pair: Pair, **changed: Any) -> Attack:
    """Signed with another's key."""
    return lambda home: pair.token(outside(), **{"typ": "at+jwt", "kid": "hospital-1", **changed})


def text(change: Callable[[str], str]) -> Attack:
    """The good token's text, changed."""
    return lambda home: change(home.hospital.token(outside(), typ="at+jwt"))


def twice(name: str, value: str) -> bytes:
    """The good claims, with one of them a second time."""
    return dumped(outside())[:-1] + f', "{name}": {value}}}'.encode()


def nested(depth: int) -> bytes:
    """The good claims with something deep."""
    return dumped(outside())[:-1] + b', "x": ' + b"[" * depth + b"]" * depth + b"}"


def flattened(home: House) -> str:
    """JWS as JSON."""
    head, claims, signature = home.hospital.token(outside(), typ="at+jwt").split(".")
    return json.dumps({"protected": head, "payload": claims, "signature": signature})


ATTACKS: dict[str, Attack] = {
    **{
        f"alg {name}": unsigned(name)
        for name in ("none", "None", "NONE", "nOnE", "", "RS1", "HS256", "ES256K")
    },
    "alg none, unsigned": text(lambda it: f"{packed(dumped(header(alg='none')))}.{it.split('.')[1]}."),
    "alg none, with the old signature": text(
        lambda it: ".".join([packed(dumped(header(alg="none"))), *it.split(".")[1:]])
    ),
    "no alg": headed(alg=None),
    "alg as a list": headed(alg=["RS256"]),
    "HS256 with the public key": confused("HS256", lambda home: home.hospital.pem),
    "HS384 with the public key": confused("HS384", lambda home: home.hospital.pem),
    "HS512 with the JWK": confused("HS512", lambda home: dumped(home.hospital.jwk)),
    "HS256 with the modulus": confused("HS256", lambda home: home.hospital.jwk["n"].encode()),
    "HS256 with nothing": confused("HS256", lambda home: b""),
    "HS256 with a published secret": confused("HS256", lambda home: SHARED, kid="shared"),
    "RS256 of an ES key's place": by(ELLIPTIC, alg="RS256"),
    "ES256 of an RSA key's place": by(ELLIPTIC),
    "a stranger's key": by(STRANGER),
    "a stranger's key without a kid": by(STRANGER, kid=None),
    "a key too short": by(WEAK, kid="weak"),
    "a key for something else": by(FOR_SECRETS, kid="for-secrets"),
    "a client's own key": lambda home: home.clients["north"].token(outside(), "RS256", typ="at+jwt"),
    "a client's key as ours": lambda home: home.clients["north"].token(
        outside(iss=PUBLIC, client_id="north"), typ="at+jwt"
    ),
    "the hospital's key as ours": saying(iss=PUBLIC, client_id="north"),
    **{
        f"kid {kid!r:.30}": by(STRANGER, kid=kid)
        for kid in (
            "../../../../dev/null",
            "/etc/passwd",
            "' OR '1'='1",
            "x'; DROP TABLE once; --",
            CANARY,
            "\x00",
            "*",
            "",
            7,
            ["hospital-1"],
            {"hospital-1": 1},
            "k" * 5000,
        )
    },
    "jku": by(STRANGER, jku=CANARY),
    "jku, truly signed": headed(jku=CANARY),
    "jku of the issuer": lambda home: STRANGER.token(outside(), typ="at+jwt", jku=home.jwks.url),
    "x5u": by(STRANGER, x5u=CANARY),
    "x5c": by(STRANGER, x5c=[packed(b"certificate")]),
    "jwk": by(STRANGER, jwk=STRANGER.jwk),
    "jwk without a kid": by(STRANGER, jwk=STRANGER.jwk, kid=None),
    "jwk, truly signed": headed(jwk=STRANGER.jwk),
    "crit": headed(crit=["exp"], exp=1),
    "b64": headed(b64=False, crit=["b64"]),
    "zip": headed(zip="DEF"),
    "nested": headed(cty="JWT"),
    "typ JWT": headed(typ="JWT"),
    "no typ": headed(typ=None),
    "typ of an ID token's end": headed(typ="logout+jwt"),
    "typ of a proof": headed(typ="dpop+jwt"),
    "typ as a list": headed(typ=["at+jwt"]),
    "typ with a space": headed(typ="at+jwt "),
    "no aud": saying(aud=None),
    "aud of another": saying(aud="https://other.example/fhir"),
    "aud that begins alike": saying(aud=f"{AUDIENCE}.evil.example"),
    "aud with a slash": saying(aud=f"{AUDIENCE}/"),
    "aud in capitals": saying(aud=AUDIENCE.upper()),
    "aud of the token endpoint": saying(aud=TOKEN_URL),
    "aud list of others": saying(aud=["account", "https://other.example/fhir"]),
    "aud list of nobody": saying(aud=[]),
    "aud list of lists": saying(aud=[[AUDIENCE]]),
    "aud list with an object": saying(aud=[AUDIENCE, {}]),
    "aud as an object": saying(aud={AUDIENCE: True}),
    "no iss": saying(iss=None),
    "iss of another": saying(iss="https://evil.example"),
    "iss list": saying(iss=[ISSUER]),
    "iss with a slash": saying(iss=f"{ISSUER}/"),
    "expired": saying(exp=time() - 30),
    "expired long ago": saying(exp=0),
    "expires never": saying(exp=None),
    "exp as a text": saying(exp=str(int(time()) + 600)),
    "exp as truth": saying(exp=True),
    "exp as a list": saying(exp=[time() + 600]),
    "exp NaN": saying(exp=float("nan")),
    "exp infinite": saying(exp=float("inf")),
    "exp beyond numbers": raw(dumped(outside(exp=None))[:-1] + b', "exp": 1e999}'),
    "nbf to come": saying(nbf=time() + 86400),
    "nbf as a text": saying(nbf="0"),
    "iat to come": saying(iat=time() + 86400),
    "bound to a key": saying(cnf={"jkt": "x"}),
    "scopes as an object": saying(scope={"system/*.cruds": True}),
    "no client": saying(client_id=None, sub=None),
    "client as a list": saying(client_id=["ehr"]),
    "iss twice": raw(twice("iss", f'"{ISSUER}"')),
    "exp twice": raw(twice("exp", "99999999999")),
    "scope twice": raw(twice("scope", '"system/*.cruds"')),
    "alg twice": raw(dumped(outside()), dumped(header(alg="none"))[:-1] + b', "alg": "RS256"}'),
    "claims as a list": raw(b"[1]"),
    "claims as a text": raw(b'"text"'),
    "claims that are no JSON": raw(b"{'iss': 1}"),
    "claims that are no UTF-8": raw(b'{"iss": "\xff"}'),
    "claims of great depth": raw(nested(1500)),
    "number of great length": raw(dumped(outside())[:-1] + b', "x": ' + b"9" * 5000 + b"}"),
    "too large": saying(more="x" * 9000),
    "header too large": headed(more="x" * 9000),
    "a claim changed": text(
        lambda it: ".".join([it.split(".")[0], packed(dumped(outside())), it.split(".")[2]])
    ),
    "signature cut": text(lambda it: it[:-8]),
    "signature of nothing": text(lambda it: it.rpartition(".")[0] + "."),
    "signature of zeros": lambda home: assembled(
        dumped(header(alg="ES256")), dumped(outside()), lambda it: bytes(64)
    ),
    "padded": text(lambda it: it + "="),
    "two parts": text(lambda it: it.rpartition(".")[0]),
    "four parts": text(lambda it: it + ".e30"),
    "encrypted": text(lambda it: it + ".e30.e30"),
    "as JSON": flattened,
    "no token": lambda home: "secret",
    "a client's assertion": lambda home: home.assertion("north"),
    "an assertion for this address": lambda home: home.clients["north"].token(
        claims_of("north", aud=AUDIENCE), typ="at+jwt"
    ),
}
