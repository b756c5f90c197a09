"""Operations by POST: the Parameters sent along become what a query string would have said."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face

Json = dict[str, Any]
Run = Callable[[Face, Ask], Awaitable[Answer]]


def posted(type: str, operation: Run) -> Run:
    """The operation of a resource type as it runs by GET, asked by the Parameters of a POST."""

    async def run(face: Face, ask: Ask) -> Answer:
        asked = tuple((one["name"], _text(one)) for one in ask.content.get("parameter", ()))
        return await operation(face, msgspec.structs.replace(ask, type=type, parameters=asked))

    return run


def _text(parameter: Json) -> str:
    """The parameter's value as a query string has it; "" for what it cannot hold."""
    value = next((value for name, value in parameter.items() if name.startswith("value")), "")
    if isinstance(value, dict):
        # Many clients send a Reference where R4 has a string that is one.
        value = value.get("reference", "")
    return value if isinstance(value, str) else ""
