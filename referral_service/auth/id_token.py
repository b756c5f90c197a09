"""ID tokens: whether one says who has just signed in, to us and in answer to our question.

Source: OpenID Connect Core 1.0, 3.1.3.7 and 3.1.3.8; OWASP ASVS 5.0, V10.5.
"""

import hmac
from base64 import urlsafe_b64encode
from hashlib import new
from typing import Any, Final

import msgspec

from referral_service.auth import signed
from referral_service.auth.keys import Keys
from referral_service.auth.signed import LEEWAY, Untrusted

Json = dict[str, Any]
# Access tokens and others of the same issuer say in their header that they are something else.
_TYPES: Final = frozenset({"", "jwt", "id+jwt"})
_OLDEST_SECONDS: Final = 600.0


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What the token must say: the issuer, us as `client_id`, the `nonce` that we sent."""

    issuer: str
    client_id: str
    nonce: str
    algorithms: tuple[str, ...]
    keys: Keys


def verify(text: str, access_token: str, expected: Expected, now: float) -> Json:
    """The token's claims; Untrusted. `access_token` is what came with it, "" if nothing did."""
    token = signed.unpack(text)
    claims = token.claims
    if token.kind not in _TYPES:
        raise Untrusted("it is no ID token")
    if signed.text(claims, "iss") != expected.issuer:
        raise Untrusted("it is of another issuer")
    signed.verify(token, expected.algorithms, expected.keys.find)
    # One that is also for somebody else could have been got by them.
    if set(signed.audiences(claims)) != {expected.client_id}:
        raise Untrusted("it is not for us alone")
    if claims.get("azp", expected.client_id) != expected.client_id:
        raise Untrusted("somebody else has asked for it")
    if not hmac.compare_digest(signed.text(claims, "nonce").encode(), expected.nonce.encode()):
        raise Untrusted("it does not answer this question")
    signed.text(claims, "sub")
    _check_times(claims, now)
    if "at_hash" in claims and claims["at_hash"] != _half_hash(access_token, token.algorithm):
        raise Untrusted("another access token came with it")
    return claims


def _check_times(claims: Json, now: float) -> None:
    signed.expiry(claims, now)
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise Untrusted("it does not say when it was issued")
    if issued < now - _OLDEST_SECONDS - LEEWAY:
        raise Untrusted("it was issued too long ago")


def _half_hash(text: str, algorithm: str) -> str:
    """The left half of the hash that the algorithm signs (3.1.3.6)."""
    digest = new(f"sha{algorithm[2:]}", text.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
