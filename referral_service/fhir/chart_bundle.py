"""A Bundle read as charts, offline: its resources with ids, and references between its entries resolved.

Any type of Bundle serves (transaction, batch, collection, searchset, history): of what it asks only deletions
are heard. A history is read from its oldest entry to its newest, the others as they stand.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from referral_service.core.problem import Category, Problem, problem
from referral_service.fhir.parse import dump

Json = dict[str, Any]
_ASKING: Final = ("history", "transaction", "batch")
_ADDRESS = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64})(?:/_history/[^/?]*)?")


class Gone(NamedTuple):
    """A deletion: "Type/id" and when, if it is said."""

    source: str
    at: str | None


def resources(value: Json) -> Iterator[Json]:
    """The resources of a Bundle; or the resource itself. Of a history every version, the oldest first."""
    return (one for one in contents(value) if isinstance(one, dict))


def contents(value: Json) -> Iterator[Json | Gone | Problem]:
    """The resources and deletions of a Bundle, or the resource itself; a Problem for what cannot be used.

    One without an id is given one that its fullUrl, else its content decides: it is the same each time.
    """
    if value.get("resourceType") != "Bundle":
        yield identified(value)
        return
    listed = value.get("entry")
    entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    names = dict(filter(None, map(name, entries)))
    for number in order(value, len(entries)):
        try:
            found = content(value, entries[number], names)
        except Problem as error:
            yield error
        else:
            if found is not None:
                yield found


def order(bundle: Json, number: int) -> Sequence[int]:
    """In which order its `number` entries are to be read."""
    return range(number - 1, -1, -1) if bundle.get("type") == "history" else range(number)


def name(entry: Json) -> tuple[str, str] | None:
    """The fullUrl of an entry that has one, and the "Type/id" that its resource has, or is given for it."""
    full_url, resource = entry.get("fullUrl"), entry.get("resource")
    if not isinstance(full_url, str) or not isinstance(resource, dict):
        return None
    return full_url, f"{resource.get('resourceType')}/{resource.get('id') or _id(full_url)}"


def content(bundle: Json, entry: Json, names: Mapping[str, str]) -> Json | Gone | None:
    """What an entry holds, its references changed to `names`; None if there is nothing in it.

    Raises Problem INCORRECT where a deletion does not name its resource.
    """
    resource, request = entry.get("resource"), entry.get("request")
    if isinstance(resource, dict):
        identified(resource, entry.get("fullUrl"))
        _rewrite(resource, names)
        return resource
    if (
        bundle.get("type") not in _ASKING
        or not isinstance(request, dict)
        or request.get("method") != "DELETE"
    ):
        return None
    address = _ADDRESS.fullmatch(str(request.get("url")))
    if address is None:
        raise problem(Category.INCORRECT, "No resource is named that could be deleted.", "entry.request.url")
    response = entry.get("response")
    at = response.get("lastModified") if isinstance(response, dict) else None
    return Gone(address[1], at if isinstance(at, str) else None)


def identified(resource: Json, full_url: object = None) -> Json:
    """The resource with an id."""
    if "id" not in resource:
        resource["id"] = _id(full_url if isinstance(full_url, str) else sha256(dump(resource)).hexdigest())
    return resource


def _id(of: str) -> str:
    return str(uuid5(NAMESPACE_URL, of))


def _rewrite(value: Any, names: Mapping[str, str]) -> None:
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and reference in names:
            value["reference"] = names[reference]
        for each in value.values():
            _rewrite(each, names)
    elif isinstance(value, list):
        for each in value:
            _rewrite(each, names)
