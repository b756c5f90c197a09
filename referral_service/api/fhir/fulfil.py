"""A fulfiller writes the Task to fulfil an order: PUT it whole, or PATCH it with a JSON Patch."""

import re
from collections.abc import Sequence
from typing import Any, Final

import jsonpatch
import msgspec
from jsonpointer import JsonPointerException
from starlette.concurrency import run_in_threadpool

from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.api.fhir.preconditions import found
from referral_service.api.fhir.read import current
from referral_service.api.fhir.update import require_own_id
from referral_service.core.problem import Category, Problem, problem
from referral_service.fhir.check import check
from referral_service.fhir.conditional import out_of_place
from referral_service.fhir.parse import dump, parse, parse_any
from referral_service.workflow.track import Heard

Json = dict[str, Any]
_MOST_OPERATIONS: Final = 100
_LARGEST_COPIED: Final = 256 * 1024  # bytes of a Task after a copy
# What each operation has of its own, and what a place looks like: RFC 6902 (4) and 6901 (3).
_MEMBERS: Final = {
    "add": {"path", "value"},
    "replace": {"path", "value"},
    "test": {"path", "value"},
    "remove": {"path"},
    "move": {"path", "from"},
    "copy": {"path", "from"},
}
_PLACE: Final = re.compile(r"(/([^~/]|~[01])*)*")
_UNFIT: Final = (
    jsonpatch.JsonPatchException,
    JsonPointerException,
    TypeError,
    ValueError,
    KeyError,
    RecursionError,
)


async def put(face: Face, ask: Ask) -> Answer:
    """200 with the Task as it stands; 400, 403, 404, 409, 410, 412, 422. Nothing creates a Task."""
    require_own_id(ask)
    return await _tell(face, ask, ask.content)


async def patch(face: Face, ask: Ask) -> Answer:
    """The same for RFC 6902 operations; 422 where they do not fit the Task as it is (RFC 5789, 2.2)."""
    kept = parse((await current(face, ask, ask.id)).body)
    try:
        task, written = await run_in_threadpool(_patched, kept, ask.patch)
    except _UNFIT:
        raise problem(Category.REFUSED, "The patch does not fit the Task as it is.") from None
    if not isinstance(task, dict) or task.get("resourceType") != "Task" or task.get("id") != ask.id:
        raise problem(Category.REFUSED, "The patch changes what the resource is.", "Task")
    # Each operation was within the limits of what is read; together they need not be.
    return await _tell(face, ask, parse(written))


def _patched(kept: Json, patch: Sequence[Json]) -> tuple[Any, bytes]:
    """What comes out, and the same as JSON.

    One operation after the other: a few copies would double the Task until no memory is left.
    """
    for operation in patch:
        kept = jsonpatch.JsonPatch([operation]).apply(kept, in_place=True)
        if operation["op"] == "copy" and len(dump(kept)) > _LARGEST_COPIED:
            raise ValueError
    return kept, dump(kept)


def operations(body: bytes) -> list[Json]:
    """The operations of a JSON Patch; INCORRECT for anything else."""
    said = parse_any(body)
    if not (isinstance(said, list) and all(map(_is_operation, said))):
        raise problem(
            Category.INCORRECT,
            "Not a JSON Patch: a list of operations as RFC 6902 has them.",
            code="structure",
        )
    if len(said) > _MOST_OPERATIONS:
        raise problem(Category.INCORRECT, f"More than {_MOST_OPERATIONS} operations.", code="too-long")
    return list(said)


def _is_operation(said: Any) -> bool:
    """Whether it is one of RFC 6902, whatever it may be applied to."""
    operation = said.get("op") if isinstance(said, dict) else None
    members = _MEMBERS.get(operation, set()) if isinstance(operation, str) else set()
    places = (said.get(name) for name in members - {"value"})
    return bool(members) and members <= said.keys() and all(map(_is_place, places))


def _is_place(said: Any) -> bool:
    return isinstance(said, str) and _PLACE.fullmatch(said) is not None


def _at(path: str, error: Problem) -> Problem:
    """The same with the FHIRPath of the Task in what was sent."""
    issues = (
        msgspec.structs.replace(one, expression=path + one.expression.removeprefix("Task"))
        if one.expression.startswith("Task")
        else one
        for one in error.issues
    )
    return Problem(error.category, *issues, wait_seconds=error.wait_seconds)


async def _tell(face: Face, ask: Ask, task: Json) -> Answer:
    await current(face, ask, ask.id)
    # Neither a patched Task nor one of a batch, where others' are passed by, was looked at before.
    if issues := check(task, ask.path) + out_of_place(task, ask.path, ask.base):
        raise Problem(Category.INCORRECT, *issues)
    heard = Heard(task=task, actor=ask.actor, expected=await found(face, ask, ask.id))
    try:
        stored = await run_in_threadpool(face.track.update, ask.tenant, ask.id, heard)
    except Problem as error:
        if heard.expected is not None:
            await found(face, ask, ask.id)  # 412 if it is another version by now
        raise _at(ask.path, error) from None
    face.service.doorbell.ring()
    return Answer(status=200, stored=stored, is_written=True)
