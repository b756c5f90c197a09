"""Whether a notification comes from whom it says: a signature of its body, or a bearer token.

`X-Hub-Signature: METHOD=HEX` is WebSub's, with sha256, sha384 or sha512; sha1, which GitHub and older hubs
still send, is refused, whatever else comes along. `X-Signature` is HMAC with SHA-256 in hex or base64. Where
both are sent both must be right. Source: https://www.w3.org/TR/websub/#signature-validation.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from hashlib import sha256, sha384, sha512
from hmac import compare_digest
from hmac import new as hmac
from pathlib import Path
from typing import Final

import structlog

from referral_service.core.problem import Category, problem
from referral_service.sources import Notifying

_METHODS: Final = {"sha256": sha256, "sha384": sha384, "sha512": sha512}
_BEARER: Final = "bearer"
_log = structlog.get_logger(__name__)


def scheme(notifying: Notifying) -> str:
    """What a sender must use, as the answer 401 says it."""
    return "Bearer" if notifying.bearer_file else "HMAC-SHA256"


def is_genuine(notifying: Notifying, header: Callable[[str], str], body: bytes) -> bool:
    """Whether the sender knows a secret; raises UNAVAILABLE where we cannot read any ourselves.

    `header` gives a header's value by its name in lower case, "" without it. The file is read each time, so
    that a secret can be changed while the service runs; each of its lines counts.
    """
    if notifying.bearer_file:
        kind, _, token = header("authorization").strip().partition(" ")
        sent = token.strip().encode()
        known = [compare_digest(sent, secret) for secret in _secrets(notifying.bearer_file)]
        return kind.lower() == _BEARER and any(known)
    assert notifying.secret_file
    secrets = _secrets(notifying.secret_file)
    given = [
        check(value.strip(), secrets, body)
        for name, check in (("x-hub-signature", _is_of_hub), ("x-signature", _is_plain))
        if (value := header(name))
    ]
    return bool(given) and all(given)


def _secrets(path: Path) -> list[bytes]:
    try:
        lines = [line.strip() for line in path.read_bytes().splitlines()]
    except OSError:
        lines = []
    secrets = [line for line in lines if line]
    if not secrets:
        _log.error("the secret of a source cannot be read", file=path.name)
        raise problem(Category.UNAVAILABLE, "The sender cannot be recognised just now.")
    return secrets


def _is_of_hub(value: str, secrets: Sequence[bytes], body: bytes) -> bool:
    method, _, digits = value.partition("=")
    made = _METHODS.get(method.strip().lower())
    if made is None:
        return False
    sent = _hex(digits)
    return any([compare_digest(sent, hmac(secret, body, made).digest()) for secret in secrets])


def _is_plain(value: str, secrets: Sequence[bytes], body: bytes) -> bool:
    text = value.removeprefix("sha256=")
    sent = _hex(text) or _base64(text)
    return any([compare_digest(sent, hmac(secret, body, sha256).digest()) for secret in secrets])


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text.strip())
    except ValueError:
        return b""


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        return b""
