"""A whole service, and all that it tells anybody: every place where a mark would be a leak."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from referral_service.settings import Settings
from referral_service.wiring import build_store
from tests.api.hostile import MARK, MARKED_ID
from tests.faults.canaries import seen
from tests.kit.databases import postgresql
from tests.kit.processes import children, lines, place, service, until

Json = dict[str, Any]
# What a sender may say beside the resource; the trace is its own, the rest may hold anything.
_HEADERS = {
    "X-Actor": f"Practitioner/{MARKED_ID}",
    "X-Request-Id": MARK,
    "User-Agent": MARK,
    "Referer": f"http://ehr.example/Patient/{MARKED_ID}",
    "tracestate": f"{MARKED_ID}={MARKED_ID}",
    "baggage": f"patient={MARKED_ID}",
}


class Observed:
    """`referral-service up`, telling all that it can; whatever it refuses is kept."""

    def __init__(self, settings: Settings, supervisor: int, http: httpx.Client) -> None:
        """`supervisor` is the process id of `up`; `http` has the address of the service as its base."""
        self.settings = settings
        self.http = http
        self.store = build_store(settings)
        self._supervisor = supervisor
        self._refusals: list[tuple[str, bytes]] = []

    def ask(self, method: str, path: str, *expected: int, **sent: Any) -> httpx.Response:
        """One request below /fhir; a refusal's answer is kept with its headers."""
        answer = self.http.request(method, f"/fhir{path}", **sent)
        assert not expected or answer.status_code in expected, f"{method} {path}: {answer.text[:600]}"
        if answer.is_error:
            self.keep(
                f"{method} answered {answer.status_code}", str(answer.headers).encode() + answer.content
            )
        return answer

    def put(self, resource: Json, *expected: int, **sent: Any) -> httpx.Response:
        """An update under the resource's own id."""
        path = f"/{resource['resourceType']}/{resource['id']}"
        return self.ask("PUT", path, *(expected or (200, 201)), json=resource, **sent)

    def keep(self, what: str, answer: bytes) -> None:
        """An answer in which no mark may be."""
        self._refusals.append((what, answer))

    def raw(self, *said: bytes) -> None:
        """Bytes on a connection of its own, which is closed in the middle of whatever follows."""
        with socket.create_connection(("127.0.0.1", self.settings.port), 10) as connection:
            connection.settimeout(0.5)
            for part in said:
                connection.sendall(part)
            with suppress(TimeoutError):
                self.keep("no HTTP", connection.recv(65536))

    def sql(self, statement: str, **values: Any) -> None:
        """What goes wrong in the database."""
        with self.store.engine.begin() as connection:
            connection.execute(text(statement), values)

    def settle(self) -> None:
        """Waits until everybody is decided on, or parked."""
        until(lambda: "\npatients_due 0.0" in self.http.get("/metrics").text, "everybody decided")

    @contextmanager
    def worker_stopped(self) -> Iterator[None]:
        """Nobody is evaluated; wake-ups wait in the broker."""
        worker = children(self._supervisor)["worker"]
        os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(worker, signal.SIGCONT)

    def said(self) -> list[Json]:
        """The lines of every process that are JSON."""
        return [json.loads(line) for line in lines(self.settings).splitlines() if line.startswith("{")]

    def heard(self, event: str) -> bool:
        """Whether a line says so."""
        return any(line["event"] == event for line in self.said())

    def leaks(self) -> list[str]:
        """Every mark in what the service tells, with its place."""
        places = [("metrics", self.http.get("/metrics").content), *self._refusals]
        return [leak for where, what in places for leak in seen(where, what)] + self.leaks_left()

    def leaks_left(self) -> list[str]:
        """Those that are there also when it has ended."""
        said = lines(self.settings).encode()
        found = seen("log", said)
        for path in self.files():
            found += seen("a file's name", path.name)
            with suppress(OSError):  # a socket, or a message that was read just now
                found += seen(path.name, path.read_bytes())
        return found

    def files(self) -> list[Path]:
        """The spans, and all that the service writes but the database."""
        data = self.settings.data_dir
        kept = [one for one in data.rglob("*") if one.is_file() and not one.name.startswith("referral.db")]
        return [self.spans, *kept]

    @property
    def spans(self) -> Path:
        """The file of the traces."""
        return Path(self.settings.traces.removeprefix("file:"))


@contextmanager
def observed(folder: Path, database: str) -> Iterator[Observed]:
    """On SQLite with Valkey, or on PostgreSQL with files for a broker; stopped in order."""
    chosen = {"log_level": "debug", "traces": f"file:{folder / 'spans'}"}
    if database == "sqlite":
        yield from _served(place(folder / "data", **chosen))
    else:
        with postgresql() as address:
            settings = place(folder / "data", broker_url="filesystem://", database_url=address, **chosen)
            yield from _served(settings)


def _served(settings: Settings) -> Iterator[Observed]:
    store = build_store(settings)
    store.migrate()
    store.close()
    address = f"http://127.0.0.1:{settings.port}"
    with service(settings) as up, httpx.Client(base_url=address, headers=_HEADERS, timeout=60) as http:
        watched = Observed(settings, up.pid, http)
        yield watched
        watched.store.close()
    assert watched.leaks_left() == []
