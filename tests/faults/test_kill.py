"""API, worker and broker killed under load: nothing acknowledged is lost, and everybody is decided."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import httpx
import pytest

from referral_service.settings import Settings
from referral_service.wiring import build_store
from tests.kit.processes import children, place, service, until
from tests.kit.writes import TENANT

pytestmark = pytest.mark.xdist_group("processes")

SENDERS = 4
ROUNDS = 2


class Sender:
    """One EHR that creates patients and conditions one after another until it is told to stop."""

    def __init__(self, number: int, settings: Settings, is_over: Event) -> None:
        self.name = f"sender-{number}"
        self.address = f"http://127.0.0.1:{settings.port}/fhir"
        self.is_over = is_over
        self.acknowledged: dict[str, bytes] = {}

    def send(self) -> None:
        number = 0
        with httpx.Client(timeout=10) as http:
            while not self.is_over.is_set():
                number += 1
                with suppress(httpx.TransportError):
                    self._send_one(http, f"{self.name}-{number}")

    def _send_one(self, http: httpx.Client, id: str) -> None:
        subject = {"reference": f"Patient/{id}"}
        code = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M51.26"}]}
        for resource in (
            {"resourceType": "Patient", "id": id, "birthDate": "1980-04-01"},
            {"resourceType": "Condition", "id": id, "subject": subject, "code": code},
        ):
            answer = http.put(f"{self.address}/{resource['resourceType']}/{id}", json=resource)
            if answer.is_success:
                self.acknowledged[f"{resource['resourceType']}/{id}"] = answer.content
            else:
                assert answer.status_code == 503


def test_nothing_acknowledged_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    settings = place(tmp_path / "data")
    is_over = Event()
    senders = [Sender(number, settings, is_over) for number in range(SENDERS)]
    with service(settings) as up, ThreadPoolExecutor(SENDERS) as pool:
        done = [pool.submit(sender.send) for sender in senders]
        for _ in range(ROUNDS):
            for name in ("worker", "api", "broker"):
                _acknowledging(senders)
                _kill(up.pid, name)
        _acknowledging(senders)
        is_over.set()
        for sending in done:
            sending.result()

        address = f"http://127.0.0.1:{settings.port}"
        acknowledged = {name: body for sender in senders for name, body in sender.acknowledged.items()}
        with httpx.Client(timeout=10) as http:
            lost = [name for name in acknowledged if not http.get(f"{address}/fhir/{name}").is_success]
            until(lambda: "\npatients_due 0.0" in http.get(f"{address}/metrics").text, "everybody decided")
            patients = [name for name in acknowledged if name.startswith("Condition/")]
            undecided = [name for name in patients if _decisions(http, address, name) != 1]

    assert (lost, undecided) == ([], [])
    store = build_store(settings)
    assert store.verify_ledger(TENANT).broken_at is None
    assert store.counts().patients_parked == 0
    store.close()


def _decisions(http: httpx.Client, address: str, name: str) -> int:
    patient = name.replace("Condition", "Patient")
    return len(http.get(f"{address}/fhir/GuidanceResponse?patient={patient}").json().get("entry", []))


def _acknowledging(senders: list[Sender]) -> None:
    """Waits until the service has acknowledged a few more."""

    def count() -> int:
        return sum(len(sender.acknowledged) for sender in senders)

    before = count()
    until(lambda: count() >= before + 20, "acknowledged again")


def _kill(supervisor: int, name: str) -> None:
    def found() -> int | None:
        return children(supervisor).get(name)

    until(lambda: found() is not None, f"{name} running")
    victim = found()
    if victim is not None:
        os.kill(victim, signal.SIGKILL)
