"""The migrations make the tables that the code means, and what is due is found without reading the rest."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Select, inspect, select, text

from referral_service.store import migrations
from referral_service.store.engine import SCHEMA, UnknownSchema, connect, is_migrated, migrate, reading
from referral_service.store.outside import IS_WAITING, message
from referral_service.store.store import SqlStore
from referral_service.store.tables import (
    IS_DIRTY,
    IS_PARKED,
    SLEEPS,
    TASK_IS_OPEN,
    metadata,
    patient,
    referral,
)
from tests.kit.clocks import MONDAY


def test_the_migrations_make_what_the_tables_say(store: SqlStore) -> None:
    with reading(store.engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []
        made = {table: _indices(connection, table) for table in metadata.tables}
    meant = {
        name: {(str(index.name), bool(index.unique)) for index in table.indexes}
        for name, table in metadata.tables.items()
    }
    assert made == meant


def _indices(connection: Connection, table: str) -> set[tuple[str, bool]]:
    return {(str(it["name"]), bool(it["unique"])) for it in inspect(connection).get_indexes(table)}


def test_a_new_database_is_not_migrated_until_it_is(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'deep' / 'down' / 'new.db'}")
    assert not is_migrated(engine)

    migrate(engine)
    migrate(engine)

    assert is_migrated(engine)
    engine.dispose()


def test_the_code_names_the_last_migration() -> None:
    folder = Path(migrations.__file__).parent
    assert ScriptDirectory(str(folder)).get_current_head() == SCHEMA


def test_a_database_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'new.db'}")
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    assert not is_migrated(engine)
    with pytest.raises(UnknownSchema):
        migrate(engine)
    engine.dispose()


def test_sqlite_waits_for_the_disk(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'new.db'}")
    with engine.connect() as connection:
        modes = [
            connection.exec_driver_sql(f"PRAGMA {it}").scalar() for it in ("journal_mode", "synchronous")
        ]
    engine.dispose()

    assert modes == ["wal", 2]


DUE = {
    "patient_dirty": select(patient.c.id).where(IS_DIRTY).order_by(patient.c.place),
    "patient_asleep": select(patient.c.id).where(SLEEPS, patient.c.wake_at <= MONDAY),
    "patient_parked": select(patient.c.id).where(IS_PARKED),
    "message_due": select(message.c.id).where(IS_WAITING, message.c.due_at <= MONDAY),
    "referral_open": select(referral.c.task).where(TASK_IS_OPEN).order_by(referral.c.task_status),
}


@pytest.mark.parametrize("index", DUE)
def test_what_is_due_is_found_by_its_own_index(store: SqlStore, index: str) -> None:
    with reading(store.engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = _plan(connection, DUE[index].limit(10))

    assert index in plan, plan


def _plan(connection: Connection, asked: Select[tuple[str]]) -> str:
    words = asked.compile(connection, compile_kwargs={"literal_binds": True})
    how = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    return "\n".join(str(row) for row in connection.execute(text(f"{how} {words}")))
