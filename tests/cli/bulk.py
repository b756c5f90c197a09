"""Bulk data for tests, imports of it by real processes, and what the store holds afterwards."""

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import func, select

from referral_service.settings import Settings
from referral_service.store.engine import connect, reading
from referral_service.store.outside import mark
from referral_service.store.tables import fact, ledger, resource, resource_version
from referral_service.store.tables import patient as people
from tests.kit.processes import referral_service, until

Json = dict[str, Any]
_IN_NOTE = "It hurts when I sit, less when I walk, and the therapist says that it may take weeks. "


class Ended(NamedTuple):
    """A process that has ended: its code, what it said, and its greatest size in memory (bytes)."""

    code: int
    out: str
    err: str
    peak: int

    @property
    def report(self) -> Json:
        """What it printed with --json."""
        found: Json = json.loads(self.out)
        return found


def imports(settings: Settings, *words: object) -> subprocess.Popen[bytes]:
    """`import --json`, running; what it says goes to files beside DATA_DIR."""
    settings.data_dir.parent.mkdir(parents=True, exist_ok=True)
    command = referral_service("import", "--json", *map(str, words))
    out, err = (_said(settings, stream).open("wb") for stream in ("out", "err"))
    with out, err:
        return subprocess.Popen(command, env=settings.environment(), stdout=out, stderr=err)


def ended(process: subprocess.Popen[bytes], settings: Settings) -> Ended:
    """Waits for it."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    out, err = (_said(settings, stream).read_text(encoding="utf-8") for stream in ("out", "err"))
    return Ended(process.returncode, out, err, usage.ru_maxrss * 1024)


def imported(settings: Settings, *words: object) -> Ended:
    """`import --json` from its start to its end."""
    return ended(imports(settings, *words), settings)


def killed(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL, while it runs."""
    assert process.poll() is None, "it still runs"
    process.kill()
    process.wait()


def _said(settings: Settings, stream: str) -> Path:
    return settings.data_dir.with_name(f"{settings.data_dir.name}.{stream}")


def kill_before(identity: str, settings: Settings, is_so: Callable[[], bool], *words: object) -> None:
    """Kills an import once something is so, and before the resource of that id is stored or deleted."""
    with _held(settings, identity):
        process = imports(settings, *words)
        until(is_so, "some of it")
        killed(process)


@contextmanager
def _held(settings: Settings, identity: str) -> Iterator[None]:
    """Whoever writes the resource of this id inside is a minute in the middle of its transaction."""
    engine = connect(settings.database)
    numbers = "WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n LIMIT 200000000)"
    with engine.begin() as connection:
        for event in ("INSERT", "UPDATE"):
            trigger = f"CREATE TRIGGER held_{event} AFTER {event} ON resource WHEN NEW.id = '{identity}'"
            connection.exec_driver_sql(f"{trigger} BEGIN {numbers} SELECT count(*) FROM n; END")
    yield
    with engine.begin() as connection:
        for event in ("INSERT", "UPDATE"):
            connection.exec_driver_sql(f"DROP TRIGGER held_{event}")
    engine.dispose()


def stored(settings: Settings) -> int:
    """How many resources are there."""
    engine = connect(settings.database)
    try:
        with reading(engine) as connection:
            return connection.scalar(select(func.count()).select_from(resource)) or 0
    finally:
        engine.dispose()


def dump(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """All that an import leaves, but for instants: resources and their versions, facts, ledger, marks."""
    wanted = {
        "resource": (
            resource.c.type,
            resource.c.id,
            resource.c.version,
            resource.c.is_deleted,
            resource.c.body,
        ),
        "past": (resource_version.c.type, resource_version.c.id, resource_version.c.version),
        "fact": (fact.c.patient, fact.c.source, fact.c.version, fact.c.part, fact.c.known_until.is_(None)),
        "patient": (people.c.id, people.c.changes),
        "ledger": (ledger.c.kind, ledger.c.subject, ledger.c.actor),
        "mark": (mark.c.source, mark.c.name),
    }
    engine = connect(settings.database)
    try:
        with engine.connect() as connection:
            return {
                name: sorted(map(tuple, connection.execute(select(*columns))))
                for name, columns in wanted.items()
            }
    finally:
        engine.dispose()


def patient(number: int, **more: Any) -> Json:
    """One of many."""
    return {"resourceType": "Patient", "id": f"p{number:06d}", "birthDate": "1968-04-02", **more}


def visit(number: int, size: int = 0) -> Json:
    """A patient's visit to a therapist, with a note of at least so many bytes."""
    note = _IN_NOTE * (size // len(_IN_NOTE) + 1)
    return {
        "resourceType": "Procedure",
        "id": f"v{number:06d}",
        "status": "completed",
        "subject": {"reference": f"Patient/p{number:06d}"},
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "97110"}]},
        "performedDateTime": "2025-11-03",
        "note": [{"text": note}],
    }


def ndjson(resources: Iterable[Json]) -> Iterator[bytes]:
    """A line each."""
    return (json.dumps(one).encode() + b"\n" for one in resources)
