"""Every way to ask for a resource, from the table that routes; and the objects of another tenant."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from referral_service.api.fhir.table import codes, interactions
from referral_service.fhir.search.table import KINDS, TAKEN_IN
from tests.api.test_capabilities import SMALLEST
from tests.auth.house import PARTNER, House
from tests.kit.server import ids

Json = dict[str, Any]
CANARY = "Canary-of-the-south"
# The address of each shape of a place; that of an operation is the name of its shape.
ADDRESSES = {
    "type": "/{type}",
    "search": "/{type}/_search",
    "instance": "/{type}/{id}",
    "history": "/{type}/{id}/_history",
    "version": "/{type}/{id}/_history/1",
    "compartment": "/Patient/{patient}/{type}",
    "compartment search": "/Patient/{patient}/{type}/_search",
}
SUBSCRIPTION: Json = {
    "status": "off",
    "reason": "x",
    "criteria": "Task?status=requested",
    "channel": {"type": "rest-hook", "endpoint": f"{PARTNER}/hook"},
}
SENT = {**SMALLEST, "Subscription": SUBSCRIPTION}
PATCH = {"Content-Type": "application/json-patch+json"}


class Way(NamedTuple):
    """One request, before it is known about which object."""

    method: str
    shape: str
    code: str
    type: str

    def __str__(self) -> str:
        return f"{self.method} {self.shape} {self.type}"

    @property
    def address(self) -> str:
        """With the object's id and its patient's to be filled in."""
        known = ADDRESSES.get(self.shape, f"/{{type}}/{{id}}/{self.shape}")
        return known.replace("{type}", self.type)

    @property
    def creates(self) -> bool:
        """Whether it makes an object of one's own where there is none of that id."""
        return self.method == "PUT" and self.type in TAKEN_IN

    @property
    def names_one(self) -> bool:
        """Whether it is about one object, which must be there."""
        return "{id}" in self.address and not self.creates and self.method != "DELETE"


def ways() -> Iterator[Way]:
    """Whatever may be asked of stored resources; a new interaction is among them by itself."""
    for kind in KINDS.values():
        allowed = codes(kind)
        for (shape, method), interaction in interactions(kind.type).items():
            is_kept = not shape.startswith("compartment") or kind.parameter("patient") is not None
            if interaction.code in allowed and is_kept:
                yield Way(method, shape, interaction.code, kind.type)


def settled(home: House) -> dict[str, str]:
    """An object of the tenant south of every type that is stored, by its type; CANARY is in those sent."""
    south = home.as_client("south")
    found = {}
    for kind in KINDS:
        if kind in SENT:
            mine = {"resourceType": kind, "id": f"south-{kind.lower()}", **SENT[kind], "language": CANARY}
            put = home.http.put(f"/{kind}/{mine['id']}", json=mine, headers=south)
            assert put.status_code == 201, (kind, put.text)
        listed = ids(home.http.get(f"/{kind}?_count=500", headers=south).json())
        assert listed, f"no {kind} of the south: how is its route to be tried?"
        found[kind] = f"south-{kind.lower()}" if kind in SENT else listed[0]
    return found


def body_of(way: Way, identity: str) -> dict[str, Any]:
    """What is sent along, as httpx takes it."""
    if way.method == "PATCH":
        return {"content": b"[]", "headers": PATCH}
    if way.shape.endswith("search"):
        return {"data": {"_id": identity}}
    if way.method in ("POST", "PUT") and not way.code.startswith("$"):
        smallest = SENT.get(way.type, {"status": "accepted", "intent": "order"})
        return {"json": {"resourceType": way.type, "id": identity, **smallest}}
    return {}
