"""An EHR whose Subscriptions tell us by themselves, and the threads that fetch, all at work."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from referral_service.fake_ehr.server import FakeEhr, Manners, serve
from referral_service.fhir.parse import dump
from tests.api.charts import condition, patient
from tests.kit.processes import until
from tests.kit.server import Running, running
from tests.notify.fetching import sources
from tests.notify.news import athena, focus
from tests.notify.offset_ehr import offset_ehr
from tests.notify.partners import hub
from workers.fetching import Fetching

Json = dict[str, Any]
SECRET = "shared with the EHR"
CONTENT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"
FILTER = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria"
CHANNELS: dict[str, Json] = {
    "ids": {
        "payload": "application/fhir+json",
        "_payload": {"extension": [{"url": CONTENT, "valueCode": "id-only"}]},
    },
    "whole resources": {"payload": "application/fhir+json"},
    "nothing": {},
}


@contextmanager
def at_work(folder: Path, address: str) -> Iterator[Running]:
    """The service, with the threads of a worker that fetch."""
    (folder / "secret").write_text(SECRET)
    polling = {"types": ["Patient", "Condition"], "every": "PT1H", "budget": 60_000}
    file = sources(folder, address, notify={"secret_file": "secret"}, poll=polling)
    with running(folder / "data", sources=file) as served:
        threads = Fetching(served.service.settings, served.service.store)
        threads.start()
        try:
            yield served
        finally:
            threads.stop()


@pytest.mark.parametrize("hook", ["put", "post"])
@pytest.mark.parametrize("style", CHANNELS)
def test_what_changes_there_is_soon_known_here(tmp_path: Path, style: str, hook: Any) -> None:
    ehr = FakeEhr(manners=Manners(hook=hook, secret=SECRET.encode()))
    with serve(ehr) as address, at_work(tmp_path, address) as served:
        endpoint = f"{served.address}/notify/ehr"
        filtered = [{"url": FILTER, "valueString": "Condition?"}, {"url": FILTER, "valueString": "Patient?"}]
        for kind in ("Patient", "Condition"):
            subscription = {
                "resourceType": "Subscription",
                "status": "requested",
                "reason": "spine care",
                "criteria": "https://ehr.example/topics/chart" if style == "ids" else f"{kind}?",
                **({"_criteria": {"extension": filtered}} if style == "ids" else {}),
                "channel": {"type": "rest-hook", "endpoint": endpoint, **CHANNELS[style]},
            }
            assert httpx.post(f"{address}/Subscription", json=subscription).status_code == 201
        until(lambda: {one["status"] for one in ehr.stored("Subscription")} == {"active"}, "active")
        ehr.put(patient("ann"))
        ehr.put(condition("Patient/ann", id="disc"))
        until(lambda: served.http.get("/Condition/disc").status_code == 200, "known")
        until(lambda: served.http.get("/Patient/ann").status_code == 200, "the patient too")
        ehr.put(condition("Patient/ann", "M51.36", id="disc"))
        until(lambda: "M51.36" in served.http.get("/Condition/disc").text, "the change too")
        assert ehr.settle() and ehr.notifier.counts["given-up"] == 0


def test_a_hundred_notifications_of_one_patient_are_two_fetches_at_most(tmp_path: Path) -> None:
    reached, goes_on = Event(), Event()

    def hold(number: int) -> None:
        if "patient" in ehr.searches[-1]:
            reached.set()
            goes_on.wait(20)

    with offset_ehr(on_search=hold) as ehr, at_work(tmp_path, ehr.address) as served:
        ehr.put(patient("ann"))

        def tell(number: int) -> None:
            raw = dump(athena(f"bundle-{number}", focus("Patient/ann")))
            headers = {"Content-Type": "application/json", **hub(raw, SECRET)}
            answer = served.http.post(f"{served.address}/notify/ehr", content=raw, headers=headers)
            assert answer.status_code == 200

        tell(0)
        assert reached.wait(20)
        ehr.put(condition("Patient/ann", id="disc"))
        for number in range(1, 100):
            tell(number)
        goes_on.set()
        until(lambda: served.http.get("/Condition/disc").status_code == 200, "known")
        until(lambda: served.service.store.counts().errands_due == 0, "done")
        assert ehr.reads == ["Patient/ann"] * 2
