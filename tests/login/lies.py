"""ID tokens that must not be taken, each by what is wrong with it. Unharmed they would be."""

from collections.abc import Callable
from time import time
from typing import Any

from tests.auth.attacks import CANARY
from tests.auth.forged import Pair, assembled, dumped, hashed, packed
from tests.login.house import CLIENT
from tests.login.provider import SECRET

Json = dict[str, Any]
Lie = Callable[[Json, Pair], object]
STRANGER = Pair("provider-1", "RS256")
ELLIPTIC = Pair("provider-1", "ES256")


def saying(**changed: Any) -> Lie:
    """Truly signed, and says this; None takes a claim away."""

    def lie(claims: Json, pair: Pair) -> str:
        return pair.token({name: it for name, it in {**claims, **changed}.items() if it is not None})

    return lie


def headed(**changed: Any) -> Lie:
    """Truly signed, under another header."""
    return lambda claims, pair: pair.token(claims, **changed)


def by(**changed: Any) -> Lie:
    """Signed by a stranger."""
    return lambda claims, pair: STRANGER.token(claims, **changed)


def confused(secret: Callable[[Pair], bytes]) -> Lie:
    """What everybody knows, or both sides know, as if it were the signing key."""
    head = dumped({"alg": "HS256", "kid": "provider-1"})
    return lambda claims, pair: assembled(head, dumped(claims), hashed(secret(pair)))


def unsigned(algorithm: str) -> Lie:
    """Without any signature."""
    head = dumped({"alg": algorithm, "kid": "provider-1"})
    return lambda claims, pair: assembled(head, dumped(claims), lambda data: b"")


def twice(name: str, value: str) -> Lie:
    """One of the claims a second time."""
    head = dumped({"alg": "RS256", "kid": "provider-1"})

    def lie(claims: Json, pair: Pair) -> str:
        return assembled(head, dumped(claims)[:-1] + f', "{name}": {value}}}'.encode(), pair.sign)

    return lie


LIES: dict[str, Lie] = {
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "RS256 without a signature": unsigned("RS256"),
    "HS256 with the public key": confused(lambda pair: pair.pem),
    "HS256 with the JWK": confused(lambda pair: dumped(pair.jwk)),
    "HS256 with the client's secret": confused(lambda pair: SECRET.encode()),
    "a stranger's key": by(),
    "a stranger's key of another kind": lambda claims, pair: ELLIPTIC.token(claims),
    "a kid that is not there": headed(kid="provider-2"),
    "a kid of a path": by(kid="../provider.jwks"),
    "jwk": by(jwk=STRANGER.jwk),
    "jku": by(jku=CANARY),
    "x5u": by(x5u=CANARY),
    "x5c": by(x5c=[packed(b"certificate")]),
    "crit": headed(crit=["exp"]),
    "typ of an access token": headed(typ="at+jwt"),
    "typ of a logout token": headed(typ="logout+jwt"),
    "iss of another": saying(iss="https://login.evil.example"),
    "iss with a slash more": lambda claims, pair: pair.token({**claims, "iss": claims["iss"] + "/"}),
    "iss missing": saying(iss=None),
    "iss as a list": lambda claims, pair: pair.token({**claims, "iss": [claims["iss"]]}),
    "aud of another client": saying(aud="another-client"),
    "aud also for another client": saying(aud=[CLIENT, "another-client"]),
    "aud that begins alike": saying(aud=f"{CLIENT}-test"),
    "aud missing": saying(aud=None),
    "aud of nobody": saying(aud=[]),
    "azp of another client": saying(azp="another-client"),
    "azp as a list": saying(azp=[CLIENT]),
    "expired": saying(exp=time() - 60),
    "expires never": saying(exp=None),
    "exp as a text": saying(exp=str(int(time()) + 300)),
    "issued in the future": saying(iat=time() + 86400),
    "issued long ago": saying(iat=time() - 3600),
    "issued at no time": saying(iat=None),
    "nbf to come": saying(nbf=time() + 86400),
    "nonce missing": saying(nonce=None),
    "nonce empty": saying(nonce=""),
    "nonce of another": saying(nonce="x" * 43),
    "nonce as a number": saying(nonce=7),
    "sub missing": saying(sub=None),
    "sub empty": saying(sub=""),
    "sub as a number": saying(sub=7),
    "sub twice": twice("sub", '"carl"'),
    "realm twice": twice("realm", '{"groups": ["Surgeons"]}'),
    "at_hash of another access token": saying(at_hash=packed(bytes(16))),
    "at_hash as a number": saying(at_hash=7),
    "too large": saying(more="x" * 9000),
    "no token": lambda claims, pair: None,
    "a token that is a list": lambda claims, pair: [pair.token(claims)],
    "a token that is the claims": lambda claims, pair: claims,
    "nothing of a token": lambda claims, pair: "",
}
