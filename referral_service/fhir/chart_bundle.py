"""A Bundle read as charts, offline: its resources with ids, and references between its entries resolved.

Any type of Bundle serves (transaction, batch, collection, searchset, history): nothing is executed.
"""

from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

Json = dict[str, Any]


def resources(value: Json) -> Iterator[Json]:
    """The resources of a Bundle, or the resource itself; deleted ones of a history are passed by."""
    if value.get("resourceType") != "Bundle":
        yield value
        return
    entries = [entry for entry in value.get("entry", ()) if isinstance(entry.get("resource"), dict)]
    names: dict[str, str] = {}
    for number, entry in enumerate(entries):
        resource, full_url = entry["resource"], entry.get("fullUrl")
        if "id" not in resource:
            resource["id"] = str(uuid5(NAMESPACE_URL, full_url or f"entry {number}"))
        if full_url:
            names[full_url] = f"{resource['resourceType']}/{resource['id']}"
    gone = _deleted(value)
    for entry in entries:
        resource = entry["resource"]
        _rewrite(resource, names)
        if f"{resource['resourceType']}/{resource['id']}" not in gone:
            yield resource


def _deleted(bundle: Json) -> set[str]:
    """What a history says is deleted: its newest entry, which comes first, is the deletion."""
    newest: dict[str, str] = {}
    if bundle.get("type") == "history":
        for entry in bundle.get("entry", ()):
            request = entry.get("request", {})
            newest.setdefault("/".join(request.get("url", "").split("/")[:2]), request.get("method", ""))
    return {url for url, method in newest.items() if method == "DELETE"}


def _rewrite(value: Any, names: dict[str, str]) -> None:
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and reference in names:
            value["reference"] = names[reference]
        for each in value.values():
            _rewrite(each, names)
    elif isinstance(value, list):
        for each in value:
            _rewrite(each, names)
