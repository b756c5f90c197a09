"""A person's answer outlives the service: killed right after it and started again, it is there, once."""

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from referral_service.clinic.chart import build
from referral_service.clinic.ehr import Ehr
from referral_service.clock import SystemClock, local_day
from tests.api.people import EXHAUSTED, NURSE
from tests.kit.processes import children, place, service, until

pytestmark = pytest.mark.xdist_group("processes")

Json = dict[str, Any]


def ours(http: httpx.Client, kind: str) -> list[Json]:
    return [
        e["resource"]
        for e in http.get(f"/{kind}", params={"patient": "Patient/nora"}).json().get("entry", ())
    ]


def statuses(http: httpx.Client) -> list[tuple[str, str]]:
    return sorted(
        (one["resourceType"], one["status"])
        for kind in ("ServiceRequest", "Task")
        for one in ours(http, kind)
    )


def is_quiet(http: httpx.Client, address: str) -> bool:
    return "\npatients_due 0.0" in http.get(f"{address}/metrics").text


def test_an_approval_outlives_a_kill(tmp_path: Path) -> None:
    settings = place(tmp_path)
    address = f"http://127.0.0.1:{settings.port}"
    today = local_day(SystemClock().now(), "UTC")
    with httpx.Client(base_url=f"{address}/fhir", headers={"X-Actor": NURSE}, timeout=30.0) as http:
        with service(settings) as running:
            with Ehr(f"{address}/fhir") as ehr:
                ehr.in_one_transaction(build({"id": "nora", "given": EXHAUSTED}, today))
            until(lambda: bool(ours(http, "ServiceRequest")), "drafted")
            (asked,) = ours(http, "ServiceRequest")
            order = http.post(f"/ServiceRequest/{asked['id']}/$approve").json()
            for process in (*children(running.pid).values(), running.pid):
                os.kill(process, signal.SIGKILL)
            running.wait()
        with service(settings):
            until(lambda: is_quiet(http, address), "quiet")
            approved = [
                ("ServiceRequest", "active"),
                ("ServiceRequest", "completed"),
                ("Task", "completed"),
                ("Task", "draft"),
            ]
            assert statuses(http) == approved
            assert http.get(f"/ServiceRequest/{order['id']}").json() == order
            assert http.post(f"/ServiceRequest/{asked['id']}/$approve").status_code == 409
            assert statuses(http) == approved
