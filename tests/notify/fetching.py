"""A service that fetches from one EHR, its errands done by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

import yaml
from sqlalchemy import delete, select

from referral_service.doorbell import CeleryDoorbell
from referral_service.intakes import Intake, build_intakes
from referral_service.settings import Settings
from referral_service.store.outside import errand, mark
from referral_service.store.store import SqlStore
from referral_service.store.tables import resource
from referral_service.wiring import build_store
from workers.fetching import Runner

TENANT = "default"


def sources(folder: Path, address: str, **source: Any) -> Path:
    """A file of sources with one, `ehr`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "sources.yaml"
    file.write_text(yaml.safe_dump({"sources": {"ehr": {"fhir": {"url": address}, **source}}}))
    return file


class Fetching:
    """One service's store and intake."""

    def __init__(self, store: SqlStore, intake: Intake) -> None:
        """Both are open."""
        self.store = store
        self.intake = intake
        self.errands = intake.errands
        self.feed = intake.feed

    def run(self, *, polls: bool = False) -> int:
        """Does all that is due; how many errands that were."""
        runner = Runner(self.intake, Event(), 60, polls=polls)
        done = 0
        while runner.run():
            done += 1
        return done

    def fetch(self, *whats: str) -> int:
        """Asks for these, and does all that is due."""
        self.errands.ask(self.feed, whats)
        return self.run()

    def poll(self, kind: str) -> None:
        """Asks for all of that type that changed."""
        self.errands.ask(self.feed, [f"poll:{kind}"])
        assert self.run(polls=True) == 1

    def names(self) -> set[str]:
        """The "Type/id" of all that is here and not deleted."""
        with self.store.engine.connect() as connection:
            rows = connection.execute(select(resource.c.type, resource.c.id).where(~resource.c.is_deleted))
            return {f"{row.type}/{row.id}" for row in rows}

    def rows(self) -> dict[str, Any]:
        """The errands that there are."""
        with self.store.engine.connect() as connection:
            return {row.what: row for row in connection.execute(select(errand))}

    def saying(self, words: bytes) -> set[str]:
        """Those whose JSON holds these."""
        with self.store.engine.connect() as connection:
            rows = connection.execute(select(resource.c.type, resource.c.id, resource.c.body))
            return {f"{row.type}/{row.id}" for row in rows if words in row.body}

    def forget(self) -> None:
        """Nothing is to be fetched any more."""
        with self.store.engine.begin() as connection:
            connection.execute(delete(errand))

    def mark(self, name: str) -> datetime | None:
        """How far a poll has come."""
        with self.store.engine.connect() as connection:
            found = connection.scalar(select(mark.c.value).where(mark.c.name == name))
        return datetime.fromisoformat(found) if found else None

    def counts(self) -> dict[str, int]:
        """What operators count, by what became of it."""
        found = self.store.counts().tallies.get("incoming", {})
        return {label.partition(" ")[2]: number for label, number in found.items()}


@contextmanager
def fetching(folder: Path, address: str, **source: Any) -> Iterator[Fetching]:
    """A store of its own."""
    settings = Settings(
        data_dir=folder / "data", sources=sources(folder, address, **source), broker_url="filesystem://"
    )
    store, doorbell = build_store(settings), CeleryDoorbell(settings)
    store.migrate()
    (intake,) = build_intakes(settings, store, doorbell)
    try:
        yield Fetching(store, intake)
    finally:
        intake.close()
        doorbell.close()
        store.close()
