"""What is committed in fhir_profiles/, as these tests read it."""

import json
from pathlib import Path
from typing import Any

from fhir_profiles import EXAMPLES, RESOURCES

Resource = dict[str, Any]
STATES = sorted(path.stem for path in EXAMPLES.glob("[0-9]*.json"))
CHART = "chart"


def example(name: str) -> list[Resource]:
    """The resources of one example, in its order."""
    bundle = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return [entry["resource"] for entry in bundle["entry"]]


def emitted(kind: str) -> list[Resource]:
    """Every version of a kind that the story has the service write."""
    return [one for state in STATES for one in example(state) if one["resourceType"] == kind]


def published(folder: str = ".") -> list[Resource]:
    """Every resource below a folder of resources/."""
    return [json.loads(path.read_bytes()) for path in sorted((RESOURCES / folder).rglob("*.json"))]


def texts(folder: Path) -> dict[str, str]:
    """The JSON files of a folder, by name."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}


def codes(concept: Resource) -> list[str]:
    """The codes of a CodeableConcept."""
    return [coding["code"] for coding in concept["coding"]]
