"""A database of an earlier version is brought to this one with what it holds, while others go on."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, event, inspect, make_url, text

from referral_service.store import bodies, migrations
from referral_service.store.engine import connect, is_migrated, migrate
from referral_service.store.store import SqlStore
from tests.kit.clocks import HandClock
from tests.kit.processes import until
from tests.kit.writes import episode, proposal


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database."""
    address = f"sqlite:///{tmp_path / 'old.db'}"
    if request.param == "postgresql":
        address = request.getfixturevalue("postgresql_address")
        server = connect(address)
        with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("DROP DATABASE IF EXISTS old WITH (FORCE)"))
            connection.execute(text("CREATE DATABASE old"))
        server.dispose()
        address = make_url(address).set(database="old").render_as_string(hide_password=False)
    made = connect(address)
    yield made
    made.dispose()


def migrate_to(engine: Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()


def fill_first_version(engine: Engine) -> None:
    """Three patients: one due, one asleep, one parked; an approved referral; and an episode."""
    patients = [
        ("due", True, 1_000, None, None),
        ("asleep", False, None, 2_000, None),
        ("parked", True, 1_500, None, 3_000),
    ]
    fulfilled = bodies.encode(proposal(1, status="completed")).replace(
        b'"fulfillment_status":null', b'"fulfillment_status":"draft"'
    )
    assert b'"draft"' in fulfilled
    with engine.begin() as connection:
        for name, is_dirty, since, wake_at, parked_at in patients:
            connection.execute(
                text(
                    "INSERT INTO patient (tenant, id, is_dirty, dirty_since, changes, wake_at, attempts, "
                    "token, parked_at) VALUES ('default', :id, :dirty, :since, 1, :wake, 0, 0, :parked)"
                ),
                {"id": name, "dirty": is_dirty, "since": since, "wake": wake_at, "parked": parked_at},
            )
        connection.execute(
            text(
                "INSERT INTO referral (tenant, task, patient, id, identifier, target, urgency, status,"
                " task_status, body) VALUES ('default', 'task-1', 'due', 'request-1', 'identifier-1',"
                " 'surgical', 'elective', 'completed', 'completed', :body)"
            ),
            {"body": fulfilled},
        )
        connection.execute(
            text(
                "INSERT INTO episode (tenant, patient, key, is_open, region, body)"
                " VALUES ('default', 'due', 'lumbar-1', :open, 'lumbar', :body)"
            ),
            {"open": True, "body": bodies.encode(episode())},
        )


def test_whoever_was_due_asleep_or_parked_is_so_afterwards(engine: Engine, clock: HandClock) -> None:
    migrate_to(engine, "0001")
    fill_first_version(engine)

    migrate(engine)

    assert is_migrated(engine)
    store = SqlStore(engine, clock)
    assert sorted(claim.patient for claim in store.claim(10, clock.as_of())) == ["asleep", "due"]
    assert store.counts().patients_parked == 1
    assert store.counts().referrals == {("approved", "surgical", "elective"): 1}
    store.close()


def test_a_migration_that_was_cut_off_is_done_again(engine: Engine, clock: HandClock) -> None:
    migrate_to(engine, "0002")
    with engine.begin() as connection:
        connection.execute(text("CREATE INDEX patient_asleep ON patient (wake_at)"))

    migrate(engine)

    assert is_migrated(engine)


def test_two_that_migrate_at_once_do_so_one_after_the_other(engine: Engine) -> None:
    failed: list[Exception] = []

    def run() -> None:
        other = connect(engine.url.render_as_string(hide_password=False))
        try:
            migrate(other)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test fails
            failed.append(error)
        finally:
            other.dispose()

    threads = [Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert is_migrated(engine)


def test_an_index_that_was_cut_off_is_built_anew(engine: Engine) -> None:
    migrate_to(engine, "0004")
    with engine.begin() as connection:  # PostgreSQL leaves one of that name which is of no use
        connection.execute(text("CREATE INDEX referral_by_stage ON referral (task)"))
    migrate_to(engine, "0008")
    with engine.begin() as connection:
        connection.execute(text("CREATE INDEX referral_by_list ON referral (task)"))

    migrate(engine)

    found = {it["name"]: it["column_names"] for it in inspect(engine).get_indexes("referral")}
    assert found["referral_by_list"] == ["stage", "tenant", "due_at", "task"]


def of_postgresql(engine: Engine) -> Engine:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time, and migrates before anybody else begins")
    return engine


@pytest.mark.parametrize(
    ("before", "read", "written"), [("0008", "resource_version", "referral"), ("0010", "person", "episode")]
)
def test_who_writes_waits_for_no_column_to_be_filled(
    engine: Engine, before: str, read: str, written: str
) -> None:
    of_postgresql(engine)
    migrate_to(engine, "0001")
    fill_first_version(engine)
    migrate_to(engine, before)
    migration = Thread(target=migrate, args=[engine])
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = CAST(:name AS regclass)")

    with engine.connect() as one, engine.connect() as other:
        one.execute(text(f"LOCK TABLE {read} IN ACCESS EXCLUSIVE MODE"))  # so that filling stands still
        migration.start()
        until(lambda: bool(one.scalar(waits, {"name": read})), "the migration reads every row")
        other.execute(text("SET LOCAL lock_timeout = 500"))
        found = other.execute(text(f"UPDATE {written} SET patient = patient"))
        assert found.rowcount == 1
        other.rollback()
        one.rollback()
    migration.join()

    assert is_migrated(engine)


def test_what_others_wait_for_gives_up_soon_and_the_rest_waits_for_others(engine: Engine) -> None:
    of_postgresql(engine)
    asked: set[tuple[bool, str]] = set()

    def look(connection: Connection, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("ALTER", "CREATE", "DROP", "UPDATE")):
            limit = connection.exec_driver_sql("SHOW lock_timeout").scalar_one()
            asked.add(("CONCURRENTLY" in statement, limit))

    event.listen(engine, "before_cursor_execute", look)

    migrate(engine)

    assert asked == {(False, "5s"), (True, "0")}
