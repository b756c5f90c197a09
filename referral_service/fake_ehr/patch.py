"""JSON Patch (RFC 6902), of which EHRs know `add`, `remove`, `replace` and `test`."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

from referral_service.fake_ehr.answer import Refused

Json = dict[str, Any]


def patched(resource: Json, operations: Any) -> Json:
    """The resource after all operations; it is left as it was. Raises Refused (400, or 422 if one fails)."""
    if not isinstance(operations, list):
        raise Refused(400, "structure", "A JSON Patch is an array of operations.")
    result = deepcopy(resource)
    for one in operations:
        operation = _OPERATIONS.get(one.get("op")) if isinstance(one, dict) else None
        if operation is None or not str(one.get("path", "")).startswith("/"):
            raise Refused(
                400, "structure", "An operation needs one of add, remove, replace, test, and a path."
            )
        try:
            holder, key = _place(result, one["path"])
            operation(holder, key, deepcopy(one.get("value")))
        except (LookupError, ValueError, TypeError):
            raise Refused(422, "processing", "An operation of the patch cannot be carried out.") from None
    return result


def _place(value: Any, path: str) -> tuple[Any, Any]:
    """What holds the place, and its key there; "-" is the end of an array."""
    *steps, last = [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]
    for step in steps:
        value = value[int(step) if isinstance(value, list) else step]
    if isinstance(value, list):
        return value, len(value) if last == "-" else int(last)
    return value, last


def _add(holder: Any, key: Any, value: Any) -> None:
    if not isinstance(holder, list):
        holder[key] = value
    elif key <= len(holder):
        holder.insert(key, value)
    else:
        raise IndexError


def _remove(holder: Any, key: Any, _: Any) -> None:
    del holder[key]


def _replace(holder: Any, key: Any, value: Any) -> None:
    del holder[key]
    _add(holder, key, value)


def _test(holder: Any, key: Any, value: Any) -> None:
    if holder[key] != value:
        raise ValueError


_OPERATIONS: Final[dict[Any, Callable[[Any, Any, Any], None]]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "test": _test,
}
