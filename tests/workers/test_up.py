"""`referral-service up`: one supervisor whose children are started again, and never outlive it."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from referral_service.cli.child import Child
from referral_service.cli.pulse import Pulse
from referral_service.cli.running import free_port
from referral_service.settings import Settings
from referral_service.wiring import build_clock, build_store
from tests.kit.processes import (
    PATIENCE,
    children,
    is_alive,
    is_ready,
    lines,
    place,
    referral_service,
    running,
    service,
    until,
)

pytestmark = pytest.mark.xdist_group("processes")

EVERYBODY = {"broker", "worker", "api"}


def ended(settings: Settings, command: str) -> tuple[int, str]:
    """The exit code and the words of a command that ends by itself."""
    done = subprocess.run(
        referral_service(command),
        env=settings.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout


def test_what_dies_is_started_again_and_nobody_outlives_the_supervisor(tmp_path: Path) -> None:
    settings = place(tmp_path / "data")
    with service(settings) as up:
        before = children(up.pid)
        assert before.keys() == EVERYBODY
        kept = [settings.data_dir, settings.data_dir / "referral.db"]
        assert not any(one.stat().st_mode & 0o077 for one in kept), "only its owner reads the data"
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        until(lambda: not any(map(is_alive, before.values())), "all children dead")
        until(lambda: children(up.pid).keys() == EVERYBODY and is_ready(settings), "all children back")
        assert httpx.get(f"http://127.0.0.1:{settings.port}/livez").is_success

        elsewhere = place(tmp_path / "other", port=settings.port)
        with ThreadPoolExecutor(3) as others:
            asked = (settings, elsewhere, settings), ("up", "up", "api")
            same_folder, same_port, same_address = others.map(ended, *asked)
        assert (same_folder[0], same_port[0], same_address[0]) == (1, 1, 1)
        assert f"pid {up.pid}" in same_folder[1]
        assert f"port {settings.port} is taken" in same_port[1]
        assert f"port {settings.port} is taken" in same_address[1]

        left = children(up.pid)
        up.kill()
        up.wait()
        until(lambda: not any(map(is_alive, left.values())), "nobody outlives the supervisor")

    with service(settings) as again:
        last = children(again.pid)
        assert last.keys() == EVERYBODY
        again.send_signal(signal.SIGINT)
        assert again.wait(PATIENCE) == 0, lines(settings)
        assert not any(map(is_alive, last.values()))


def test_a_database_that_is_busy_when_a_worker_dies_ends_nobody_else(tmp_path: Path) -> None:
    settings = place(tmp_path / "data")
    with service(settings) as up:
        worker = children(up.pid)["worker"]
        busy = sqlite3.connect(settings.data_dir / "referral.db", isolation_level=None)
        busy.execute("BEGIN IMMEDIATE")
        os.kill(worker, signal.SIGKILL)
        until(lambda: "is busy" in lines(settings) or up.poll() is not None, "it has asked the database")
        busy.close()
        until(lambda: children(up.pid).get("worker", worker) != worker, "another worker is there")
        assert up.poll() is None
        assert httpx.get(f"http://127.0.0.1:{settings.port}/livez").is_success


ANSWERS = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def ticked(child: Child) -> Child:
    child.tick()
    return child


def test_a_child_that_answers_nobody_is_ended_and_started_again() -> None:
    port, said = free_port("127.0.0.1"), list[str]()
    pulse = Pulse("127.0.0.1", port, patience=0.2)
    command = [sys.executable, "-c", ANSWERS, str(port)]
    child = Child("api", command, {}, lambda pid: pulse.heard_at > begun, said.append)
    begun = time.monotonic()
    child.start()
    pulse.start()
    try:
        until(lambda: ticked(child).has_been_well, "it answers")
        child.kill_if_silent(pulse.heard_at, 2)
        assert child.pid
        assert is_alive(child.pid), "one that answers is left alone"

        hangs = child.pid
        os.kill(hangs, signal.SIGSTOP)
        until(lambda: child.kill_if_silent(pulse.heard_at, 2) or not is_alive(hangs), "it is ended")
        heard = pulse.heard_at
        until(lambda: ticked(child).pid != hangs and pulse.heard_at > heard, "it answers again")
        assert [line.split(None, 1)[1].partition(",")[0] for line in said] == [
            "started",
            "answers nobody; it is ended",
            "ended (signal SIGKILL); it is started again in 1 s",
            "started",
        ]
    finally:
        pulse.end()
        child.stop()


def test_a_child_that_cannot_start_ends_the_supervisor(tmp_path: Path) -> None:
    bad = tmp_path / "pathway.yaml"
    bad.write_text("id: nothing else")
    settings = place(tmp_path / "data", pathway=bad)

    with running(settings, referral_service("up")) as up:
        assert up.wait(PATIENCE) == 1

    assert "cannot start" in lines(settings)
    assert "pathway.yaml" in lines(settings)


def test_a_database_of_ones_own_is_migrated_by_its_owner(tmp_path: Path) -> None:
    settings = place(tmp_path / "data", database_url=f"sqlite:///{tmp_path / 'own.db'}")
    commands = ("up", "api", "worker")

    with ThreadPoolExecutor(3) as starters:
        refused = list(starters.map(ended, [settings] * 3, commands))

    assert [code for code, _ in refused] == [1, 1, 1]
    assert all("referral-service migrate" in words for _, words in refused)
    assert ended(settings, "migrate")[0] == 0
    assert "already" in ended(settings, "migrate")[1]


def test_whom_a_killed_worker_held_waits_for_no_lease(tmp_path: Path) -> None:
    settings = place(tmp_path / "data", lease_seconds=3600)
    with service(settings) as up:
        address = f"http://127.0.0.1:{settings.port}/fhir"
        os.kill(children(up.pid)["worker"], signal.SIGSTOP)  # it claims nobody any more
        with httpx.Client(base_url=address) as http:
            flag = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G83.4"}]}
            subject = {"reference": "Patient/held"}
            sent = {"resourceType": "Condition", "id": "flag", "subject": subject, "code": flag}
            assert http.put("/Condition/flag", json=sent).is_success
            store = build_store(settings)
            assert [claim.patient for claim in store.claim(10, build_clock(settings).as_of())] == ["held"]
            store.close()

            os.kill(children(up.pid)["worker"], signal.SIGKILL)
            until(
                lambda: http.get("/GuidanceResponse?patient=Patient/held").json().get("total") == 1,
                "the decision, an hour before the lease ends",
            )
