"""What docker/ holds, parsed: the image, compose, Kubernetes."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"

DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}

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
