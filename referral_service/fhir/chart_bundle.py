"""A Bundle read as charts, offline: its resources with ids, and references between its entries resolved.

Any type of Bundle serves (transaction, batch, collection, searchset, history): nothing is executed.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from referral_service.fhir.parse import dump

Json = dict[str, Any]


def resources(value: Json) -> Iterator[Json]:
    """The resources of a Bundle; or the resource itself. Of a history every version, the oldest first.

    One without an id is given one that its fullUrl, else its content decides: it is the same each time.
    """
    if value.get("resourceType") != "Bundle":
        yield value
        return
    entries = [entry for entry in value.get("entry", ()) if isinstance(entry.get("resource"), dict)]
    names: dict[str, str] = {}
    if value.get("type") == "history":
        entries.reverse()
    for entry in entries:
        resource, full_url = entry["resource"], entry.get("fullUrl")
        if "id" not in resource:
            resource["id"] = str(uuid5(NAMESPACE_URL, full_url or sha256(dump(resource)).hexdigest()))
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
