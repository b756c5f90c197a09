"""How this EHR behaves where real ones differ."""

from collections.abc import Mapping
from typing import Literal

import msgspec


class Manners(msgspec.Struct, frozen=True, kw_only=True):
    """`hook`: a notification with the whole resource is a PUT to ENDPOINT/Type/id, or a POST to ENDPOINT.

    `secret` signs notifications. With `fulfil_seconds` it takes up Tasks to fulfil, one step each so many
    seconds. `demands`: a search of that type needs this parameter, unless it is by `_id`. An export is asked
    for `export_polls` times before it is ready, and has `export_lines` a file.
    """

    hook: Literal["put", "post"] = "put"
    secret: bytes = b""
    fulfil_seconds: float | None = None
    demands: Mapping[str, str] = {}
    page_size: int = 50
    export_polls: int = 2
    export_lines: int = 1000
    retry_after_seconds: int = 1
    token_seconds: int = 300
