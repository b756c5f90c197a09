"""A Bundle read as charts, offline: its resources with ids, and references between its entries resolved.

Any type of Bundle serves (transaction, batch, collection, searchset, history): nothing is executed.
"""

from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

Json = dict[str, Any]


def resources(value: Json) -> Iterator[Json]:
    """The resources of a Bundle, all versions of a history among them; or the resource itself."""
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
    for entry in entries:
        _rewrite(entry["resource"], names)
        yield entry["resource"]


def deletions(value: Json) -> Iterator[tuple[str, str | None]]:
    """What a history says was deleted: "Type/id", and the instant if it is said."""
    if value.get("type") == "history":
        for entry in value.get("entry", ()):
            request = entry.get("request", {})
            if request.get("method") == "DELETE":
                of = "/".join(request.get("url", "").split("/")[:2])
                yield of, entry.get("response", {}).get("lastModified")


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
