"""A real worker fetches and polls, is killed in the middle, and goes on where it was."""

import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from referral_service.cli.supervisor import worker_command
from referral_service.settings import Settings
from referral_service.store.errands import SqlErrands
from referral_service.store.store import SqlStore
from referral_service.wiring import build_clock, build_store
from referral_service.workflow.admit import Feed
from tests.api.charts import condition, patient, score
from tests.kit.processes import lines, place, running, until
from tests.kit.writes import TENANT
from tests.notify.fetching import sources
from tests.notify.offset_ehr import OffsetEhr, offset_ehr

pytestmark = pytest.mark.xdist_group("processes")
FEED = Feed(TENANT, "ehr")
ANN = "Patient/secret-ann"


@pytest.fixture
def ehr() -> Iterator[OffsetEhr]:
    """With one chart."""
    with offset_ehr() as found:
        found.put(patient("secret-ann"))
        for number in range(5):
            found.put(condition(ANN, id=f"secret-disc-{number}"))
            found.put(score(ANN, number, id=f"secret-score-{number}"))
        yield found


@pytest.fixture
def settings(ehr: OffsetEhr, tmp_path: Path) -> Settings:
    """Polls two types often."""
    file = sources(
        tmp_path, ehr.address, poll={"types": ["Patient", "Condition"], "every": "PT1S", "budget": 6000}
    )
    return place(tmp_path / "data", broker_url="redis://127.0.0.1:1", sources=file)


@pytest.fixture
def store(settings: Settings) -> Iterator[SqlStore]:
    found = build_store(settings)
    found.migrate()
    yield found
    found.close()


def errands(settings: Settings, store: SqlStore) -> SqlErrands:
    return SqlErrands(store.engine, build_clock(settings), settings.lease_seconds)


def has(store: SqlStore, name: str) -> bool:
    """Whether a resource is there."""
    return store.read(TENANT, *name.split("/")) is not None


def test_what_is_polled_and_what_is_asked_for_is_decided_on(
    ehr: OffsetEhr, settings: Settings, store: SqlStore
) -> None:
    with running(settings, worker_command()) as worker:
        until(lambda: has(store, "Condition/secret-disc-4"), "polled")
        assert not has(store, "Observation/secret-score-4")
        errands(settings, store).ask(FEED, [ANN])
        until(lambda: has(store, "Observation/secret-score-4"), "fetched")
        ehr.put(condition(ANN, id="secret-late"))
        until(lambda: has(store, "Condition/secret-late"), "polled again")
        until(lambda: store.counts().patients_due == 0, "decided")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0, lines(settings)
    assert "secret" not in lines(settings)


def test_a_worker_that_is_killed_in_the_middle_loses_nothing(
    ehr: OffsetEhr, settings: Settings, store: SqlStore
) -> None:
    reached, goes_on = Event(), Event()

    def hold(number: int) -> None:
        if ehr.searches[-1]["type"] == "Observation":
            reached.set()
            goes_on.wait(20)

    ehr.on_search = hold
    errands(settings, store).ask(FEED, [ANN])
    with running(settings, worker_command()) as worker:
        assert reached.wait(30)
        worker.kill()
        worker.wait()
    goes_on.set()
    assert not has(store, "Observation/secret-score-0")
    errands(settings, store).ask(FEED, ["Observation/secret-score-1"])
    ehr.on_search = lambda number: None
    with running(settings, worker_command()):
        until(lambda: all(has(store, f"Observation/secret-score-{n}") for n in range(5)), "fetched")
        until(lambda: store.counts().errands_due == 0, "done")


def test_a_wrong_file_of_sources_stops_the_start(ehr: OffsetEhr, tmp_path: Path) -> None:
    file = sources(tmp_path, ehr.address, poll={"types": ["Patient", "Claim"]})
    settings = place(tmp_path / "data", broker_url="redis://127.0.0.1:1", sources=file)
    store = build_store(settings)
    store.migrate()
    store.close()
    with running(settings, worker_command()) as worker:
        assert worker.wait(45) == 1
    assert "sources.ehr.poll.types.1: not a type that the service keeps" in lines(settings)
