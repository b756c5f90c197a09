"""Connections: SQLite so that a commit is on the disk and one writer writes at a time, or PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from time import sleep

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from referral_service.store import tenancy
from referral_service.store.bulk import Statement
from referral_service.store.failures import problem_of

SCHEMA = "0012"  # the last of the migrations

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a commit is durable, not merely consistent
    "PRAGMA busy_timeout=15000",  # several processes share the file; a writer waits for its turn
    "PRAGMA cache_size=-65536",
    "PRAGMA temp_store=MEMORY",
)
# Milliseconds. Nothing that the service asks takes so long; what does has met a fault, and others wait.
_LIMITS = "-c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000"
# Seconds, the last milliseconds. A database whose machine is gone without a word is noticed in a minute.
_ALIVE = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
_PREPARED = 256  # statements, for each connection of SQLite
_KEPT = 10  # connections: one for each thread of the API that reads, and for those that write
_LOOK_AGAIN_SECONDS = 0.2
_MIGRATING = 7_315_402  # the key of the lock that migrations take on PostgreSQL; any number of ours
_BEGIN_READING, _BEGIN_WRITING = Statement("BEGIN"), Statement("BEGIN IMMEDIATE")


class UnknownSchema(Exception):
    """The database was migrated by a later version, or by none of ours."""


def connect(address: str, *, serves: bool = False) -> Engine:
    """An engine on SQLAlchemy's address; opens nothing yet, but makes an SQLite file's folder.

    One that `serves` sees, on PostgreSQL, the rows of the tenant that `tenancy.serving` names, and no others;
    else all tenants'.
    """
    url = make_url(address)
    if url.get_backend_name() != "sqlite":
        settings = _LIMITS if serves else f"{_LIMITS} -c {tenancy.SETTING}={tenancy.ALL}"
        options: dict[str, object] = {"connect_timeout": 5, "options": settings, **_ALIVE}
        engine = create_engine(
            url, hide_parameters=True, pool_pre_ping=True, pool_size=_KEPT, connect_args=options
        )
        if serves:
            tenancy.hold(engine)
        return engine
    if url.database:
        Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # autocommit in the driver, so that the transactions are exactly those begun below
    options = {"isolation_level": None, "timeout": 15, "cached_statements": _PREPARED}
    engine = create_engine(url, hide_parameters=True, pool_size=_KEPT, connect_args=options)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: SqliteConnection, record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin(connection: Connection) -> None:
    is_reader = connection.get_execution_options().get("reads", False)
    # a reader that became a writer could not wait for its turn, so writers say so at once
    (_BEGIN_READING if is_reader else _BEGIN_WRITING).read(connection, ())


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One snapshot that writers do not wait for."""
    options: dict[str, object] = {"reads": True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"  # else each statement would see another moment
    with engine.connect() as connection, connection.execution_options(**options).begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction, ended durably; a failure of the database is raised as a Problem."""
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise problem_of(error) from error


def migrate(engine: Engine) -> None:
    """Brings the schema to this version's; does nothing where it is. Raises UnknownSchema."""
    # slow to load, and needed here alone
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with _migrating(engine) as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise UnknownSchema("the database's schema is not one that this version knows") from error


@contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """On PostgreSQL one migration at a time, however long it takes, but none that makes others wait long."""
    if engine.dialect.name != "postgresql":
        with engine.begin() as connection:
            yield connection
        return
    with engine.connect() as alone, engine.connect() as connection:
        alone.execution_options(isolation_level="AUTOCOMMIT")
        # a statement that waited would be waited for by the one that builds indices beside others
        while not alone.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _MIGRATING}):
            sleep(_LOOK_AGAIN_SECONDS)
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SET lock_timeout = 5000"))
        connection.commit()
        try:
            yield connection
        finally:
            # what was set and locked goes with them
            alone.invalidate()
            connection.invalidate()


def is_migrated(engine: Engine) -> bool:
    """Whether the schema is this version's."""
    with reading(engine) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found == SCHEMA
