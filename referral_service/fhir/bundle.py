"""The entries of a batch or transaction Bundle as requests on single resources; pure.

Source: https://hl7.org/fhir/R4/http.html#transaction. The Bundle has passed `fhir.check` before.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Set
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import msgspec

from referral_service.core.problem import Issue
from referral_service.fhir.definitions import R4_TYPES
from referral_service.fhir.search.reference import is_id
from referral_service.fhir.search.table import TAKEN_IN

Json = dict[str, Any]
METHODS: Final = frozenset({"DELETE", "POST", "PUT", "GET", "HEAD"})
# An address that shows type and id: what stands before them, the type, the id.
RESTFUL: Final = re.compile(r"(\S+/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})\Z")
_AT_ENTRY = re.compile(r"Bundle\.entry\[(\d+)\]")
_PATH = re.compile(r"/?([A-Za-z]+)(?:/([^/?]+))?((?:/[^/?]+)*)/?\Z")


class Condition(NamedTuple):
    """A conditional identity: the type, and the search that finds the resource."""

    type: str
    query: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry's request. `rest` is what follows Type/id in the path.

    `is_passed_by`: it writes an R4 type that we do not take in. An operation is never passed by.
    """

    index: int
    method: str
    type: str
    id: str = ""
    rest: str = ""
    query: str = ""
    full_url: str = ""
    resource: Json | None = None
    if_none_exist: str = ""
    if_match: str = ""
    if_none_match: str = ""
    if_modified_since: str = ""
    is_passed_by: bool = False

    @property
    def path(self) -> str:
        """Where the entry's resource stands, as FHIRPath."""
        return f"Bundle.entry[{self.index}].resource"

    @property
    def condition(self) -> Condition | None:
        """The conditional identity of a write, if it has one."""
        query = self.if_none_exist if self.method == "POST" else self.query
        return Condition(self.type, query) if query and self.method in ("POST", "PUT") else None


def by_entry(faults: Iterable[Issue]) -> dict[int, list[Issue]] | None:
    """The checker's findings by the index of the entry they are in; None if one is of the Bundle itself."""
    found: dict[int, list[Issue]] = defaultdict(list)
    for fault in faults:
        place = _AT_ENTRY.match(fault.expression)
        if place is None:
            return None
        found[int(place[1])].append(fault)
    return found


def that_count(bundle: Json, faults: Iterable[Issue]) -> list[Issue]:
    """The checker's findings without those in resources that are passed by, valid or not."""
    entries = bundle.get("entry")
    passed_by = tuple(
        f"Bundle.entry[{index}].resource."
        for index, item in enumerate(entries if isinstance(entries, list) else ())
        if _type_in(item) in R4_TYPES - TAKEN_IN
    )
    return [fault for fault in faults if not f"{fault.expression}.".startswith(passed_by)]


def _type_in(item: Any) -> Any:
    """The type of an entry's resource, in a Bundle that need not be valid."""
    resource = item.get("resource") if isinstance(item, dict) else None
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    return kind if isinstance(kind, str) else None


def entries_of(content: Json, but: Set[int] = frozenset()) -> tuple[list[Entry], list[Issue]]:
    """What the entries ask for, but those of the indices `but`; and the issues of what cannot be asked."""
    items = enumerate(content.get("entry", ()))
    said = [read(index, item) for index, item in items if index not in but]
    found = [one for one in said if isinstance(one, Entry)]
    return found, [issue for one in said if not isinstance(one, Entry) for issue in one]


def read(index: int, item: Json) -> Entry | list[Issue]:
    """One element of Bundle.entry; the issues if it asks for something that there is not."""
    request = item.get("request", {})
    method, url, resource = request.get("method", ""), request.get("url", ""), item.get("resource")
    where = f"Bundle.entry[{index}]"
    path, _, query = url.partition("?")
    shape = _PATH.match(unquote(path))
    if shape is None or shape[1] not in R4_TYPES:
        return [Issue("value", "Not the path of a resource type of R4.", f"{where}.request.url")]
    sought = query_in(request["ifNoneExist"], shape[1]) if "ifNoneExist" in request else ""
    entry = Entry(
        index=index,
        method=method,
        type=shape[1],
        id=shape[2] or "",
        rest=shape[3],
        query=query,
        full_url=item.get("fullUrl") or _own_name(method, resource),
        resource=resource if method in ("POST", "PUT") else None,
        if_none_exist=sought if isinstance(sought, str) else "",
        if_match=request.get("ifMatch", ""),
        if_none_match=request.get("ifNoneMatch", ""),
        if_modified_since=request.get("ifModifiedSince", ""),
        is_passed_by=_is_passed_by(method, shape[1]) and not shape[3].startswith("/$"),
    )
    if isinstance(sought, Issue) and method == "POST":
        return [Issue(sought.code, sought.diagnostics, f"{where}.request.ifNoneExist")]
    return _faults(entry, where) or entry


def heeded(entry: Entry) -> Entry | list[Issue]:
    """An entry that would be passed by, as one to be carried out; the issues if it cannot be."""
    asked = msgspec.structs.replace(entry, is_passed_by=False)
    return _faults(asked, f"Bundle.entry[{entry.index}]") or asked


def query_in(condition: str, kind: str) -> str | Issue:
    """The query of If-None-Exist on that type, which may have an address before a question mark.

    A query has an equals sign before any question mark. The issue if it is empty or asks for another type.
    """
    address, mark, query = condition.strip().partition("?")
    if not mark or "=" in address:
        query = condition.strip()
    elif address.rpartition("/")[2] not in ("", kind):
        return Issue("value", "If-None-Exist asks for another type.")
    return query or Issue("value", "If-None-Exist is empty.")


def _own_name(method: str, resource: Json | None) -> str:
    """Untidy senders leave out the fullUrl of what they create and point at its own id."""
    own = resource.get("id") if resource is not None and method == "POST" else None
    return f"{resource['resourceType']}/{own}" if resource and own else ""


def _is_passed_by(method: str, kind: str) -> bool:
    """Reading any type is answered as it would be alone; writing one that we do not take in is passed by."""
    return method not in ("GET", "HEAD") and kind not in TAKEN_IN


def _faults(entry: Entry, where: str) -> list[Issue]:
    if entry.method == "POST" and entry.rest.startswith("/$"):
        return [Issue("not-supported", "An operation is posted by itself only.", f"{where}.request.url")]
    if (wrong := _mistaken(entry, where)) or entry.is_passed_by:
        return wrong
    if entry.method not in METHODS:
        sentence = "This method is not supported in a Bundle."
        return [Issue("not-supported", sentence, f"{where}.request.method")]
    if entry.method in ("POST", "PUT") and entry.resource is None:
        return [Issue("required", "This method needs a resource.", where)]
    if entry.method == "PUT":
        return _put_faults(entry, where)
    is_right = {
        "POST": not (entry.id or entry.query or entry.rest),
        "DELETE": is_id(entry.id) and not (entry.query or entry.rest),
    }
    if is_right.get(entry.method, True):
        return []
    return [Issue("value", "Not a URL that this method takes.", f"{where}.request.url")]


def _mistaken(entry: Entry, where: str) -> list[Issue]:
    """Where the request, or the fullUrl, is that of another resource than the entry's."""
    if entry.resource is None:
        return []
    if entry.resource["resourceType"] != entry.type:
        return [Issue("invalid", "Another type than the resource's.", f"{where}.request.url")]
    if entry.is_passed_by or _is_its_own(entry.full_url, entry.resource):
        return []
    return [Issue("value", "The fullUrl is that of another resource.", f"{where}.fullUrl")]


def _is_its_own(full_url: str, resource: Json) -> bool:
    """Whether a fullUrl that shows type and id, as an address does, shows the resource's."""
    shown = None if full_url.startswith("urn:") else RESTFUL.match(full_url)
    if shown is None or shown[2] not in R4_TYPES:
        return True
    return shown[2] == resource["resourceType"] and shown[3] == resource.get("id", shown[3])


def _put_faults(entry: Entry, where: str) -> list[Issue]:
    assert entry.resource is not None
    if entry.rest or bool(entry.id) == bool(entry.query) or (entry.id and not is_id(entry.id)):
        return [Issue("value", "PUT takes Type/id, or Type?search.", f"{where}.request.url")]
    if entry.id and entry.resource.get("id") != entry.id:
        return [Issue("value", "The resource's id is not that of the URL.", f"{where}.resource.id")]
    return []
