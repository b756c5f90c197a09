"""Running many histories over one kind of store; whatever fails says how it is replayed."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, __version__, reproduce_failure, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from referral_service.store import dirt
from referral_service.store.engine import connect, migrate
from tests.faults.machine import Faults
from tests.faults.machine_stores import AnyStore, Database, InMemory, Twin
from tests.kit.clocks import HandClock
from tests.kit.databases import empty, postgresql

STEPS = 14
OpenStore = Callable[[HandClock], AnyStore]


@contextmanager
def memory() -> Iterator[OpenStore]:
    """The store in memory."""
    yield InMemory


@contextmanager
def sqlite() -> Iterator[OpenStore]:
    """An SQLite file, new for each history, held against the memory; on no disk where that can be had."""
    quick = Path("/dev/shm")
    with TemporaryDirectory(prefix="faults-", dir=quick if quick.is_dir() else None) as folder:
        template, file = Path(folder) / "template.db", Path(folder) / "history.db"
        engine = connect(f"sqlite:///{template}")
        migrate(engine)
        engine.dispose()
        engine = connect(f"sqlite:///{file}")

        def open_store(clock: HandClock) -> Twin:
            for before in Path(folder).glob(f"{file.name}*"):
                before.unlink()
            shutil.copy(template, file)
            return Twin(Database(engine, clock), InMemory(clock))

        yield open_store
        engine.dispose()


@contextmanager
def postgres() -> Iterator[OpenStore]:
    """A PostgreSQL server of our own, empty for each history."""
    with postgresql() as address:
        engine = connect(address)
        migrate(engine)

        def open_store(clock: HandClock) -> Database:
            with engine.begin() as connection:
                empty(connection)
            return Database(engine, clock)

        yield open_store
        engine.dispose()


class Again(NamedTuple):
    """What replays: a seed with its number of histories, or one failure as it was printed."""

    seed: int | None = None
    blob: bytes | None = None


AFRESH = Again()
STORES = {"memory": memory, "sqlite": sqlite, "postgresql": postgres}


def run(store: str, open_store: OpenStore, chosen: settings, again: Again = AFRESH) -> int:
    """How many histories there were; raises what the first one that fails has found, made as short as may be.

    Over PostgreSQL that would take too long, so it stays as it was found.
    """
    opened = 0

    def machine() -> Faults:
        nonlocal opened
        opened += 1
        return Faults(open_store)

    if again.blob is not None:
        machine = reproduce_failure(__version__, again.blob)(machine)
    elif again.seed is not None:
        machine = seed(again.seed)(machine)
    chosen = settings(
        chosen,
        stateful_step_count=STEPS,
        phases=[Phase.generate] if store == "postgresql" else [Phase.generate, Phase.shrink],
        deadline=None,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    # Nobody is erased here, and what is compared counts every claim from the first.
    with patch.object(dirt, "first_token", lambda: 0):
        run_state_machine_as_test(machine, settings=chosen)  # type: ignore[arg-type]  # it takes functions too
    return opened
