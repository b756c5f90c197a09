"""The stories of the sample clinic: synthetic people, each with one thing to tell and what to expect."""

from pathlib import Path
from typing import Any

import yaml

Story = dict[str, Any]

FOLDER = Path(__file__).parent


def load(folder: Path = FOLDER) -> list[Story]:
    """All stories of a folder's YAML files, file by file in the order of their names."""
    files = sorted(folder.glob("*.yaml"))
    return [story for file in files for story in yaml.safe_load(file.read_text(encoding="utf-8"))]
