"""Seals: signed heads of the ledger, in a file outside the database.

A chain alone cannot show that its tail was cut off together with its head, or that all of it was computed
anew. A seal says which line was the last at an instant; the ledger has that very line from then on.
A line of the file is `{"jws": "..."}`: a compact JWS (RFC 7515) with Ed25519 (RFC 9864), whose payload is
a Seal as JSON.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from errno import ENOSPC
from pathlib import Path
from tempfile import mkstemp
from typing import Final

import msgspec
import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from referral_service.store.ledger import Head

_ALGORITHM: Final = "Ed25519"


class Seal(Head, frozen=True):
    """A head, and the instant at which it was sealed."""

    at: datetime


class Refused(msgspec.Struct, frozen=True):
    """A line that seals nothing, and why."""

    line: int
    reason: str


class UnusableKey(Exception):
    """The text names the file, and nothing of what is in it."""


class _Line(msgspec.Struct, frozen=True):
    jws: str


def own_key(file: Path) -> OKPKey:
    """The private key in `file`, made on first use; raises UnusableKey and OSError."""
    if not file.exists():
        keep(file, _text(OKPKey.generate_key(_ALGORITHM), private=True), replaces=False)
    key = read_key(file)
    if not key.is_private:
        raise UnusableKey(f"{file} holds no private key")
    return key


def read_key(file: Path) -> OKPKey:
    """The private or public Ed25519 key in `file`, a JWK (RFC 8037); raises UnusableKey and OSError."""
    try:
        words = msgspec.json.decode(file.read_bytes(), type=dict[str, str | list[str]])
        if words.get("crv") == _ALGORITHM:
            return OKPKey.import_key(words)
    except (JoseError, msgspec.MsgspecError, ValueError) as error:
        raise UnusableKey(f"{file} holds no key as a JWK") from error
    raise UnusableKey(f"{file} holds no {_ALGORITHM} key")


def publish(key: OKPKey, file: Path) -> None:
    """Keeps the public half in `file`, for whoever verifies."""
    content = _text(key, private=False)
    if not file.exists() or file.read_bytes() != content:
        keep(file, content, replaces=True)


def append(file: Path, key: OKPKey, seals: Sequence[Seal]) -> None:
    """Adds a line a seal, on the disk on return; raises OSError. Several processes may, at once."""
    header = {"alg": _ALGORITHM, "kid": key.thumbprint()}
    tokens = [
        jws.serialize_compact(header, msgspec.json.encode(seal), key, algorithms=[_ALGORITHM])
        for seal in seals
    ]
    lines = b"".join(msgspec.json.encode(_Line(token)) + b"\n" for token in tokens)
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # one write, so that no lock is needed: whoever held it could be stopped, and stop all others
        content = (b"" if _ends_whole(descriptor) else b"\n") + lines
        if os.write(descriptor, content) != len(content):
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(file))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(file: Path, size: int, keys: Mapping[str, OKPKey]) -> Iterator[Seal | Refused]:
    """What the lines within the first `size` bytes say; `keys` by their thumbprint (RFC 7638)."""
    done = 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            done += len(line)
            if done > size:
                return
            if line.strip():
                found = _seal(line, keys)
                yield Refused(number, found) if isinstance(found, str) else found


def _seal(line: bytes, keys: Mapping[str, OKPKey]) -> Seal | str:
    """The seal of a line, or why it is none."""
    try:
        token = msgspec.json.decode(line, type=_Line).jws
        signer = jws.extract_compact(token.encode()).headers().get("kid")
    except (JoseError, msgspec.MsgspecError, ValueError):
        return "it is no seal"
    key = keys.get(str(signer))
    if key is None:
        return "it is signed with a key that is not known here; say --key"
    try:
        payload = jws.deserialize_compact(token, key, algorithms=[_ALGORITHM]).payload
        return msgspec.json.decode(payload, type=Seal)
    except (JoseError, msgspec.MsgspecError, ValueError):
        return "its signature does not hold"


def _ends_whole(descriptor: int) -> bool:
    """Whether the file ends with a line's end: a power cut may have left half a line."""
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _text(key: OKPKey, *, private: bool) -> bytes:
    words = {**key.as_dict(private=private), "kid": key.thumbprint(), "alg": _ALGORITHM, "use": "sig"}
    return orjson.dumps(words, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def keep(file: Path, content: bytes, *, replaces: bool) -> None:
    """All of it or nothing, readable by its owner; unless it `replaces`, the first of several stays."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(descriptor, "wb") as made:
            made.write(content)
            made.flush()
            os.fsync(descriptor)
        if replaces:
            Path(name).replace(file)
        else:
            with suppress(FileExistsError):
                os.link(name, file)
    finally:
        Path(name).unlink(missing_ok=True)
