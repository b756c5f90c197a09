"""A whole service sends approved orders; its worker is killed meanwhile, and each order goes out once."""

from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from referral_service.clinic.chart import build
from referral_service.clock import SystemClock
from referral_service.fake_ehr.server import FakeEhr, Faults, Manners, serve
from referral_service.settings import Settings
from tests.kit.processes import children, kill_all, place, service, until

pytestmark = pytest.mark.xdist_group("processes")

ORDERS = 6
NURSE = {"X-Actor": "Practitioner/nurse-7"}


class Clients:
    """The EHR that posts, and people who approve."""

    def __init__(self, settings: Settings) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{settings.port}/fhir", timeout=30)

    def find(self, kind: str, **asked: str) -> list[dict[str, Any]]:
        page = self.http.get(f"/{kind}", params={"_count": "100", **asked}).raise_for_status().json()
        return [entry["resource"] for entry in page.get("entry", ())]

    def post(self, number: int) -> None:
        story = {"id": f"p{number}", "given": [{"condition": "G83.4", "onset": -3, "id": "flag"}]}
        for resource in build(story, SystemClock().as_of().date()):
            kind, id = resource["resourceType"], resource["id"]
            self.http.put(f"/{kind}/{id}", json=resource).raise_for_status()

    def approve(self) -> None:
        for proposal in self.find("ServiceRequest", intent="proposal", status="draft"):
            self.http.post(f"/ServiceRequest/{proposal['id']}/$approve", headers=NURSE).raise_for_status()

    def statuses(self) -> list[str]:
        return sorted(one["status"] for one in self.find("Task", code="fulfill"))


def has_sent(ehr: FakeEhr, least: int) -> bool:
    return ehr.requests["POST", "transaction"] >= least


def test_a_worker_killed_while_it_sends_sends_nothing_twice(tmp_path: Path) -> None:
    faults = Faults(latency=1.0, latency_seconds=(0.1, 0.3), only=("transaction", "search"), lost_answer=0.2)
    ehr = FakeEhr(faults=faults, seed=3)
    with serve(ehr) as address:
        settings = place(tmp_path / "data", ehr_url=address, ehr_timeout_seconds=1)
        with service(settings) as up:
            clients = Clients(settings)
            for number in range(ORDERS):
                clients.post(number)
            until(lambda: len(clients.find("ServiceRequest", status="draft")) == ORDERS, "all are drafted")
            clients.approve()
            for least in (1, 3):
                until(partial(has_sent, ehr, least), "orders are on their way")
                until(lambda: "worker" in children(up.pid), "a worker runs")
                kill_all([children(up.pid)["worker"]])  # one that still dies is no worker that runs
            until(lambda: clients.statuses() == ["requested"] * ORDERS, "all have arrived", 90)
            clients.http.close()
    assert len(ehr.stored("ServiceRequest")) == len(ehr.stored("Task")) == ORDERS
    assert len({one["identifier"][0]["value"] for one in ehr.stored("ServiceRequest")}) == ORDERS


def test_an_order_is_followed_until_its_loop_is_closed(tmp_path: Path) -> None:
    ehr = FakeEhr(manners=Manners(fulfil_seconds=0.5))
    with serve(ehr) as address:
        settings = place(tmp_path / "data", ehr_url=address, ehr_poll_seconds=1)
        with service(settings):
            clients = Clients(settings)
            clients.post(1)
            until(lambda: bool(clients.find("ServiceRequest", status="draft")), "it is drafted")
            clients.approve()
            until(lambda: clients.statuses() == ["completed"], "the loop is closed")
            requests = {one["intent"]: one["status"] for one in clients.find("ServiceRequest")}
            (task,) = clients.find("Task", code="fulfill")
            clients.http.close()
    assert requests == {"proposal": "completed", "order": "completed"}
    assert task["output"][0]["valueReference"]["reference"].startswith("DiagnosticReport/")
