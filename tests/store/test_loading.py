"""Loading in bulk: resources and the mark that says so are stored together; what is known later stands."""

from datetime import timedelta

import pytest

from referral_service.core.problem import Problem
from referral_service.store.loading import Batch, Loaded, Loader, Mark, Snapshot
from referral_service.store.origins import SqlOrigins
from referral_service.store.store import SqlStore
from referral_service.workflow.admit import Feed, sortable
from referral_service.workflow.ports import Tenant, Write
from tests.kit.clocks import HandClock
from tests.kit.writes import TENANT, condition, deletion

NORTH, SOUTH = Feed(TENANT, "north"), Feed(TENANT, "south")


@pytest.fixture
def loader(store: SqlStore, clock: HandClock) -> Loader:
    return Loader(store.engine, clock)


@pytest.fixture
def origins(store: SqlStore, clock: HandClock) -> SqlOrigins:
    return SqlOrigins(store.engine, clock)


def batch(*writes: Write) -> Batch:
    return Batch(TENANT, "Operator/tests", writes)


def at(loaded: Loaded) -> Mark:
    return Mark("import", "file", f"so far {len(loaded.stored)}")


def test_the_mark_comes_with_the_data(store: SqlStore, loader: Loader) -> None:
    loaded = loader.load(batch(condition(), condition("neck")), at)

    assert [one.version for one in loaded.stored] == [1, 1]
    assert loader.mark(TENANT, "import", "file") == "so far 2"
    assert loader.mark(Tenant("other"), "import", "file") is None
    assert store.verify_ledger(TENANT).lines == 2
    assert store.counts().patients_due == 1


def test_the_mark_does_not_come_without_the_data(store: SqlStore, loader: Loader) -> None:
    with pytest.raises(Problem):
        loader.load(batch(condition(), deletion(condition("never-there"))), at)

    assert loader.mark(TENANT, "import", "file") is None
    assert store.read(TENANT, "Condition", "back") is None
    assert store.verify_ledger(TENANT).lines == 0


def test_the_same_again_changes_nothing_but_the_mark(store: SqlStore, loader: Loader) -> None:
    loader.load(batch(condition()), at)
    loaded = loader.load(batch(condition()), lambda it: Mark("import", "file", "again"))

    assert [one.is_new for one in loaded.stored] == [False]
    assert loader.mark(TENANT, "import", "file") == "again"
    assert store.verify_ledger(TENANT).lines == 1


def test_a_finished_import_leaves_the_mark_of_its_source_alone(loader: Loader) -> None:
    loader.load(batch(), at)
    loader.finish(TENANT, "import", ["file", "unknown"], Mark("north", "export", "2026"))

    assert loader.mark(TENANT, "import", "file") is None
    assert loader.mark(TENANT, "north", "export") == "2026"


def shown(clock: HandClock, *writes: Write, state: str = "") -> Batch:
    """What `north` had at this moment."""
    states = {f"{it.type}/{it.id}": state for it in writes}
    return Batch(TENANT, NORTH.actor, writes, Snapshot(NORTH, clock.now()), states)


def test_what_a_source_has_told_later_stands(
    store: SqlStore, loader: Loader, origins: SqlOrigins, clock: HandClock
) -> None:
    sooner, later = (sortable(clock.now() + timedelta(hours=it)) for it in (0, 1))
    assert origins.reached(NORTH, {"Condition/back": later}) == set()
    loader.load(batch(condition(said="later")))

    loaded = loader.load(shown(clock, condition(said="sooner"), condition("neck"), state=sooner))

    assert [one.id for one in loaded.stored] == ["neck"]
    assert [one.id for one in loaded.older] == ["back"]
    assert b"later" in getattr(store.read(TENANT, "Condition", "back"), "body", b"")
    assert store.verify_ledger(TENANT).lines == 2
    assert origins.reached(NORTH, {"Condition/neck": sortable(clock.now() - timedelta(hours=1))})


def test_what_was_deleted_since_is_not_brought_back(
    store: SqlStore, loader: Loader, clock: HandClock
) -> None:
    before = shown(clock, condition(said="pain"))
    loader.load(before)
    clock.pass_by(hours=1)
    loader.load(batch(deletion(condition())))
    assert loader.load(before).stored == []

    clock.pass_by(hours=1)
    loaded = loader.load(shown(clock, condition(said="new pain")))

    assert [(one.is_new, one.is_deleted) for one in loaded.stored] == [(True, False)]


@pytest.mark.parametrize(
    ("feed", "hours", "is_deleted"),
    [(None, 0, True), (NORTH, -1, True), (NORTH, 1, False), (SOUTH, -1, False)],
    ids=["of nobody", "known before", "known later", "of another"],
)
def test_only_what_came_from_there_is_deleted_and_not_what_came_later(
    loader: Loader,
    origins: SqlOrigins,
    clock: HandClock,
    feed: Feed | None,
    hours: int,
    is_deleted: bool,
) -> None:
    loader.load(batch(condition()))
    if feed:
        origins.reached(feed, {"Condition/back": sortable(clock.now() + timedelta(hours=hours))})

    loaded = loader.load(shown(clock, deletion(condition())))

    assert [one.is_deleted for one in loaded.stored] == [True] * is_deleted
    assert len(loaded.older) == (not is_deleted)
