"""`referral-service up`: one supervisor whose children are started again, end in order, and never outlive it."""

import os
import signal
import subprocess
from pathlib import Path

import httpx

from referral_service.settings import Settings
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

EVERYBODY = {"broker", "worker", "api"}


def ended(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        referral_service(*words),
        env=settings.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_what_dies_is_started_again_and_all_ends_in_order(tmp_path: Path) -> None:
    settings = place(tmp_path / "data")
    with service(settings) as up:
        before = children(up.pid)
        assert before.keys() == EVERYBODY

        for pid in before.values():
            os.kill(pid, signal.SIGKILL)

        until(lambda: not any(map(is_alive, before.values())), "all children dead")
        until(lambda: children(up.pid).keys() == EVERYBODY and is_ready(settings), "all children back")
        assert not before.items() & children(up.pid).items()
        assert httpx.get(f"http://127.0.0.1:{settings.port}/livez").is_success

        second = ended(settings, "up")
        assert second.returncode == 1
        assert f"pid {up.pid}" in second.stderr
        elsewhere = ended(place(tmp_path / "other", port=settings.port), "up")
        assert elsewhere.returncode == 1
        assert f"port {settings.port} is taken" in elsewhere.stderr

        last = children(up.pid)
        up.send_signal(signal.SIGINT)
        assert up.wait(PATIENCE) == 0, lines(settings)
        assert not any(map(is_alive, last.values()))


def test_no_child_survives_a_killed_supervisor(tmp_path: Path) -> None:
    settings = place(tmp_path / "data")
    with service(settings) as up:
        left = children(up.pid)
        assert left.keys() == EVERYBODY

        up.kill()
        up.wait()

        until(lambda: not any(map(is_alive, left.values())), "all children dead")
    with service(settings) as again:
        assert children(again.pid).keys() == EVERYBODY


def test_a_child_that_cannot_live_ends_the_supervisor(tmp_path: Path) -> None:
    bad = tmp_path / "pathway.yaml"
    bad.write_text("id: nothing else")
    settings = place(tmp_path / "data", pathway=bad)

    with running(settings, referral_service("up")) as up:
        assert up.wait(PATIENCE * 2) == 1

    assert "ends each time it is started" in lines(settings)
    assert "pathway.yaml" in lines(settings)


def test_a_database_of_ones_own_is_migrated_by_its_owner(tmp_path: Path) -> None:
    settings = place(tmp_path / "data", database_url=f"sqlite:///{tmp_path / 'own.db'}")

    for command in ("up", "api", "worker"):
        refused = ended(settings, command)
        assert (refused.returncode, "referral-service migrate" in refused.stderr) == (1, True)

    assert ended(settings, "migrate").returncode == 0
    assert "already" in ended(settings, "migrate").stdout
