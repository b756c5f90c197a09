"""`demo`: the whole service on this machine, an EHR that posts the sample clinic, and what comes of it.

Everything goes through the public HTTP API. Without `--once` the data lie in DATA_DIR and the worklist stays
open; with it the data are thrown away, unless DATA_DIR is set.
"""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Annotated

import httpx
import typer
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.progress import track

from referral_service.cli.demo_delivery import deliver, with_ehr
from referral_service.cli.demo_report import Row, print_differences, print_rows, print_totals
from referral_service.cli.running import NotRunning, RunningService, free_port
from referral_service.clinic.answers import Reader
from referral_service.clinic.chart import build
from referral_service.clinic.ehr import Ehr, Refused
from referral_service.clinic.stories import Story, load
from referral_service.clock import SystemClock, local_day
from referral_service.fake_ehr.server import FakeEhr
from referral_service.settings import Settings
from referral_service.settings import load as load_settings

_POLL_SECONDS = 0.05
_START_SECONDS = 60.0
_STUCK_SECONDS = 60.0


def demo(
    once: Annotated[bool, typer.Option("--once", help="Print and leave, instead of staying open.")] = False,
) -> None:
    """Post the sample clinic to a service of its own, and print every decision and referral."""
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    try:
        with (
            _place(load_settings(), once) as place,
            with_ehr(place) as (settings, ehr),
            RunningService(settings) as service,
        ):
            try:
                differs = _show_clinic(settings, service, console, ehr)
                if not once:
                    console.print(f"The worklist is open at {service.address}/worklist until Ctrl-C.")
                    _stay(service)
            finally:
                _leave_in_peace()
    except KeyboardInterrupt:
        console.print("Stopped.")
        raise typer.Exit(1) from None
    except (NotRunning, Refused, httpx.HTTPError) as error:
        print(f"{error}", file=sys.stderr)
        raise typer.Exit(1) from error
    raise typer.Exit(1 if differs else 0)


@contextmanager
def _place(settings: Settings, once: bool) -> Iterator[Settings]:
    """Where this run's service listens and keeps its data; what is set stays as it is set."""
    if not once:
        yield settings
        return
    chosen: dict[str, object] = {}
    with TemporaryDirectory(prefix="referral-service-") as folder:
        if "data_dir" not in settings.model_fields_set:
            chosen["data_dir"] = Path(folder)
        if "port" not in settings.model_fields_set:
            chosen["port"] = free_port(settings.host)
        yield settings.model_copy(update=chosen)


def _show_clinic(settings: Settings, service: RunningService, console: Console, ehr: FakeEhr | None) -> bool:
    """Whether any decision is not the expected one; never so if clock, policy or codes are others."""
    started = time.monotonic()
    today = local_day(SystemClock().now(), settings.timezone)
    stories = load()
    with httpx.Client(timeout=30.0) as http:
        _wait_until_ready(service, http)
        with Ehr(f"{service.address}/fhir") as sender:
            for story in _progress(stories, console):
                sender.send(build(story, today), story["send"])
        _wait_until_quiet(service, http)
        reader = Reader(f"{service.address}/fhir", http)
        rows = [
            Row(story, tuple(reader.decisions(story["id"])), tuple(reader.referrals(story["id"])))
            for story in stories
        ]
    print_rows(rows, console)
    shift = settings.clock_shift
    other = settings.pathway or settings.terminology_dir
    title = f"After {shift.total_seconds() / 86_400:+g} days" if shift else "With this policy and these codes"
    print_differences(rows, title if shift or other else "NOT AS EXPECTED")
    print_totals(rows, time.monotonic() - started, console)
    if ehr:
        with httpx.Client(timeout=30.0) as http:
            deliver(service, http, stories, ehr, console)
    return not (shift or other) and any(row.differs for row in rows)


def _progress(stories: list[Story], console: Console) -> Iterator[Story]:
    if console.is_terminal:
        yield from track(stories, "The EHR posts the sample clinic", console=console, transient=True)
        return
    console.print(f"The EHR posts the sample clinic: {len(stories)} patients.")
    yield from stories


def _wait_until_quiet(service: RunningService, http: httpx.Client) -> None:
    """Until nobody waits for an evaluation; raises NotRunning when the number stands still for a minute."""
    waiting, since = -1, time.monotonic()
    while due := _patients_due(service, http):
        service.check()
        if due != waiting:
            waiting, since = due, time.monotonic()
        if time.monotonic() - since > _STUCK_SECONDS:
            raise NotRunning(f"{due} patients still wait for an evaluation")
        time.sleep(_POLL_SECONDS)


def _patients_due(service: RunningService, http: httpx.Client) -> int:
    page = http.get(f"{service.address}/metrics").raise_for_status().text
    samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
    return int(next(sample.value for sample in samples if sample.name == "patients_due"))


def _wait_until_ready(service: RunningService, http: httpx.Client) -> None:
    end = time.monotonic() + _START_SECONDS
    while not service.is_ready(http):
        if time.monotonic() > end:
            raise NotRunning(f"the service was not ready within {_START_SECONDS:g} seconds")
        time.sleep(_POLL_SECONDS)


def _stay(service: RunningService) -> None:
    try:
        service.wait()
    except KeyboardInterrupt:
        return


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _leave_in_peace() -> None:
    """A second Ctrl-C while the service stops would leave its children behind."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
