"""The HTTP face for tests: a real uvicorn in a thread, on a real database, and a client of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import select

from referral_service.api.app import create_app
from referral_service.settings import Settings
from referral_service.store.tables import metadata
from referral_service.wiring import Service, build_service

FHIR_JSON = "application/fhir+json"
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Running:
    """A served service. `http` has the address of /fhir as its base."""

    service: Service
    address: str
    http: httpx.Client

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table: what must not change when a request is refused."""
        with self.service.store.engine.connect() as connection:
            return {
                table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
                for table in metadata.sorted_tables
            }

    def post(self, resource: Mapping[str, Any], **headers: str) -> httpx.Response:
        """A create; headers with underscores for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(f"/{resource['resourceType']}", json=resource, headers=named)

    def put(self, resource: Mapping[str, Any], **headers: str) -> httpx.Response:
        """An update under the resource's own id."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.put(f"/{resource['resourceType']}/{resource['id']}", json=resource, headers=named)

    def send(self, kind: str, *entries: Mapping[str, Any], **headers: str) -> httpx.Response:
        """A Bundle of that type."""
        bundle = {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
        return self.http.post("", json=bundle, headers=headers)

    def search(self, what: str, **parameters: str) -> dict[str, Any]:
        """A searchset; parameters with underscores for hyphens inside a name."""
        named = {name[:1] + name[1:].replace("_", "-"): value for name, value in parameters.items()}
        answer = self.http.get(f"/{what}", params=named)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def ids(bundle: Mapping[str, Any], mode: str = "match") -> list[str]:
    """The ids of a searchset, in its order."""
    return [e["resource"]["id"] for e in bundle.get("entry", ()) if e["search"]["mode"] == mode]


@contextmanager
def running(data_dir: Path, **settings: Any) -> Iterator[Running]:
    """A service of its own database; SQLite in `data_dir` unless `database_url` says otherwise."""
    chosen = Settings.model_validate({"data_dir": data_dir, "broker_url": "filesystem://", **settings})
    service = build_service(chosen)
    service.store.migrate()
    config = uvicorn.Config(
        create_app(service),
        port=settings.get("port", 0),
        log_config=None,
        access_log=False,
        date_header=False,
        # A test that thinks for some seconds would send its next request into a closing connection.
        timeout_keep_alive=300,
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        end = monotonic() + _PATIENCE_SECONDS
        while not server.started:
            assert monotonic() < end and thread.is_alive(), "the server did not start"
            sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=f"{address}/fhir", timeout=30.0) as http:
            yield Running(service, address, http)
    finally:
        server.should_exit = True
        thread.join(_PATIENCE_SECONDS)
        service.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One service a test module: its tests use patients of their own."""
    with running(tmp_path_factory.mktemp("served")) as served:
        yield served
