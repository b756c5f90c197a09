"""FHIR content of this project; `RESOURCES` is the folder of committed JSON that the service loads."""

from pathlib import Path

RESOURCES = Path(__file__).parent / "resources"
EXAMPLES = Path(__file__).parent / "examples"
