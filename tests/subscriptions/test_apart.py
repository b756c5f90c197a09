"""Tenants and tokens: nobody is told of another tenant's changes, or of what may not be read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.auth.house import House, house
from tests.kit.processes import until
from tests.subscriptions.partner import Partner, partner, subscription
from workers.announcing import Announcing

Json = dict[str, Any]
NORTH, SOUTH = "north", "south"


@pytest.fixture(scope="module")
def listed() -> Iterator[Partner]:
    """A partner whom the operator has listed."""
    with partner() as there:
        yield there


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, listed: Partner) -> Iterator[House]:
    """A service for two tenants that know their clients, and what tells the partner."""
    folder: Path = tmp_path_factory.mktemp("house")
    with house(folder, subscribers=f"http://127.0.0.1:{listed.server_port}") as found:
        service = found.server.service
        threads = Announcing(service.settings, service.store)
        threads.start()
        try:
            yield found
        finally:
            threads.stop()


def subscribed(home: House, listed: Partner, client: str, path: str) -> str:
    """The id of an active Subscription to a tenant's requests."""
    endpoint = f"{listed.endpoint}&path={path}"
    asked = subscription(listed, "ServiceRequest?", channel={"endpoint": endpoint})
    headers = home.as_client(client)
    created = home.http.post("/Subscription", json=asked, headers=headers)
    assert created.status_code == 201, created.text
    url = f"/Subscription/{created.json()['id']}"
    until(lambda: home.http.get(url, headers=headers).json()["status"] == "active", "active", 10)
    return str(created.json()["id"])


def request(home: House, client: str, id: str) -> None:
    """An EHR of that tenant sends a request."""
    sent = {
        "resourceType": "ServiceRequest",
        "id": id,
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/somebody"},
    }
    url = f"/ServiceRequest/{id}"
    assert home.http.put(url, json=sent, headers=home.as_client(client)).status_code == 201


def test_each_tenant_is_told_of_its_own(home: House, listed: Partner) -> None:
    north, south = (subscribed(home, listed, client, client) for client in (NORTH, SOUTH))
    other = {NORTH: home.as_client(SOUTH), SOUTH: home.as_client(NORTH)}
    for client, id in ((NORTH, north), (SOUTH, south)):
        assert home.http.get(f"/Subscription/{id}", headers=other[client]).status_code == 404
    request(home, NORTH, "of-north")
    request(home, SOUTH, "of-south")
    until(lambda: {"ServiceRequest/of-north", "ServiceRequest/of-south"} <= {*listed.focuses}, "told", 10)
    for one in listed.of("event-notification"):
        client, id = (NORTH, north) if one.path.endswith(NORTH) else (SOUTH, south)
        assert [focus for _, focus in one.events] == [f"ServiceRequest/of-{client}"]
        reference = f"https://referrals.example/fhir/Subscription/{id}"
        assert one.said["subscription"] == {"reference": reference}


def test_who_may_not_read_is_not_told(home: House, listed: Partner) -> None:
    asked = subscription(listed, "Task?")
    for scope, status, said in (
        ("system/Subscription.c", 403, "system/Task.r"),
        ("system/Subscription.c system/ServiceRequest.rs", 403, "system/Task.r"),
        ("system/Task.rs", 403, "system/Subscription.c"),
        ("system/Subscription.c system/Task.r", 201, ""),
    ):
        headers = home.as_client(NORTH, scope)
        answer = home.http.post("/Subscription", json=asked, headers=headers)
        assert (answer.status_code, said in answer.text) == (status, True), answer.text
        entry = {"resource": asked, "request": {"method": "POST", "url": "Subscription"}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        together = home.http.post("", json=bundle, headers=headers)
        assert together.status_code == (200 if status == 201 else 403)
