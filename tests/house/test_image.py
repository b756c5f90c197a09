"""What the image holds, installed as the Dockerfile says, run and probed as compose and Kubernetes do."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from referral_service.cli.running import free_port
from referral_service.ehr.assertion import TYPE, signed
from referral_service.settings import Settings
from tests.house.deployed import OURS, ROOT, TRIAL, container, instructions, let_in, probes, sources
from tests.kit.processes import PATIENCE, broker, is_ready, lines, place, running, until

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`referral-service` with nothing of this repository but what the image copies."""
    context, installed = tmp_path / "context", tmp_path / "installed"
    context.mkdir()
    for name in sources():
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("node_modules", "__pycache__")
            shutil.copytree(ROOT / name, context / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, context)
    options = [word for word in instructions("RUN")[2].split() if word.startswith("--")]
    command: list[str | Path] = [sys.executable, "-m", "pip", "install", "--quiet", *options, "--no-index"]
    command += ["--target", installed, context]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(context)
    monkeypatch.setenv("PYTHONPATH", str(installed))
    monkeypatch.chdir(tmp_path)
    return installed / "bin" / instructions("ENTRYPOINT")[0].strip('[]"')


@pytest.fixture
def settings(tmp_path: Path, program: Path) -> Settings:
    """The containers' settings, on an SQLite file and a broker of this machine, once `access` has ended."""
    let_in(tmp_path / "keys", (str(program),))
    port = free_port("127.0.0.1")
    return place(
        tmp_path / "data",
        port=port,
        lease_seconds=60,
        auth=OURS["api"]["environment"]["REFERRAL_AUTH"],
        access=tmp_path / "keys/access.yaml",
        public_url=f"http://127.0.0.1:{port}",
    )


@pytest.fixture
def containers(program: Path, settings: Settings) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """An API and a worker, as compose starts them once `migrate` has ended."""
    with running(settings, [str(program), *OURS["migrate"]["command"]]) as migrate:
        assert migrate.wait(PATIENCE) == 0, lines(settings)
    with ExitStack() as living:
        living.enter_context(broker(settings))
        yield {
            name: living.enter_context(running(settings, [str(program), *OURS[name]["command"]]))
            for name in ("api", "worker")
        }


def token(settings: Settings) -> str:
    """One for the client that `access` has registered."""
    url = f"{settings.public_url}/auth/token"
    assert settings.access is not None
    form = {
        "grant_type": "client_credentials",
        "scope": "system/*.cruds",
        "client_assertion_type": TYPE,
        "client_assertion": signed(settings.access.with_name("demo.private.json"), "demo", url),
    }
    found: str = httpx.post(url, data=form).raise_for_status().json()["access_token"]
    return found


def is_well(command: list[str], settings: Settings) -> bool:
    """What a container engine makes of a probe's exit code."""
    environment = settings.environment()
    return not subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def is_well_after_two_leases(command: list[str], settings: Settings) -> bool:
    """The same, had nobody touched the heartbeat for that long."""
    long_ago = time.time() - 2 * settings.lease_seconds - 1
    for heartbeat in settings.heartbeat_folder.iterdir():
        os.utime(heartbeat, (long_ago, long_ago))
    return is_well(command, settings)


def the_trial_shows_the_pages_and_warns(settings: Settings, program: Path) -> None:
    """The API with what compose.trial.yaml changes."""
    changed = TRIAL["services"]["api"]["environment"].items()
    trial = place(
        settings.data_dir, **{name.removeprefix("REFERRAL_").lower(): value for name, value in changed}
    )
    with running(trial, [str(program), *OURS["api"]["command"]]) as api:
        until(lambda: is_ready(trial) or api.poll() is not None, "ready")
        page = httpx.get(f"http://127.0.0.1:{trial.port}/worklist")

    assert page.is_success, "the pages are in the image too"
    assert "ALLOW_INSECURE is set" in page.text
    assert "ANYBODY WHO REACHES THIS HOST READS AND CHANGES EVERYTHING" in lines(trial)


def test_the_image_does_its_work_and_its_probes_tell(
    containers: dict[str, subprocess.Popen[bytes]], settings: Settings, program: Path
) -> None:
    api, worker = containers["api"], containers["worker"]
    until(lambda: is_ready(settings) or api.poll() is not None, "ready")
    assert api.poll() is None, lines(settings)
    address = f"http://127.0.0.1:{settings.port}"
    for probe in probes("api").values():
        assert httpx.get(address + probe["httpGet"]["path"]).status_code == 200
    here = [word.replace(":8000/", f":{settings.port}/") for word in OURS["api"]["healthcheck"]["test"][1:]]
    assert is_well([sys.executable, *here[1:]], settings)

    assert httpx.get(f"{address}/metrics").is_success, "Prometheus shares the API's loopback"
    assert httpx.get(f"{address}/fhir/Patient").status_code == 401

    known = {"Authorization": f"Bearer {token(settings)}"}
    with httpx.Client(base_url=f"{address}/fhir", headers=known) as http:
        person = {"resourceType": "Patient", "id": "p1", "birthDate": "1979-04-02"}
        assert http.put("/Patient/p1", json=person).is_success
        until(
            lambda: http.get("/GuidanceResponse?patient=Patient/p1").json()["total"] == 1,
            "a decision",
        )

    (beats,) = {tuple(probe["exec"]["command"]) for probe in probes("worker").values()}
    assert is_well(list(beats), settings)
    worker.send_signal(signal.SIGSTOP)
    until(lambda: not is_well_after_two_leases(list(beats), settings), "the worker is found stuck")
    worker.send_signal(signal.SIGCONT)
    until(lambda: is_well(list(beats), settings), "the worker is well again")

    for name, process in containers.items():
        process.send_signal(signal.SIGTERM)
        grace = OURS[name]["stop_grace_period"]
        assert process.wait(int(grace.removesuffix("s"))) == 0, lines(settings)
    assert list(settings.heartbeat_folder.iterdir()) == [], (
        "a worker that is gone is not taken for a stuck one"
    )
    the_trial_shows_the_pages_and_warns(settings, program)


def test_a_worker_that_has_never_looked_is_not_well(tmp_path: Path) -> None:
    assert not is_well(container("worker")["livenessProbe"]["exec"]["command"], place(tmp_path / "data"))
