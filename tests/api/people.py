"""A service with a worker beside it, on each of the two databases; and people who answer by HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from referral_service.clinic.chart import build
from referral_service.wiring import build_assessor
from referral_service.workflow.assess import Assessor
from tests.api.charts import new_id
from tests.kit.databases import postgresql
from tests.kit.server import Running, running

Json = dict[str, Any]
NURSE, DOCTOR = "Practitioner/nurse-7", "Practitioner/doctor-2"
EXHAUSTED: list[Json] = [
    {"condition": "M51.360", "onset": -264, "id": "disc"},
    {"procedure": "97110", "every": {"from": -210, "to": -40, "step": 7}},
    {"medication": "198014", "from": -212, "supply": 180},
    {"score": "97909-6", "value": 48, "unit": "%", "on": -208},
    {"score": "97909-6", "value": 46, "unit": "%", "on": -12},
    {"imaging": "24968-0", "on": -137},
]
UNCLEAR = EXHAUSTED[:-1]
CAUDA: Json = {"condition": "G83.4", "onset": -1, "id": "cauda"}


@dataclass(frozen=True)
class House:
    """The service and its worker."""

    server: Running
    worker: Assessor

    def judge(self) -> None:
        """The worker has its turn until nobody is due."""
        while self.worker.run_due():
            pass

    def chart(self, *given: Json, patient: str = "") -> str:
        """The id of a patient with this story, judged."""
        story = {"id": patient or new_id("person"), "given": list(given)}
        for resource in build(story, self.server.service.clock.as_of().date()):
            assert self.server.put(resource).is_success
        self.judge()
        return str(story["id"])

    def ours(self, patient: str, kind: str) -> list[Json]:
        """Requests or Tasks of a patient, the oldest first."""
        found = self.server.search(kind, patient=f"Patient/{patient}", _sort="_lastUpdated")
        return [entry["resource"] for entry in found.get("entry", ())]

    def say(self, verb: str, to: Json | str, *parameters: Json, **headers: str) -> httpx.Response:
        """One verb, as NURSE unless X-Actor says otherwise."""
        address = to if isinstance(to, str) else f"{to['resourceType']}/{to['id']}"
        named = {"X-Actor": NURSE, **{name.replace("_", "-"): value for name, value in headers.items()}}
        body = {"resourceType": "Parameters", "parameter": list(parameters)} if parameters else None
        return self.server.http.post(f"/{address}/${verb}", json=body, headers=named)

    def statuses(self, patient: str) -> dict[str, str]:
        """Each request by its intent and each Task by its code, with its status."""
        requests = {one["intent"]: one["status"] for one in self.ours(patient, "ServiceRequest")}
        return requests | {
            one["code"]["coding"][0]["code"]: one["status"] for one in self.ours(patient, "Task")
        }


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for each test module and database."""
    folder = tmp_path_factory.mktemp("house")
    if request.param == "sqlite":
        with running(folder) as served:
            yield House(served, build_assessor(served.service.settings, served.service.store))
    else:
        with postgresql() as address, running(folder, database_url=address) as served:
            yield House(served, build_assessor(served.service.settings, served.service.store))


def text(name: str, value: str) -> Json:
    """A parameter of text."""
    return {"name": name, "valueString": value}


def code(value: str) -> Json:
    """The reason."""
    return {"name": "reason", "valueCode": value}
