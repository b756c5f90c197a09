"""The compose file says only what the service has: its commands and its settings."""

from pathlib import Path
from typing import Any

import yaml

from referral_service.cli import COMMANDS
from referral_service.settings import Settings

DOCKER = Path(__file__).parents[2] / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if "build" in service}


def test_every_container_of_ours_runs_a_command_that_there_is() -> None:
    assert set(OURS) == {"migrate", "api", "worker"}
    assert {service["command"][0] for service in OURS.values()} <= set(COMMANDS)


def test_every_setting_is_a_setting() -> None:
    known = {f"REFERRAL_{name.upper()}" for name in Settings.model_fields}
    for service in OURS.values():
        assert set(service["environment"]) <= known


def test_nothing_is_published_beyond_loopback() -> None:
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert published and all(port.startswith("127.0.0.1:") for port in published)


def test_every_file_that_the_image_copies_is_there() -> None:
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    assert copied
    assert [name for name in copied if not (DOCKER.parent / name).exists()] == []
