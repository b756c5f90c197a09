"""What one write asks for, settled: which resource it is about, and what that becomes.

The same for a request over HTTP and for an entry of a Bundle. Source: https://hl7.org/fhir/R4/http.html.
"""

from typing import Any, Final, NamedTuple

import msgspec

from referral_service.fake_ehr.answer import FLAWLESS, Flaws, Refused
from referral_service.fake_ehr.patch import patched
from referral_service.fake_ehr.search import matches, parse_text
from referral_service.fake_ehr.store import Store, Version, Write
from referral_service.fhir.check import R4_TYPES, check
from referral_service.fhir.search.reference import is_id

Json = dict[str, Any]
METHODS: Final = ("POST", "PUT", "PATCH", "DELETE")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A write as it is asked for. `query` is that of a conditional update; `path` is where it stands."""

    method: str
    type: str
    id: str = ""
    query: str = ""
    resource: Json | None = None
    patch: Any = None
    if_none_exist: str = ""
    if_match: str = ""
    full_url: str = ""
    path: str = ""


class Settled(NamedTuple):
    """A change whose resource is known. `found`: it was there already, and a conditional create is idle."""

    change: Change
    write: Write | None
    status: int
    found: Version | None = None

    @property
    def name(self) -> str:
        """Type/id of what it is about."""
        about = self.write or self.found
        assert about is not None
        return f"{about.type}/{about.id}"


def settle(store: Store, change: Change, flaws: Flaws = FLAWLESS) -> Settled:
    """Looks up what the change is about and holds it against its conditions; raises Refused."""
    if change.type not in R4_TYPES:
        raise Refused(404, "not-supported", "There is no such resource type.")
    if change.method not in METHODS:
        raise Refused(405, "not-supported", "This method is not supported.")
    if change.method in ("POST", "PUT"):
        _hold_valid(change)
    return {"POST": _create, "PUT": _update, "PATCH": _patch, "DELETE": _delete}[change.method](
        store, change, flaws
    )


def _create(store: Store, change: Change, flaws: Flaws) -> Settled:
    if change.if_none_exist:
        found = _found(store, change.type, change.if_none_exist, flaws)
        if found:
            return Settled(change, None, 200, found)
    resource = dict(change.resource or {})
    if flaws.is_order_dropped:
        resource.pop("identifier", None)
    return Settled(change, Write(change.type, store.mint(), resource), 201)


def _update(store: Store, change: Change, flaws: Flaws) -> Settled:
    assert change.resource is not None
    own = change.resource.get("id", "")
    if change.query:
        found = _found(store, change.type, change.query, flaws)
        if found and own not in ("", found.id):
            raise Refused(400, "value", "The condition finds a resource of another id.")
        id = found.id if found else own or store.mint()
    elif not is_id(change.id) or own != change.id:
        raise Refused(400, "value", "The id of the resource is not that of the address.")
    else:
        id = change.id
    current = store.latest(change.type, id)
    _hold_version(change, current)
    is_there = current is not None and current.resource is not None
    return Settled(change, Write(change.type, id, change.resource), 200 if is_there else 201)


def _patch(store: Store, change: Change, flaws: Flaws) -> Settled:
    current = there(store, change.type, change.id)
    _hold_version(change, current)
    resource = patched(current.resource or {}, change.patch)
    if (resource.get("resourceType"), resource.get("id")) != (change.type, change.id):
        raise Refused(422, "business-rule", "A patch changes neither type nor id.")
    if issues := check(resource):
        raise Refused(422, "invalid", "", issues)
    return Settled(change, Write(change.type, change.id, resource), 200)


def _delete(store: Store, change: Change, flaws: Flaws) -> Settled:
    current = there(store, change.type, change.id)
    _hold_version(change, current)
    return Settled(change, Write(change.type, change.id, None), 204)


def there(store: Store, type: str, id: str) -> Version:
    """The last version of what is there; Refused with 404 or 410 if it is not."""
    version = store.latest(type, id)
    if version is None:
        raise Refused(404, "not-found", "There is no such resource.")
    if version.resource is None:
        raise Refused(410, "deleted", "This resource was deleted.")
    return version


def _found(store: Store, type: str, condition: str, flaws: Flaws) -> Version | None:
    found = matches(store, parse_text(type, condition), flaws.racy_seconds)
    if len(found) > 1:
        raise Refused(412, "multiple-matches", "More than one resource matches the condition.")
    return found[0] if found else None


def _hold_version(change: Change, current: Version | None) -> None:
    if change.if_match and change.if_match != (current.etag if current else ""):
        raise Refused(412, "conflict", "This is not the version that If-Match expects.")


def _hold_valid(change: Change) -> None:
    """A resource of that very type, as R4 has it."""
    if change.resource is None:
        raise Refused(400, "required", "This method needs a resource.")
    if change.resource.get("resourceType") != change.type:
        raise Refused(400, "invalid", "The resource is of another type than the address.")
    if issues := check(change.resource, change.path or None):
        raise Refused(400, "invalid", "", issues)
