"""Every test that asks for `store` runs on an SQLite file and on a PostgreSQL server of our own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from referral_service.store.engine import connect, migrate
from referral_service.store.store import SqlStore
from tests.kit.clocks import HandClock
from tests.kit.databases import empty, postgresql_of_no_superuser

LEASE_SECONDS = 60


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied."""
    file = tmp_path_factory.mktemp("template") / "referral.db"
    engine = connect(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


@pytest.fixture(scope="session")
def postgresql_address() -> Iterator[str]:
    """A migrated database of this test process, whose user is held to the rows that it may see."""
    with postgresql_of_no_superuser() as address:
        engine = connect(address)
        migrate(engine)
        engine.dispose()
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database without any rows."""
    if request.param == "sqlite":
        file = tmp_path / "referral.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        return f"sqlite:///{file}"
    address: str = request.getfixturevalue("postgresql_address")
    engine = connect(address)
    with engine.begin() as connection:
        empty(connection)
    engine.dispose()
    return address


@pytest.fixture
def clock() -> HandClock:
    """The store's clock."""
    return HandClock()


@pytest.fixture
def open_store(address: str, clock: HandClock) -> Iterator[Callable[[], SqlStore]]:
    """Opens another store on the same database, as another process would."""
    opened: list[SqlStore] = []

    def open_one() -> SqlStore:
        opened.append(SqlStore(connect(address), clock, LEASE_SECONDS))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], SqlStore]) -> SqlStore:
    """An empty store."""
    return open_store()
