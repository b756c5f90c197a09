"""House rules for every module: a docstring first, no file over 300 lines, no forbidden names."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("referral_service", "workers", "tests", "fhir_profiles", "bench")
MODULES = sorted(
    path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts
)
LOCKS = (
    "requirements.txt",
    "requirements-dev.txt",
    "fhir_profiles/package-lock.json",
    "tests/foreign/package-lock.json",
)
FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_and_stays_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "a module opens with its docstring"
    assert len(text.splitlines()) <= 300
    assert path.stem not in FORBIDDEN


def test_nothing_of_this_machine_is_committed() -> None:
    """No lock file records an address: pins carry hashes alone."""
    for name in LOCKS:
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")
