"""The image and the compose file say only what there is: files, commands, settings, ports, services."""

import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from referral_service.auth.access import read
from referral_service.cli import COMMANDS
from referral_service.doorbell import QUEUE
from referral_service.settings import PREFIX, Settings, SettingsError, load
from tests.house.deployed import (
    COMPOSE,
    DOCKER,
    KEPT,
    OURS,
    ROOT,
    SERVICES,
    TRIAL,
    instructions,
    let_in,
    sources,
)

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+[\w.-]*")
PORT = str(Settings.model_fields["port"].default)

every_service = pytest.mark.parametrize("name", SERVICES)


def mounts() -> dict[str, dict[str, str]]:
    """The folders of docker/ that each service sees, by where it sees them."""
    found = {}
    for name, service in SERVICES.items():
        places = [words.split(":") for words in service.get("volumes", ()) if words.startswith("./")]
        found[name] = {inside: outside.removeprefix("./") for outside, inside, _ in places}
    return found


# The image


def test_the_image_copies_what_there_is_and_is_sent_nothing_else() -> None:
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    wanted = [name for name in sources() if not (ROOT / name).exists()]

    assert sources() and wanted == []
    assert ignored[1] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == set(sources())


def test_the_image_runs_a_command_of_ours_and_not_as_root() -> None:
    (user,) = instructions("USER")
    (account,) = re.findall(r"useradd --uid (\d+)", " ".join(instructions("RUN")))

    assert instructions("ENTRYPOINT") == ['["referral-service"]']
    assert set(yaml.safe_load(instructions("CMD")[0])) <= COMMANDS.keys()
    assert user == f"{account}:{account}" and int(account) > 0
    assert instructions("EXPOSE") == [PORT]


def test_the_volume_of_keys_belongs_to_whoever_fills_it() -> None:
    (made,) = re.findall(
        r"install --directory --owner referral .*--mode 700 (.+)", " ".join(instructions("RUN"))
    )

    assert KEPT in made.split(), "a new volume takes its owner from the image"


def test_the_image_installs_what_is_pinned_and_nothing_by_itself() -> None:
    installs = [line for line in instructions("RUN") if "pip install" in line]

    assert len(installs) == 2
    assert "--require-hashes --requirement requirements.txt" in installs[0]
    assert "--no-deps --no-build-isolation ." in installs[1]


def test_both_stages_of_the_image_have_one_python() -> None:
    stages = [line.split()[0] for line in instructions("FROM")]

    assert len(set(stages)) == 1
    assert PINNED.fullmatch(stages[0]) and stages[0].startswith("python:3.11.")


# Compose


@pytest.mark.parametrize("name", ["compose.yaml", "compose.trial.yaml"])
def test_the_compose_file_is_one(name: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]

    done = subprocess.run([*command, DOCKER / name], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_container_of_ours_runs_a_command_that_there_is() -> None:
    own = {name: service["command"] for name, service in OURS.items()}

    assert own.pop("access")[0] in COMMANDS
    assert own == {name: [name] for name in ("migrate", "api", "worker")} and own.keys() <= COMMANDS.keys()
    assert OURS["worker"]["deploy"]["replicas"] == 2


def load_in(
    monkeypatch: pytest.MonkeyPatch, name: str, access: Path, more: Mapping[str, str] = MappingProxyType({})
) -> Settings:
    """The settings of a container, whose volume of keys is that folder."""
    for setting in Settings.model_fields:
        monkeypatch.delenv(PREFIX + setting.upper(), raising=False)
    for setting, value in {**OURS[name]["environment"], **more}.items():
        monkeypatch.setenv(setting, value.replace(KEPT, str(access)))
    return load()


@pytest.mark.parametrize("name", OURS)
def test_a_container_of_ours_starts_with_its_settings(
    name: str, access: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_in(monkeypatch, name, access)

    hosts = {urlsplit(address).hostname for address in (settings.database, settings.broker)}
    assert hosts == {"database", "broker"} <= SERVICES.keys()
    assert settings.is_loopback == (name != "api")
    assert not settings.allow_insecure


def test_the_api_lets_in_whoever_is_registered_where_tokens_are_for(
    access: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_in(monkeypatch, "api", access)
    public = urlsplit(settings.public_url)
    assert settings.access is not None
    told = read(settings.access)

    assert settings.auth == "smart"
    assert f"{public.hostname}:{public.port}:{PORT}" in OURS["api"]["ports"]
    assert OURS["worker"]["environment"]["REFERRAL_PUBLIC_URL"] == settings.public_url
    assert set(told.clients) == {"demo"}
    # made before the API starts, whose volume is read-only
    assert told.token_key_file is not None and told.token_key_file.parent == access
    assert told.token_key_file.is_file()
    assert OURS["api"]["depends_on"]["access"] == {"condition": "service_completed_successfully"}


def test_whoever_is_let_in_is_made_once(tmp_path: Path) -> None:
    let_in(tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}

    assert let_in(tmp_path)[0] == "Nothing was changed."
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_only_the_trial_is_open_and_it_has_to_say_so(access: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = TRIAL["services"]["api"]["environment"]

    settings = load_in(monkeypatch, "api", access, more)

    assert {"services": {"api": {"environment": more}}} == TRIAL, "it publishes nothing and changes no other"
    assert (settings.auth, settings.allow_insecure) == ("off", True)
    assert "INSECURE" not in (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    with pytest.raises(SettingsError, match="ALLOW_INSECURE=1"):
        load_in(monkeypatch, "api", access, {**more, f"{PREFIX}ALLOW_INSECURE": ""})


@pytest.mark.parametrize("name", OURS)
def test_a_container_of_ours_may_do_nothing_that_it_need_not(name: str) -> None:
    service = OURS[name]
    (folder,) = re.findall(rf"{PREFIX}DATA_DIR=(\S+)", " ".join(instructions("ENV")))
    keys = {"access": [f"access:{KEPT}"], "api": [f"access:{KEPT}:ro"]}

    assert service["image"] == f"referral-service:{VERSION}"
    assert (ROOT / service["build"]["dockerfile"]).samefile(DOCKER / "Dockerfile")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert {words.split(":")[0] for words in service["tmpfs"]} == {"/tmp", folder}
    assert not service.keys() & {"privileged", "user", "network_mode"}
    assert service.get("volumes", []) == keys.get(name, []), "keys are seen by those alone who need them"


def test_nothing_is_published_beyond_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]

    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in published)
    assert f"127.0.0.1:{PORT}:{PORT}" in published
    assert len(set(published)) == 4
    networks = {name: one["network_mode"] for name, one in SERVICES.items() if "network_mode" in one}
    assert networks == {"prometheus": "service:api"}
    assert "ports" not in SERVICES["prometheus"]


@every_service
def test_every_image_is_pinned(name: str) -> None:
    assert PINNED.fullmatch(SERVICES[name]["image"])


@every_service
def test_every_name_that_a_service_uses_is_there(name: str) -> None:
    service = SERVICES[name]
    named = [words.split(":")[0] for words in service.get("volumes", ()) if not words.startswith("./")]

    assert set(service.get("depends_on", ())) <= SERVICES.keys()
    assert set(named) <= COMPOSE["volumes"].keys()
    assert all((DOCKER / outside).is_dir() for outside in mounts()[name].values())


def test_a_worker_that_is_told_to_stop_has_time_for_its_batch() -> None:
    lease = Settings.model_fields["lease_seconds"].default

    assert int(OURS["worker"]["stop_grace_period"].removesuffix("s")) > lease


# What watches it


def within(service: str, inside: str) -> str:
    """The file or folder of docker/ that a service knows by this name."""
    place, folder = next((at, it) for at, it in mounts()[service].items() if fnmatch(inside, f"{at}*"))
    return folder + inside.removeprefix(place)


def test_prometheus_finds_its_rules_and_the_api() -> None:
    (option,) = [word for word in SERVICES["prometheus"]["command"] if word.startswith("--config.file=")]
    configuration = yaml.safe_load((DOCKER / within("prometheus", option.partition("=")[2])).read_text())
    (job,) = configuration["scrape_configs"]

    # what is loopback there is the API's own, to which /metrics is open
    assert SERVICES["prometheus"]["network_mode"] == "service:api"
    assert job["static_configs"] == [{"targets": [f"127.0.0.1:{PORT}"]}]
    assert job.get("metrics_path", "/metrics") == "/metrics"
    assert configuration["rule_files"] == ["alerts.yaml"]


def test_grafana_finds_prometheus_and_its_dashboard() -> None:
    folder = DOCKER / within("grafana", "/etc/grafana/provisioning")
    (source,) = yaml.safe_load((folder / "datasources/prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((folder / "dashboards/files.yaml").read_text())["providers"]
    environment: dict[str, Any] = SERVICES["grafana"]["environment"]
    home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    address = urlsplit(source["url"])

    assert SERVICES["prometheus"]["network_mode"] == f"service:{address.hostname}"
    assert f"127.0.0.1:{address.port}:{address.port}" in SERVICES[str(address.hostname)]["ports"]
    assert list((DOCKER / within("grafana", provider["options"]["path"])).glob("*.json"))
    assert (DOCKER / within("grafana", home)).is_file()
    assert environment["GF_AUTH_BASIC_ENABLED"] == environment["GF_ANALYTICS_REPORTING_ENABLED"] == "false"


def test_flower_looks_at_the_queue_that_the_doorbell_rings() -> None:
    (broker,) = [word for word in SERVICES["flower"]["command"] if word.startswith("--broker=")]
    told = runpy.run_path(str(DOCKER / within("flower", "/etc/flower") / "celeryconfig.py"))

    assert broker == f"--broker={OURS['worker']['environment']['REFERRAL_BROKER_URL']}"
    assert told["task_default_queue"] == QUEUE
    assert SERVICES["flower"]["environment"] == {"PYTHONPATH": "/etc/flower"}
