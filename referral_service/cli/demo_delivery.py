"""What `demo` shows of the other side: a person approves one referral, and it goes to an EHR, once."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import httpx
from rich.console import Console

from referral_service.cli.running import NotRunning, RunningService
from referral_service.clinic.stories import Story
from referral_service.fake_ehr.server import FakeEhr, Manners, serve
from referral_service.settings import Settings

_FULFIL_SECONDS: Final = 20.0
_ASK_SECONDS: Final = 5
_PATIENCE_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1
_PERSON: Final = {"X-Actor": "Practitioner/demo"}


@contextmanager
def with_ehr(settings: Settings) -> Iterator[tuple[Settings, FakeEhr | None]]:
    """The same settings with an EHR of the demonstration's own; theirs, and None, if they name one."""
    if settings.ehr_url or settings.destination:
        yield settings, None
        return
    ehr = FakeEhr(manners=Manners(fulfil_seconds=_FULFIL_SECONDS))
    with serve(ehr) as address:
        yield settings.model_copy(update={"ehr_url": address, "ehr_poll_seconds": _ASK_SECONDS}), ehr


def deliver(
    service: RunningService, http: httpx.Client, stories: Sequence[Story], ehr: FakeEhr, console: Console
) -> None:
    """Approves the first routine referral unless that is done, and says how it arrived; raises NotRunning."""
    story = next(one for one in stories if any(it["outcome"] == "exhausted" for it in one["expect"]))
    base, patient = f"{service.address}/fhir", story["id"]
    for proposal in _found(http, base, "ServiceRequest", patient, status="draft", intent="proposal"):
        address = f"{base}/ServiceRequest/{proposal['id']}/$approve"
        http.post(address, headers=_PERSON).raise_for_status()
    end = time.monotonic() + _PATIENCE_SECONDS
    while not (sent := _sent(http, base, patient)):
        service.check()
        if time.monotonic() > end:
            raise NotRunning("an approved referral has not arrived at the EHR")
        time.sleep(_POLL_SECONDS)
    there = len(ehr.stored("ServiceRequest")), len(ehr.stored("Task"))
    arrived = (
        f"sent to {ehr.address}: {story['name']}'s referral (there: {there[0]} order, {there[1]} Task)"
        if any(there)
        else f"sent in an earlier run, to the EHR of then: {story['name']}'s referral"
    )
    console.print(
        f"Approved by a person and {arrived}. Its fulfiller says: {sent['status']}.",
        soft_wrap=True,
    )


def _sent(http: httpx.Client, base: str, patient: str) -> dict[str, Any] | None:
    tasks = _found(http, base, "Task", patient, code="fulfill")
    return next((one for one in tasks if one["status"] not in ("draft", "cancelled")), None)


def _found(http: httpx.Client, base: str, kind: str, patient: str, **asked: str) -> list[dict[str, Any]]:
    page = http.get(f"{base}/{kind}", params={"patient": f"Patient/{patient}", **asked}).raise_for_status()
    return [entry["resource"] for entry in page.json().get("entry", ())]
