"""Orders on their way, for the pages' tests: a service with an EHR that others can play with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from referral_service.fake_ehr.server import FakeEhr, Faults, serve
from referral_service.wiring import Sender, build_assessor, build_sender
from tests.api.people import EXHAUSTED, House
from tests.kit.server import running
from tests.worklist.people import named

TWICE = Faults(double=1.0, most=1)


@dataclass(frozen=True)
class Sending:
    """A house, the EHR that its orders go to, and whoever sends them."""

    house: House
    ehr: FakeEhr
    sender: Sender

    def deliver(self) -> list[str]:
        """One look for what is to be sent; how each try ended."""
        return self.sender.courier.deliver()

    def approved(self, name: str) -> str:
        """A patient of that name with an approved order."""
        return approved(self.house, name)


def approved(house: House, name: str) -> str:
    """A patient of that name with an approved order."""
    patient = named(house, name, *EXHAUSTED)
    (proposal,) = [one for one in house.ours(patient, "ServiceRequest") if one["status"] == "draft"]
    assert house.say("approve", proposal).is_success
    return patient


@contextmanager
def sending(folder: Path) -> Iterator[Sending]:
    """SQLite, and a real EHR beside it."""
    ehr = FakeEhr()
    with serve(ehr) as address, running(folder, ehr_url=address, ehr_poll_seconds=0) as served:
        settings, store = served.service.settings, served.service.store
        sender = build_sender(settings, store)
        assert sender
        try:
            yield Sending(House(served, build_assessor(settings, store)), ehr, sender)
        finally:
            sender.close()
