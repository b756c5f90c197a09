"""docs/integration.md is true: every command on the page is run as a reader would run it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from referral_service.wiring import build_assessor
from tests.api.people import EXHAUSTED, House
from tests.kit.server import Running

PAGE = (Path(__file__).parents[2] / "docs" / "integration.md").read_text(encoding="utf-8")
COMMANDS = [block for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if block.startswith("curl")]


@pytest.fixture
def named(server: Running) -> dict[str, str]:
    """What the page's commands take from the environment."""
    house = House(server, build_assessor(server.service.settings, server.service.store))
    patient = house.chart(*EXHAUSTED)
    found = {
        name: house.ours(patient, kind) for name, kind in (("PROPOSAL", "ServiceRequest"), ("TASK", "Task"))
    }
    return {name: one["id"] for name, (one,) in found.items()}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
def test_every_command_of_the_guide_answers_as_it_says(server: Running, named: dict[str, str]) -> None:
    assert len(COMMANDS) >= 10
    for command in COMMANDS:
        status, element = re.findall(r"^# HTTP (\d+) ?(.*)$", command, re.MULTILINE)[0]
        ran = subprocess.run(
            ["bash", "-c", command],
            env={**named, "BASE": f"{server.address}/fhir", "PATH": "/usr/local/bin:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.startswith(f"HTTP/1.1 {status} "), command + ran.stdout
        assert element in ran.stdout


def test_the_guide_lists_every_way_to_be_refused() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", PAGE, re.MULTILINE)
    told = {int(status) for row in rows for status in row.split(", ")}
    assert told == {400, 403, 404, 405, 406, 408, 409, 410, 412, 413, 415, 422, 429, 503}
