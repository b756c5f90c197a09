"""Others' public keys (JWKS, RFC 7517), from a file or an address; a change needs no restart.

A file is read again when it has changed. What an address gave is kept for as long as its Cache-Control says,
between a minute and an hour; it is asked again for a key that is not known, once a minute at most, so that
nobody can make us ask more often. While it cannot be reached, what it gave is used for up to an hour.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from http.client import OK
from pathlib import Path
from re import search
from threading import Lock
from typing import Any, Final, Protocol

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

from referral_service.auth.signed import PublicKey
from referral_service.auth.web import WebError, ask
from referral_service.core.problem import Category, problem
from referral_service.workflow.ports import Clock

_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_LEAST_BITS: Final = 2048
_KEPT, _LEAST, _MOST = timedelta(minutes=10), timedelta(minutes=1), timedelta(hours=1)
_AGAIN: Final = timedelta(minutes=1)
# Without any key nothing works, so it is asked sooner.
_SOON: Final = timedelta(seconds=10)
_log = structlog.get_logger(__name__)


class KeysError(ValueError):
    """Not a set of public keys; the text holds nothing of them."""


class Keys(Protocol):
    """Somebody's keys."""

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The one key of that id for that algorithm, or of any id; None if there is none, or several."""


def read(words: object) -> list[PublicKey]:
    """The keys of a JWKS that can verify signatures; KeysError if it is none.

    What is no secret any more, a private or shared key that was published, is passed by.
    """
    return [key for one in _listed(words) if (key := _usable(one)) is not None]


def given(words: object) -> list[PublicKey]:
    """The keys of a JWKS that somebody gave us; KeysError if it holds none, or a private one."""
    if any(_is_secret(one) for one in _listed(words)):
        raise KeysError("a private or secret key is among them")
    keys = read(words)
    if not keys:
        raise KeysError("no key among them verifies signatures: RSA of 2048 bits, or EC")
    return keys


def choose(keys: Iterable[PublicKey], kid: str | None, algorithm: str) -> PublicKey | None:
    """As Keys.find has it."""
    found = [key for key in keys if kid in (None, key.kid) and _fits(key, algorithm)]
    return found[0] if len(found) == 1 else None


class GivenKeys:
    """Keys that stand where they are named."""

    def __init__(self, words: object) -> None:
        """Raises KeysError."""
        self._keys = given(words)

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """See Keys."""
        return choose(self._keys, kid, algorithm)


class FileKeys:
    """Keys of a file. One that cannot be read any more leaves what was read before."""

    def __init__(self, path: Path) -> None:
        """Raises KeysError and OSError."""
        self._path = path
        self._seen = changed(path)
        self._keys = _of_file(path)

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """See Keys."""
        try:
            if (now := changed(self._path)) != self._seen:
                self._keys, self._seen = _of_file(self._path), now
        except (OSError, KeysError):
            _log.warning("a file of keys cannot be used; those read before are", file=self._path.name)
        return choose(self._keys, kid, algorithm)


class WebKeys:
    """Keys at an address. Asked when first needed; several threads may."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Asks nothing yet."""
        self._url, self._clock = url, clock
        self._keys: Sequence[PublicKey] = ()
        self._asked_at: datetime | None = None
        self._got_at: datetime | None = None
        self._kept = _KEPT
        self._lock = Lock()

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """See Keys; Problem UNAVAILABLE while none could be had."""
        found = choose(self._keys, kid, algorithm)
        if found is None or self._is_old():
            with self._lock:
                if self._may_ask():
                    self._ask()
            found = choose(self._keys, kid, algorithm)
        if self._got_at is None:
            raise problem(Category.UNAVAILABLE, "The keys that this token needs cannot be had just now.")
        return found

    def _is_old(self) -> bool:
        return self._got_at is None or self._clock.now() - self._got_at > self._kept

    def _may_ask(self) -> bool:
        pause = _AGAIN if self._keys else _SOON
        return self._asked_at is None or self._clock.now() - self._asked_at >= pause

    def _ask(self) -> None:
        self._asked_at = self._clock.now()
        try:
            words, headers = _fetch(self._url)
            keys = read(words)
        except (WebError, KeysError) as error:
            _log.warning("keys cannot be had", url=self._url, error=str(error))
            if self._got_at and self._asked_at - self._got_at > _MOST:
                self._keys, self._got_at = (), None
            return
        self._keys, self._got_at = keys, self._asked_at
        told = search(r"(?:^|[,\s])max-age=(\d{1,9})", headers.get("cache-control", ""))
        self._kept = min(max(timedelta(seconds=int(told[1])), _LEAST), _MOST) if told else _KEPT


def changed(path: Path) -> tuple[int, int, int]:
    """What differs once a file is another one; OSError."""
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _of_file(path: Path) -> list[PublicKey]:
    try:
        return given(json.loads(path.read_bytes()))
    except (ValueError, RecursionError) as error:
        said = str(error) if isinstance(error, KeysError) else "not JSON"
        raise KeysError(f"{path.name}: {said}") from None


def _fetch(url: str) -> tuple[Any, Mapping[str, str]]:
    """What is there, and the headers."""
    answer = ask(url)
    if answer.status != OK:
        raise WebError("the answer is not 200")
    return answer.words, answer.headers


def _usable(words: dict[str, Any]) -> PublicKey | None:
    """A key as read; None for one of another kind, for something else than signatures, or a weak one."""
    try:
        key = _imported(words) if _is_to_verify(words) else None
        if key is not None:
            key.get_op_key("verify")
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key


def _listed(words: object) -> list[dict[str, Any]]:
    listed = words.get("keys") if isinstance(words, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise KeysError("not a JSON object with a list of keys")
    return listed


def _is_secret(words: dict[str, Any]) -> bool:
    return "d" in words or "k" in words


def _is_to_verify(words: dict[str, Any]) -> bool:
    is_meant = words.get("use", "sig") == "sig" and "verify" in words.get("key_ops", ("verify",))
    return is_meant and not _is_secret(words)


def _imported(words: dict[str, Any]) -> PublicKey | None:
    if words.get("kty") == "EC":
        return ECKey.import_key(words)
    is_strong = words.get("kty") == "RSA" and _bits(str(words["n"])) >= _LEAST_BITS
    return RSAKey.import_key(words) if is_strong else None


def _bits(modulus: str) -> int:
    return int.from_bytes(urlsafe_b64decode(modulus.encode())).bit_length()


def _fits(key: PublicKey, algorithm: str) -> bool:
    if key.alg not in (None, algorithm):
        return False
    if isinstance(key, ECKey):
        return _CURVES.get(algorithm) == key.curve_name
    return algorithm[:2] in ("RS", "PS")
