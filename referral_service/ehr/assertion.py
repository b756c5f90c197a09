"""The signed statement by which we log in (private_key_jwt): RS384 or ES384, as the key file has it.

SMART App Launch 2.2, "Client Authentication: Asymmetric". The file holds a private key in PEM or as a JWK.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from referral_service.clock import SystemClock
from referral_service.core.problem import Category, Problem, problem

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# Five minutes is the most; the rest is for clocks that differ.
_LIFE: Final = timedelta(minutes=4)


def signed(key_file: Path | None, client_id: str, audience: str) -> str:
    """A new assertion for the token endpoint `audience`; raises a FORBIDDEN problem without a usable key."""
    key = _key(key_file)
    algorithm = _algorithm(key)
    header = {"alg": algorithm, **({"kid": key.kid} if key.kid else {})}
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": str(uuid4()),
        "exp": int((SystemClock().now() + _LIFE).timestamp()),
    }
    try:
        return jwt.encode(header, claims, key, algorithms=[algorithm])
    except JoseError:
        raise _unusable() from None


def _algorithm(key: RSAKey | ECKey) -> str:
    if isinstance(key, RSAKey):
        return "RS384"
    if key.curve_name == "P-384":
        return "ES384"
    raise _unusable()


def _key(file: Path | None) -> RSAKey | ECKey:
    """Read anew each time: a key that was replaced is used at the next login."""
    if file is None:
        raise _unusable()
    try:
        content = file.read_bytes()
    except OSError:
        raise _unusable() from None
    key = _imported(content, RSAKey) or _imported(content, ECKey)
    if key is None:
        raise _unusable()
    return key


def _imported(content: bytes, kind: type[RSAKey] | type[ECKey]) -> RSAKey | ECKey | None:
    """The key, if it is one of that kind."""
    is_jwk = content.lstrip().startswith(b"{")
    try:
        words: Any = msgspec.json.decode(content) if is_jwk else content
        return kind.import_key(words)
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError):
        return None


def _unusable() -> Problem:
    return problem(
        Category.FORBIDDEN, "The key file holds no private key that SMART signs with (RSA, or EC of P-384)."
    )
