"""What docker/ holds, parsed: the image, compose, Kubernetes."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.processes import referral_service

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"

DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
TRIAL: dict[str, Any] = yaml.safe_load((DOCKER / "compose.trial.yaml").read_text(encoding="utf-8"))
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
# Where compose's volume of keys is seen.
KEPT: str = OURS["access"]["command"][-1]

KUBERNETES = DOCKER / "kubernetes"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load(
    (KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8")
)
MANIFESTS: list[dict[str, Any]] = [
    manifest
    for path in sorted(KUBERNETES.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]


def instructions(word: str) -> list[str]:
    """What the Dockerfile's lines of that instruction say, in order."""
    return re.findall(rf"^{word}\s+(.+)$", DOCKERFILE, re.M)


def sources() -> list[str]:
    """What the image copies of the repository."""
    copied = [line.split() for line in instructions("COPY") if not line.startswith("--from")]
    return [name for words in copied for name in words[:-1]]


def let_in(folder: Path, program: tuple[str, ...] = ()) -> list[str]:
    """Does what compose's `access` does, in that folder; what it says."""
    words = [word.replace(KEPT, str(folder)) for word in OURS["access"]["command"]]
    command = [*program, *words] if program else referral_service(*words)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture(scope="session")
def access(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The volume that compose's `access` has filled."""
    folder = tmp_path_factory.mktemp("access")
    let_in(folder)
    return folder


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    """The manifests of a kind, by name."""
    return {found["metadata"]["name"]: found for found in MANIFESTS if found["kind"] == kind}


def pods() -> dict[str, dict[str, Any]]:
    """The pod templates, by the component that each is."""
    owners = [*of_kind("Deployment").values(), *of_kind("Job").values()]
    templates = [owner["spec"]["template"] for owner in owners]
    return {found["metadata"]["labels"]["app.kubernetes.io/component"]: found for found in templates}


def container(component: str) -> dict[str, Any]:
    """The one container of a pod."""
    (only,) = pods()[component]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def probes(component: str) -> dict[str, dict[str, Any]]:
    """A container's probes, by name."""
    return {name: found for name, found in container(component).items() if name.endswith("Probe")}
