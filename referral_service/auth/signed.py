"""A signed token (JWT as compact JWS), read strictly: whatever is not exactly as it must be is refused.

Sources: RFC 7515, RFC 7519, RFC 8725. Nothing of a token says by itself how or with which key it is verified:
the algorithm must be one of a list, the key comes from where its issuer's keys are known to be.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from math import isfinite
from typing import Any, Final, NamedTuple

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

Json = dict[str, Any]
PublicKey = RSAKey | ECKey
# Asymmetric ones alone: a public key is never anybody's shared secret.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
MOST_BYTES: Final = 8 * 1024
# Clocks may differ by so many seconds.
LEEWAY: Final = 5.0
_LONGEST: Final = 256
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+", re.ASCII)
# Headers that bring a key, or say that the payload is something else than it looks.
_REFUSED: Final = frozenset({"jwk", "x5u", "x5c", "crit", "b64", "zip", "enc", "cty"})


class Untrusted(Exception):
    """A token that is not taken. The text says why, and holds nothing of the token."""


class Unfit(Untrusted):
    """One that is truly signed, but not for us, not now or not again: its sender may be told why."""


class Signed(NamedTuple):
    """A token's header and claims. Nobody has vouched for them until `verify` has."""

    text: str
    header: Json
    claims: Json

    @property
    def key_id(self) -> str | None:
        """Which of the issuer's keys has signed it, as it says."""
        return _text_in(self.header, "kid") if "kid" in self.header else None

    @property
    def algorithm(self) -> str:
        """How it says that it is signed."""
        return _text_in(self.header, "alg")

    @property
    def kind(self) -> str:
        """Its `typ` in lower case and without "application/", "" if it has none (RFC 7515, 4.1.9)."""
        said = _text_in(self.header, "typ") if "typ" in self.header else ""
        return said.lower().removeprefix("application/")


class _Registry(jws.JWSRegistry):
    max_header_length = max_payload_length = max_signature_length = MOST_BYTES


_REGISTRIES: Final = {name: _Registry(algorithms=[name], strict_check_header=False) for name in ALGORITHMS}


def unpack(text: str) -> Signed:
    """Reads a token, and verifies nothing; Untrusted."""
    if len(text) > MOST_BYTES:
        raise Untrusted("it is too long")
    form = _COMPACT.fullmatch(text)
    if form is None:
        raise Untrusted("it is no signed token")
    header = _object(form[1])
    if not _REFUSED.isdisjoint(header):
        raise Untrusted("its header brings what is never taken from a token")
    return Signed(text, header, _object(form[2]))


def verify(
    signed: Signed,
    algorithms: Collection[str],
    find: Callable[[str | None, str], PublicKey | None],
    address: str = "",
) -> None:
    """Raises Untrusted unless the key that `find` has for its `kid` and algorithm has signed it.

    `address` is where the signer's keys are known to be: the header `jku` may say that, and nothing else.
    """
    if "jku" in signed.header and (not address or signed.header["jku"] != address):
        raise Untrusted("its header names another place for its keys")
    algorithm = signed.algorithm
    if algorithm not in algorithms or algorithm not in _REGISTRIES:
        raise Untrusted("its algorithm is not allowed")
    key = find(signed.key_id, algorithm)
    if key is None:
        raise Untrusted("its key is not known")
    try:
        jws.deserialize_compact(signed.text, key, registry=_REGISTRIES[algorithm])
    except (JoseError, ValueError, TypeError):
        raise Untrusted("its signature does not hold") from None


def sign(claims: Mapping[str, object], header: Mapping[str, str], key: PublicKey) -> str:
    """A token with these claims; `key` is a private one, and the header has `alg`."""
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return jws.serialize_compact(dict(header), payload, key, registry=_REGISTRIES[header["alg"]])


def expiry(claims: Mapping[str, object], now: float) -> float:
    """When it expires, in seconds since 1970; Untrusted if it has, is not valid yet, or does not say."""
    until = _seconds(claims, "exp")
    if until is None:
        raise Untrusted("it does not say when it expires")
    if until + LEEWAY <= now:
        raise Untrusted("it has expired")
    for name in ("nbf", "iat"):
        since = _seconds(claims, name)
        if since is not None and since - LEEWAY > now:
            raise Untrusted("it is not valid yet")
    return until


def audiences(claims: Mapping[str, object]) -> list[str]:
    """Whom it is for; Untrusted if it does not say."""
    told = claims.get("aud")
    found = [told] if isinstance(told, str) else told
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        raise Untrusted("it does not say whom it is for")
    return found


def text(claims: Mapping[str, object], name: str) -> str:
    """A claim that is a text of a usual length; Untrusted."""
    return _text_in(claims, name)


def _text_in(told: Mapping[str, object], name: str) -> str:
    found = told.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST:
        raise Untrusted(f"its {name} is no text of a usual length")
    return found


def _seconds(claims: Mapping[str, object], name: str) -> float | None:
    found = claims.get(name)
    if name not in claims:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not isfinite(found):
        raise Untrusted(f"its {name} is no time")
    return float(found)


def _object(segment: str) -> Json:
    """A part of a token as the JSON object that it is, each name once (RFC 7519, 4; RFC 8725, 2.4)."""
    try:
        found = json.loads(
            urlsafe_b64decode(segment.encode()), object_pairs_hook=_named_once, parse_constant=_no_number
        )
    except (ValueError, RecursionError):
        raise Untrusted("it holds no JSON, or a name twice") from None
    if not isinstance(found, dict):
        raise Untrusted("it holds no JSON object")
    return found


def _named_once(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")
