"""Assertions of clients that must not be taken, each by what is wrong with it. Unharmed they would be."""

from collections.abc import Callable
from time import time
from typing import Any

from tests.auth.attacks import CANARY
from tests.auth.forged import Pair, assembled, dumped, hashed, packed
from tests.auth.house import AUDIENCE, PUBLIC, TOKEN_URL, House, claims_of, outside

Attack = Callable[[House], str]
STRANGER = Pair("north-1")


def saying(**claims: Any) -> Attack:
    """Truly signed, but says this."""
    return lambda home: home.assertion("north", **claims)


def headed(**changed: Any) -> Attack:
    """Truly signed, under another header."""
    return lambda home: home.clients["north"].token(claims_of("north"), **changed)


def by(**changed: Any) -> Attack:
    """Signed by a stranger."""
    return lambda home: STRANGER.token(claims_of("north"), **changed)


def confused(algorithm: str, secret: Callable[[Pair], bytes]) -> Attack:
    """The client's public key as if it were a shared secret."""
    head = dumped({"alg": algorithm, "kid": "north-1", "typ": "JWT"})
    return lambda home: assembled(
        head, dumped(claims_of("north")), hashed(secret(home.clients["north"]), algorithm[2:])
    )


def elliptic(signature: bytes) -> Attack:
    """An ES384 signature that is none."""
    head = dumped({"alg": "ES384", "kid": "elliptic-1", "typ": "JWT"})
    return lambda home: assembled(head, dumped(claims_of("elliptic")), lambda it: signature)


def twice(name: str, value: str) -> Attack:
    """One of the claims a second time."""
    head = dumped({"alg": "RS384", "kid": "north-1", "typ": "JWT"})
    claims = dumped(claims_of("north"))[:-1] + f', "{name}": {value}}}'.encode()
    return lambda home: assembled(head, claims, lambda it: home.clients["north"].sign(it))


ATTACKS: dict[str, Attack] = {
    "alg none": lambda home: assembled(
        dumped({"alg": "none", "kid": "north-1", "typ": "JWT"}), dumped(claims_of("north")), lambda it: b""
    ),
    "HS256 with the public key": confused("HS256", lambda pair: pair.pem),
    "HS384 with the public key": confused("HS384", lambda pair: pair.pem),
    "HS384 with the JWK": confused("HS384", lambda pair: dumped(pair.jwk)),
    "RS256": headed(algorithm="RS256"),
    "RS512": headed(algorithm="RS512"),
    "PS384": headed(algorithm="PS384"),
    "RS384 that says ES384": headed(alg="ES384"),
    "ES384 of zeros": elliptic(bytes(96)),
    "ES384 of ones": elliptic(bytes(47) + b"\x01" + bytes(47) + b"\x01"),
    "ES384 as DER": lambda home: assembled(
        dumped({"alg": "ES384", "kid": "elliptic-1", "typ": "JWT"}),
        dumped(claims_of("elliptic")),
        lambda it: b"\x30\x64" + home.clients["elliptic"].sign(it),
    ),
    "a stranger's key": by(),
    "another client's key": lambda home: home.clients["elliptic"].token(claims_of("north")),
    "another client's key under this kid": lambda home: home.clients["elliptic"].token(
        claims_of("north"), kid="north-1"
    ),
    "no kid": headed(kid=None),
    "kid unknown": headed(kid="north-2"),
    "kid of a path": by(kid="../north.jwks.json"),
    "kid of SQL": by(kid="' UNION SELECT 1 --"),
    "kid as a number": headed(kid=1),
    "jku elsewhere": by(jku=CANARY),
    "jku elsewhere, truly signed": headed(jku=CANARY),
    "x5u": by(x5u=CANARY),
    "x5c": by(x5c=[packed(b"certificate")]),
    "jwk": by(jwk=STRANGER.jwk),
    "jwk, truly signed": headed(jwk=STRANGER.jwk),
    "crit": headed(crit=["exp"]),
    "no typ": headed(typ=None),
    "typ of an access token": headed(typ="at+jwt"),
    "typ of an ID token": headed(typ="id+jwt"),
    "iss of nobody": saying(iss="nobody", sub="nobody"),
    "iss of another client": saying(iss="south", sub="south"),
    "iss missing": saying(iss=None),
    "iss as a list": saying(iss=["north"]),
    "sub of another client": saying(sub="south"),
    "sub missing": saying(sub=None),
    "aud missing": saying(aud=None),
    "aud of another server": saying(aud="https://login.hospital.example/token"),
    "aud of the FHIR server": saying(aud=AUDIENCE),
    "aud of the host": saying(aud=PUBLIC),
    "aud that begins alike": saying(aud=f"{TOKEN_URL}/other"),
    "aud also for another server": saying(aud=[TOKEN_URL, "https://login.hospital.example/token"]),
    "aud list of nobody": saying(aud=[]),
    "expired": saying(exp=time() - 30),
    "expires never": saying(exp=None),
    "good for ten minutes": saying(exp=time() + 600),
    "good for ever": saying(exp=9999999999999999),
    "exp as a text": saying(exp=str(int(time()) + 60)),
    "nbf to come": saying(nbf=time() + 86400),
    "iat to come": saying(iat=time() + 86400),
    "jti missing": saying(jti=None),
    "jti empty": saying(jti=""),
    "jti as a number": saying(jti=7),
    "jti of great length": saying(jti="x" * 1000),
    "sub twice": twice("sub", '"south"'),
    "aud twice": twice("aud", f'"{TOKEN_URL}"'),
    "too large": saying(more="x" * 9000),
    "an access token of ours": lambda home: home.token("north"),
    "the hospital's access token": lambda home: home.hospital.token(outside(), typ="JWT"),
    "nothing": lambda home: "",
}
