"""A real worker calls a real webhook when a red flag comes, and says nothing about the patient."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from referral_service.cli.supervisor import worker_command
from referral_service.core.timeline import Condition, Meaning
from referral_service.wiring import build_store
from tests.kit.processes import lines, place, running, until
from tests.kit.writes import TENANT, condition, received

pytestmark = pytest.mark.xdist_group("processes")


@contextmanager
def webhook() -> Iterator[tuple[str, list[str]]]:
    """Its address for Apprise, and what it was told."""
    told: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"json://127.0.0.1:{server.server_address[1]}/hook", told
        server.shutdown()
        thread.join()


def test_whoever_is_on_call_hears_of_a_red_flag_within_seconds(tmp_path: Path) -> None:
    with webhook() as (address, told):
        settings = place(tmp_path / "data", broker_url="redis://127.0.0.1:1", ladder=address)
        store = build_store(settings)
        store.migrate()
        meaning = Meaning("cauda_equina_syndrome", "lumbar", "red_flag_hard")
        fact = Condition(source="Condition/secret-7", meanings=(meaning,), clinical="active")
        write = condition("secret-7", "secret-patient", facts=(fact,), is_pressing=True)
        with running(settings, worker_command()):
            store.commit(TENANT, [write], [received(write)])
            until(lambda: bool(told), "told")
        store.close()
        said = json.loads(told[0])

    assert said["title"] == "Red flag"
    assert "nobody has acknowledged it" in said["message"]
    assert "secret" not in told[0] and "cauda" not in told[0]
    assert len(told) == 1
    assert "secret" not in lines(settings)


def test_an_address_that_nobody_knows_stops_the_start(tmp_path: Path) -> None:
    settings = place(tmp_path / "data", broker_url="redis://127.0.0.1:1", ladder="nonsense://password@x")
    store = build_store(settings)
    store.migrate()
    store.close()
    with running(settings, worker_command()) as process:
        assert process.wait(45) == 1

    assert "rung 1, address 1: Apprise knows no such service" in lines(settings)
    assert "password" not in lines(settings)
