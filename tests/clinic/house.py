"""The whole service at work on the sample clinic: real processes, a real broker, a real worker."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx
from prometheus_client.parser import text_string_to_metric_families

from referral_service.cli.running import RunningService, free_port
from referral_service.clinic.answers import Answer, Reader, Referral
from referral_service.clinic.ehr import Ehr
from referral_service.clinic.stories import Story
from referral_service.settings import Settings

_PATIENCE_SECONDS = 60.0
# So that what a killed worker had claimed is soon another's.
_LEASE_SECONDS = 5
# What a sender may count on to be the same once quiet; withdrawn referrals and generations may differ.
OpenReferral = tuple[str, str, str, str, str]


class Clinic(NamedTuple):
    """A running service, an EHR that posts to it, and a reader of its answers."""

    service: RunningService
    ehr: Ehr
    http: httpx.Client

    def _reader(self) -> Reader:
        return Reader(f"{self.service.address}/fhir", self.http)

    def decisions(self, stories: Iterable[Story]) -> dict[str, set[Answer]]:
        """By patient."""
        return {s["id"]: {each.answer for each in self._reader().decisions(s["id"])} for s in stories}

    def referrals(self, stories: Iterable[Story]) -> dict[str, list[Referral]]:
        """By patient, withdrawn ones too."""
        return {story["id"]: self._reader().referrals(story["id"]) for story in stories}

    def open_referrals(self, stories: Iterable[Story]) -> Counter[OpenReferral]:
        """Patient, target, priority, intent and status of each referral that is not withdrawn."""
        return Counter(
            (patient, each.target, each.priority, each.intent, each.status)
            for patient, referrals in self.referrals(stories).items()
            for each in referrals
            if each.status != "revoked"
        )

    def metric(self, name: str) -> float:
        """One number of /metrics."""
        page = self.http.get(f"{self.service.address}/metrics").raise_for_status().text
        samples = (s for family in text_string_to_metric_families(page) for s in family.samples)
        return next(sample.value for sample in samples if sample.name == name)

    def wait_until_quiet(self) -> None:
        """Until nobody waits for an evaluation."""
        wait_until(lambda: self.metric("patients_due") == 0)

    def kill_worker(self) -> set[int]:
        """Ends the worker's processes as a crash would; returns their ids."""
        wait_until(lambda: bool(_workers(self.service)))
        victims = _workers(self.service)
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return victims

    def has_new_worker(self, than: set[int]) -> bool:
        """Whether a worker runs that is none of these."""
        return bool(_workers(self.service) - than)


@contextmanager
def clinic(data_dir: Path, clock_shift: str = "+0d") -> Iterator[Clinic]:
    """The service of one data folder, ready for requests."""
    settings = Settings.model_validate(
        {
            "data_dir": data_dir,
            "port": free_port("127.0.0.1"),
            "clock_shift": clock_shift,
            "lease_seconds": _LEASE_SECONDS,
        }
    )
    with RunningService(settings) as service, httpx.Client(timeout=30.0) as http:
        wait_until(lambda: service.is_ready(http))
        with Ehr(f"{service.address}/fhir") as ehr:
            yield Clinic(service, ehr, http)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Polls; fails the test when patience ends."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def _workers(service: RunningService) -> set[int]:
    """Every process of Celery below the supervisor."""
    below: dict[int, list[int]] = {}
    commands: dict[int, bytes] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            stat = (folder / "stat").read_text()
            parent = int(stat.rpartition(")")[2].split()[1])
            below.setdefault(parent, []).append(int(folder.name))
            commands[int(folder.name)] = (folder / "cmdline").read_bytes()
    found: set[int] = set()
    waiting = [service.pid] if service.pid else []
    while waiting:
        for pid in below.get(waiting.pop(), []):
            waiting.append(pid)
            if b"worker" in commands.get(pid, b""):
                found.add(pid)
    return found
