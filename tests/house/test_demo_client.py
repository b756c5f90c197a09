"""What docker/README.md says of the demo client, word for word: it gets a token, and posts a Condition."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from referral_service.cli.running import free_port
from referral_service.settings import Settings
from tests.house.deployed import DOCKER, OURS, let_in
from tests.kit.processes import PATIENCE, is_ready, lines, place, referral_service, running, until

pytestmark = pytest.mark.xdist_group("processes")
(LINES,) = re.findall(r"```python\n(.+?)```", (DOCKER / "README.md").read_text(encoding="utf-8"), re.S)
ADDRESS = OURS["api"]["environment"]["REFERRAL_PUBLIC_URL"]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Settings]:
    """The API as compose sets it, on this machine."""
    let_in(tmp_path / "keys")
    port = free_port("127.0.0.1")
    settings = place(
        tmp_path / "data",
        port=port,
        auth=OURS["api"]["environment"]["REFERRAL_AUTH"],
        access=tmp_path / "keys/access.yaml",
        public_url=f"http://127.0.0.1:{port}",
    )
    with running(settings, referral_service("migrate")) as migrate:
        assert migrate.wait(PATIENCE) == 0, lines(settings)
    with running(settings, referral_service("api")) as process:
        until(lambda: is_ready(settings) or process.poll() is not None, "ready")
        assert process.poll() is None, lines(settings)
        yield settings


def follow(folder: Path, settings: Settings) -> subprocess.CompletedProcess[str]:
    """Runs the page's lines where the private key is; nothing but the port is another."""
    assert LINES.count(ADDRESS) == 1
    said = LINES.replace(ADDRESS, settings.public_url)
    return subprocess.run(
        [sys.executable, "-W", "error", "-"],
        input=said,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_client_posts_by_the_pages_lines_and_nobody_without_a_token(api: Settings, tmp_path: Path) -> None:
    done = follow(tmp_path / "keys", api)

    assert done.returncode == 0, done.stderr + lines(api)
    status, address = done.stdout.split()
    assert (status, address.startswith(f"{api.public_url}/fhir/Condition/")) == ("201", True)

    condition = {"resourceType": "Condition", "subject": {"reference": "Patient/p1"}}
    assert httpx.post(f"{api.public_url}/fhir/Condition", json=condition).status_code == 401
    assert httpx.get(address).status_code == 401

    let_in(tmp_path / "others")
    refused = follow(tmp_path / "others", api)
    assert refused.returncode != 0 and f"for url '{api.public_url}/auth/token'" in refused.stderr
