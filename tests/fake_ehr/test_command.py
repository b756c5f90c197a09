"""`referral-service fake-ehr`: serves what it is told to, and leaves in peace."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from referral_service.cli import main
from tests.fake_ehr.served import order

COMMAND = [sys.executable, "-m", "referral_service", "fake-ehr"]


@contextmanager
def started(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The process, and the address of its FHIR server."""
    command = [*COMMAND, "--port", "0", "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            said = ""
            while not said.endswith("}\n"):
                line = process.stdout.readline()
                assert line, process.stderr.read() if process.stderr else ""
                said += line
            yield json.loads(said)["fhir"], process
        finally:
            process.kill()


def test_it_serves_a_file_with_faults_and_leaves_when_told(tmp_path: Path) -> None:
    file = tmp_path / "orders.ndjson"
    file.write_text("".join(json.dumps(order(id, id=id)) + "\n" for id in ("a", "b")))
    options = ["--load", str(file), "--fault", "busy=1", "--fault", "only=read", "--fault", "racy=0.5"]
    with started(*options, "--seed", "3") as (address, process):
        assert httpx.get(f"{address}/ServiceRequest").json()["total"] == 2
        assert httpx.get(f"{address}/ServiceRequest/a").status_code == 429
        faults = httpx.get(address.replace("/fhir", "/_faults")).json()
        assert (faults["racy"], faults["only"]) == (0.5, ["read"])

        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=10)

    assert (process.returncode, out, errors) == (0, "", "")


def test_ctrl_c_ends_it_too(tmp_path: Path) -> None:
    with started("--fulfil", "--fulfil-seconds", "0.1") as (address, process):
        assert httpx.get(f"{address}/metadata").status_code == 200

        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)

    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--fault", "bussy=1"], 2, "bussy"),
        (["--fault", "busy=2"], 2, "busy"),
        (["--fault", "busy=0.6", "--fault", "html=0.6"], 2, "add up"),
        (["--fault", "busy"], 2, "--fault"),
        (["--load", "missing.json"], 1, "missing.json"),
        (["--load", "bad.json"], 1, "bad.json"),
        (["--client", "us=bad.json"], 1, "--client"),
        (["--client", "us=keys.json"], 1, "--client"),
        (["--secret", "missing"], 1, "missing"),
        (["--host", "192.0.2.1"], 1, "assign"),
        (["--port", "65536"], 2, "65535"),
    ],
)
def test_what_it_cannot_do_it_says(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    said: str,
) -> None:
    (tmp_path / "bad.json").write_text('{"resourceType": ')
    (tmp_path / "keys.json").write_text('{"keys": []}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["referral-service", "fake-ehr", *options])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == code
    assert said in capsys.readouterr().err
