"""Two EHRs of one tenant with the same ids for different people: nothing of one is taken for the other's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
import yaml

from referral_service.doorbell import CeleryDoorbell
from referral_service.intakes import build_intakes
from referral_service.settings import Settings
from referral_service.wiring import build_store
from tests.api.charts import condition, patient
from tests.notify.fetching import Fetching, fetching
from tests.notify.offset_ehr import OffsetEhr, offset_ehr
from tests.notify.partners import Town
from workers.fetching import Runner


@pytest.fixture
def north() -> Iterator[OffsetEhr]:
    with offset_ehr() as found:
        yield found


@pytest.fixture
def south() -> Iterator[OffsetEhr]:
    with offset_ehr() as found:
        yield found


@contextmanager
def both(folder: Path, **addresses: str) -> Iterator[dict[str, Fetching]]:
    """One service that fetches from both, each with ids of its own."""
    file = folder / "sources.yaml"
    sources = {
        name: {"ids": "own", "fhir": {"url": address}, "poll": {"types": ["Patient", "Condition"]}}
        for name, address in addresses.items()
    }
    file.write_text(yaml.safe_dump({"sources": sources}))
    settings = Settings(data_dir=folder / "data", sources=file, broker_url="filesystem://")
    store, doorbell = build_store(settings), CeleryDoorbell(settings)
    store.migrate()
    intakes = build_intakes(settings, store, doorbell)
    try:
        yield {one.feed.source: Fetching(store, one) for one in intakes}
    finally:
        for one in intakes:
            one.close()
        doorbell.close()
        store.close()


def test_each_keeps_its_own(tmp_path: Path, north: OffsetEhr, south: OffsetEhr) -> None:
    for ehr, code in ((north, "M51.26"), (south, "M54.50")):
        ehr.put(patient("1"))
        ehr.put(condition("Patient/1", code, id="7"))

    with both(tmp_path, north=north.address, south=south.address) as at:
        at["north"].fetch("Patient/north.1")
        at["south"].poll("Patient")
        at["south"].poll("Condition")

        assert at["north"].names() == {
            "Patient/north.1",
            "Condition/north.7",
            "Patient/south.1",
            "Condition/south.7",
        }
        assert at["north"].saying(b"M51.26") == {"Condition/north.7"}
        assert at["north"].saying(b'"Patient/south.1"') == {"Condition/south.7"}
        assert {name.partition("/")[2] for name in north.reads} == {"1"}
        assert {asked["patient"] for asked in north.searches} == {"Patient/1"}


def test_what_is_gone_at_one_stays_at_the_other(tmp_path: Path, north: OffsetEhr, south: OffsetEhr) -> None:
    for ehr in (north, south):
        ehr.put(patient("1"))
        ehr.put(condition("Patient/1", id="7"))
    with both(tmp_path, north=north.address, south=south.address) as at:
        for name in ("north", "south"):
            at[name].fetch(f"Patient/{name}.1")

        del north.there["Condition/7"]
        at["north"].fetch("Patient/north.1")

        assert at["north"].names() == {"Patient/north.1", "Patient/south.1", "Condition/south.7"}


def test_an_id_too_long_to_be_told_apart_is_refused_alone(tmp_path: Path, north: OffsetEhr) -> None:
    north.put(patient("1"))
    north.put(condition("Patient/1", id="7"))
    north.put(condition("Patient/1", id="7" * 64))

    with fetching(tmp_path, north.address, ids="own") as home:
        home.fetch("Patient/ehr.1")

        assert home.names() == {"Patient/ehr.1", "Condition/ehr.7"}
        assert home.counts()["refused"] == 1


def test_a_notification_speaks_of_its_sender_s_ids(town: Town) -> None:
    town.told("apart", patient("a1"))
    town.told("apart", condition("Patient/a1", id="c1"), at="/Condition/c1", method="PUT")

    assert town.has("Patient/apart.a1")
    assert town.has("Condition/apart.c1")
    assert not town.has("Patient/a1")


def test_a_hint_is_followed_by_its_sender_s_ids(town: Town) -> None:
    town.ehr.put(patient("a2"))
    town.told("far", b"", at="/Patient/a2")

    assert "Patient/far.a2" in town.errands()
    with town.intake("far") as intake:
        while Runner(intake, Event(), 60, polls=False).run():
            pass
    assert town.has("Patient/far.a2")
