"""Where the other side is, how we log in there, and how much of it we bear."""

from pathlib import Path
from typing import Final

import msgspec

_MEBIBYTE: Final = 1024 * 1024


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A FHIR server.

    Without `client_id` and `bearer` it is asked without a token. `origins` are further addresses that it may
    lead to. `timeout_seconds` is the longest that one call takes: login, retries and the answer's last byte.
    """

    url: str
    token_url: str = ""
    client_id: str = ""
    key_file: Path | None = None
    scope: str = "system/*.rs"
    origins: tuple[str, ...] = ()
    timeout_seconds: float = 15.0
    bearer: str = ""

    def __repr__(self) -> str:
        """Nothing of it: the bearer token is secret, and an address may be."""
        return "Endpoint(...)"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one call may cost.

    `answer_bytes` counts after decompression. `connect_seconds` and `read_seconds` bound each silence of the
    other side; a write waits for its answer as long as the endpoint's `timeout_seconds` allow. A safe request
    is sent at most `tries` times. After `failures` in a row the other side is left alone for `rest_seconds`.
    """

    answer_bytes: int = 64 * _MEBIBYTE
    pages: int = 1000
    tries: int = 3
    backoff_seconds: float = 0.5
    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    failures: int = 5
    rest_seconds: float = 30.0
