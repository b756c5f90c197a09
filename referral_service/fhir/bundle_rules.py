"""The invariants of Bundle (bdl-1 to bdl-12), each placed at the entry that breaks it.

Source: https://hl7.org/fhir/R4/bundle.html.
"""

from collections.abc import Iterator
from typing import Any

from referral_service.fhir.findings import Finding

Json = dict[str, Any]

_PLAIN = {"document", "message", "searchset", "collection"}
_WITH_REQUEST = {"batch", "transaction", "history"}
_WITH_RESPONSE = {"batch-response", "transaction-response", "history"}


def _broken(sentence: str, where: str = "") -> Finding:
    return "invariant", sentence, where


def bundle(value: Json) -> Iterator[Finding]:
    """What is wrong with the Bundle as a whole and with its entries in view of its type, if it has one."""
    kind = value.get("type")
    if kind not in _PLAIN | _WITH_REQUEST | _WITH_RESPONSE:
        return
    if "total" in value and kind not in ("searchset", "history"):
        yield _broken("bdl-1: total stands only in a searchset or history.", ".total")
    # An entry that is no object has been found out already.
    entries = [(index, item) for index, item in enumerate(value.get("entry", ())) if isinstance(item, dict)]
    for index, item in entries:
        for sentence in _misplaced(item, kind):
            yield _broken(sentence, f".entry[{index}]")
    if kind != "history":
        yield from _repeated(entries)
    if kind == "document":
        yield from _document(value)
    if kind == "message" and _first_type(value) != "MessageHeader":
        yield _broken("bdl-12: the first resource of a message is a MessageHeader.")


def _misplaced(item: Json, kind: Any) -> Iterator[str]:
    if "search" in item and kind != "searchset":
        yield "bdl-2: search stands only in a searchset."
    if ("request" in item) != (kind in _WITH_REQUEST):
        yield "bdl-3: request stands in each entry of a batch, transaction or history, and nowhere else."
    if ("response" in item) != (kind in _WITH_RESPONSE):
        yield "bdl-4: response stands in each entry of a response or history, and nowhere else."


def _repeated(entries: list[tuple[int, Json]]) -> Iterator[Finding]:
    seen = set()
    for index, item in entries:
        # Anything but text has been found out already, and of numbers many may have one hash.
        if isinstance(item.get("fullUrl"), str):
            identity = (item["fullUrl"], _version(item.get("resource", {}).get("meta")))
            if identity in seen:
                yield _broken("bdl-7: a fullUrl stands once in a Bundle.", f".entry[{index}].fullUrl")
            seen.add(identity)


def _version(meta: Any) -> str:
    """The version in a resource's meta; a resource that is passed by may have anything there."""
    return str(meta.get("versionId")) if isinstance(meta, dict) else ""


def _first_type(value: Json) -> Any:
    entries = value.get("entry") or [{}]
    return entries[0].get("resource", {}).get("resourceType")


def _document(value: Json) -> Iterator[Finding]:
    identifier = value.get("identifier", {})
    if "system" not in identifier or "value" not in identifier:
        yield _broken("bdl-9: a document has an identifier with system and value.")
    if "timestamp" not in value:
        yield _broken("bdl-10: a document has a timestamp.")
    if _first_type(value) != "Composition":
        yield _broken("bdl-11: the first resource of a document is a Composition.")


def entry(value: Json) -> Iterator[Finding]:
    """What is wrong with one entry by itself."""
    if not {"resource", "request", "response"} & value.keys():
        yield _broken("bdl-5: an entry has a resource unless it has a request or a response.")
    if "/_history/" in value.get("fullUrl", ""):
        yield _broken("bdl-8: fullUrl names no version.", ".fullUrl")
