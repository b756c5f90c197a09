"""`make run`: the command behind it prints every story's decision, stays, and leaves nothing behind."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from referral_service.cli.running import free_port, is_free
from referral_service.clinic.stories import load
from referral_service.settings import Settings
from tests.clinic.house import wait_until

pytestmark = pytest.mark.xdist_group("end-to-end")


def start(data_dir: Path, port: int, *arguments: str) -> subprocess.Popen[str]:
    """The command, on a data folder and a port of its own."""
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "referral_service", "demo", *arguments],
        env=Settings.model_validate({"data_dir": data_dir, "port": port}).environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(running: subprocess.Popen[str], words: str) -> list[str]:
    """The lines up to the one that holds these words, or up to the end."""
    assert running.stdout is not None
    lines = []
    for line in running.stdout:
        lines.append(line.rstrip())
        if words in line:
            break
    return lines


def decisions(lines: list[str]) -> list[str]:
    """The lines of the table."""
    names = tuple(story["name"] for story in load())
    return [line for line in lines if line.startswith(names)]


def test_it_stays_open_until_told_to_stop_and_a_second_run_prints_the_same(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")
    with start(tmp_path, port) as staying:
        lines = read_until(staying, "until Ctrl-C")
        page = httpx.get(f"http://127.0.0.1:{port}/worklist")
        staying.send_signal(signal.SIGTERM)
        assert staying.wait(30) == 0
    assert page.is_success
    assert lines[-1] == f"The worklist is open at http://127.0.0.1:{port}/worklist until Ctrl-C."
    assert not [line for line in lines if "NOT AS EXPECTED" in line]
    wait_until(lambda: is_free("127.0.0.1", port))

    with start(tmp_path, port, "--once") as again:
        same = read_until(again, "no such line")
        assert again.wait(30) == 0
    assert {story["title"] for story in load() if not any(story["title"] in line for line in lines)} == set()
    assert decisions(same) == decisions(lines)


def test_a_port_that_is_taken_is_said_plainly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with start(tmp_path, port, "--once") as refused:
            lines = read_until(refused, "no such line")
            assert refused.wait(30) == 1
    assert lines == [f"port {port} is taken; set REFERRAL_PORT to another one"]


def test_what_an_earlier_run_has_logged_is_no_reason_why_this_one_ended(tmp_path: Path) -> None:
    (tmp_path / "service.log").write_text("ready in an earlier run\n")
    (tmp_path / "referral.db").write_text("no database")
    with start(tmp_path, free_port("127.0.0.1"), "--once") as refused:
        lines = read_until(refused, "no such line")
        assert refused.wait(30) == 1
    assert "the service has ended; the last lines of its log:" in lines
    assert not any("earlier run" in line for line in lines) and any("database" in line for line in lines)
