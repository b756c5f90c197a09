"""The service, its worker and a partner; notifications are sent when a test says so."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from referral_service.ehr.subscribers import Subscribers
from referral_service.store.engine import connect
from referral_service.store.outlets import SqlOutlets
from referral_service.wiring import build_assessor, build_sender
from referral_service.workflow.announce import Announce
from tests.api.people import House
from tests.kit.databases import postgresql
from tests.kit.server import running, server
from tests.subscriptions.partner import Partner, partner
from tests.workflow.delivery import Ahead

__all__ = ["server"]

Json = dict[str, Any]
LEASE_SECONDS = 60


@dataclass
class Wire:
    """What tells the partner; `clock` is its own, and stands still."""

    house: House
    partner: Partner
    clock: Ahead = field(default_factory=Ahead)

    def __post_init__(self) -> None:
        # as a worker's, which works for all tenants
        self.engine = connect(self.house.server.service.settings.database)
        self.outlets = SqlOutlets(self.engine, self.clock, LEASE_SECONDS)
        self.allow()

    def allow(self, *origins: str) -> None:
        """The only subscribers from now on; none: whoever is on this machine."""
        subscribers = Subscribers(origins, is_open=True)
        self.announce = Announce(self.outlets, subscribers, self.clock, f"{self.house.server.address}/fhir")

    def look(self) -> list[str]:
        """Until nothing is to be told; how each outing ended."""
        ended: list[str] = []
        while outing := self.announce.claim():
            ended.append(self.announce.run(outing))
            assert len(ended) < 100
        return ended

    def deliver(self) -> None:
        """Approved orders can be read by their fulfiller from now on."""
        service = self.house.server.service
        sender = build_sender(service.settings, service.store)
        assert sender and sender.courier.deliver() == ["arrived"]

    def pass_by(self, **duration: float) -> None:
        """Time goes on."""
        self.clock.at += timedelta(**duration)

    def subscribe(self, asked: Json) -> str:
        """The id of a Subscription that is active."""
        created = self.house.server.post(asked)
        assert created.status_code == 201, created.text
        self.look()
        assert self.read(created.json()["id"])["status"] == "active"
        self.partner.told.clear()
        return str(created.json()["id"])

    def read(self, id: str) -> Json:
        """A Subscription as it is now."""
        found: Json = self.house.server.http.get(f"/Subscription/{id}").json()
        return found


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The service with its worker, on each database; partners read their orders there."""
    folder = tmp_path_factory.mktemp("house")
    with ExitStack() as opened:
        chosen: Json = {"destination": "pull"}
        if request.param == "postgresql":
            chosen["database_url"] = opened.enter_context(postgresql())
        served = opened.enter_context(running(folder, **chosen))
        yield House(served, build_assessor(served.service.settings, served.service.store))


@pytest.fixture
def there() -> Iterator[Partner]:
    """A partner."""
    with partner() as found:
        yield found


@pytest.fixture
def wire(house: House, there: Partner) -> Iterator[Wire]:
    """On each database; nobody else is subscribed at the end."""
    found = Wire(house, there)
    yield found
    house.judge()
    for entry in house.server.search("Subscription", _count="500").get("entry", ()):
        assert house.server.http.delete(f"/Subscription/{entry['resource']['id']}").is_success
    found.pass_by(days=2)
    found.look()
    found.engine.dispose()
