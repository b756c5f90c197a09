"""An EHR that is served, a client of it, and what it is sent."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx

from referral_service.fake_ehr.server import FakeEhr, serve

Json = dict[str, Any]
SYSTEM = "urn:clinic:orders"
FULFIL = {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]}


@dataclass(frozen=True)
class Served:
    """`http` has the address of the FHIR server as its base."""

    ehr: FakeEhr
    address: str
    http: httpx.Client

    def post(self, resource: Json, **headers: str) -> httpx.Response:
        """A create; headers with underscores for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(f"/{resource['resourceType']}", json=resource, headers=named)

    def put(self, resource: Json, **headers: str) -> httpx.Response:
        """An update under the resource's own id."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.put(f"/{resource['resourceType']}/{resource['id']}", json=resource, headers=named)

    def send(self, kind: str, *entries: Mapping[str, Any]) -> httpx.Response:
        """A Bundle of that type."""
        return self.http.post("", json={"resourceType": "Bundle", "type": kind, "entry": list(entries)})

    def found(self, what: str, **parameters: str) -> list[str]:
        """The ids that a search finds; parameters with underscores for hyphens inside a name."""
        answer = self.http.get(f"/{what}", params={_hyphens(name): it for name, it in parameters.items()})
        assert answer.status_code == 200, answer.text
        return [entry["resource"]["id"] for entry in answer.json().get("entry", ())]


def _hyphens(name: str) -> str:
    return name[:1] + name[1:].replace("_", "-")


@contextmanager
def served(ehr: FakeEhr | None = None) -> Iterator[Served]:
    """Serves it while the block lasts."""
    ehr = ehr or FakeEhr()
    with serve(ehr) as address, httpx.Client(base_url=address, timeout=10.0) as http:
        yield Served(ehr, address, http)


def order(value: str, **more: Any) -> Json:
    """A ServiceRequest with that identifier."""
    return {
        "resourceType": "ServiceRequest",
        "identifier": [{"system": SYSTEM, "value": value}],
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/ann"},
        **more,
    }


def task(value: str, focus: str, **more: Any) -> Json:
    """A Task to fulfil an order."""
    return {
        "resourceType": "Task",
        "identifier": [{"system": SYSTEM, "value": value}],
        "status": "requested",
        "intent": "order",
        "code": FULFIL,
        "focus": {"reference": focus},
        "for": {"reference": "Patient/ann"},
        **more,
    }


def delivery(value: str) -> list[Json]:
    """The entries that bring an order and its Task, each unless it is there."""
    name = f"urn:uuid:{uuid5(NAMESPACE_URL, value)}"
    return [
        created(order(value), full_url=name, if_none_exist=f"identifier={SYSTEM}|{value}"),
        created(task(value, name), if_none_exist=f"identifier={SYSTEM}|{value}"),
    ]


def created(resource: Json, full_url: str = "", if_none_exist: str = "") -> Json:
    """An entry that creates."""
    request = {"method": "POST", "url": resource["resourceType"]}
    if if_none_exist:
        request["ifNoneExist"] = if_none_exist
    return ({"fullUrl": full_url} if full_url else {}) | {"resource": resource, "request": request}


def issue_codes(answer: httpx.Response) -> list[str]:
    """The codes of an OperationOutcome."""
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    return [issue["code"] for issue in outcome["issue"]]
