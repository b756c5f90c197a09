"""Operations by POST: the Parameters sent along add to what the query string says."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec

from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.core.problem import Category, problem

Json = dict[str, Any]
Run = Callable[[Face, Ask], Awaitable[Answer]]


def posted(type: str, operation: Run) -> Run:
    """The operation of a resource type as it runs by GET, asked by the query and Parameters of a POST."""

    async def run(face: Face, ask: Ask) -> Answer:
        asked = (*ask.parameters, *((name, _text(one)) for name, one in named(ask)))
        return await operation(face, msgspec.structs.replace(ask, type=type, parameters=asked))

    return run


def named(ask: Ask) -> Iterator[tuple[str, Json]]:
    """The parameters sent along by name; INCORRECT for one that has only an extension in its name's place."""
    for number, one in enumerate(ask.content.get("parameter", ())):
        if "name" not in one:
            where = f"{ask.path}.parameter[{number}].name"
            raise problem(Category.INCORRECT, "A parameter needs a name.", where, "required")
        yield one["name"], one


def _text(parameter: Json) -> str:
    """The parameter's value as a query string has it; "" for what it cannot hold."""
    value = next((value for name, value in parameter.items() if name.startswith("value")), "")
    if isinstance(value, dict):
        # Many clients send a Reference where R4 has a string that is one.
        value = value.get("reference", "")
    return value if isinstance(value, str) else ""
