"""docs/operations.md says what the code does: settings, commands, metrics, failures."""

import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from subprocess import run
from sys import executable

import pytest
from prometheus_client.parser import text_string_to_metric_families

import referral_service.api.observe  # noqa: F401 - the requests' metric
from referral_service.cli import COMMANDS
from referral_service.core.problem import Category
from referral_service.measures import Counts
from referral_service.settings import PREFIX, Settings
from referral_service.telemetry import exposition

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line[:1] == "|"]
COUNTS = Counts(
    patients_due=0,
    patients_due_urgent=0,
    patients_parked=0,
    oldest_due_seconds=0,
    leases_held=0,
    sweep_age_seconds=1,
    workers_active=1,
    referrals={("requested", "surgical", "urgent"): 1},
    oldest_red_flag_seconds=0,
    oldest_unsent={"fhir": 1.0},
    stages={"acceptance": (1, 0)},
    tallies={"evaluations": {"urgent v1": 1}},
)


def first_cells(sign: str) -> set[str]:
    """The code words that rows begin with, where they match."""
    return {found[1] for row in ROWS if (found := re.match(rf"`({sign}[^`]*)`$", row[0]))}


def written(default: object) -> str:
    """A default as the page writes it."""
    if isinstance(default, timedelta):
        return f"`{int(default.total_seconds())}s`"
    return "empty" if default in (None, "") else f"`{default}`"


def test_every_setting_is_there_with_its_default() -> None:
    meant = {f"`{PREFIX}{name.upper()}`": written(it.default) for name, it in Settings.model_fields.items()}

    assert {row[0]: row[1] for row in ROWS if row[0].startswith(f"`{PREFIX}")} == meant


def test_every_command_is_there() -> None:
    assert first_cells("referral-service ") == {f"referral-service {name}" for name in COMMANDS}


def test_every_metric_is_there_with_its_labels() -> None:
    families = text_string_to_metric_families(exposition(COUNTS).decode())
    ours = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in families
        if not family.name.startswith(("python_", "process_")) and not family.name.endswith("_created")
    }
    table = ROWS[ROWS.index(["metric", "kind", "meaning"]) + 2 :]
    named = {re.match(r"`(\w+)", row[0])[1] for row in table[: len(ours)]}  # type: ignore[index]

    assert named == ours


@pytest.mark.parametrize("category", Category, ids=lambda category: category.name.lower())
def test_every_failure_is_there_as_the_code_has_it(category: Category) -> None:
    name = category.name.lower().replace("_", "-")
    handling = category.value

    assert [name, str(handling.status), handling.code, handling.worker] in ROWS


def test_a_backup_is_put_back_where_a_process_was_killed(tmp_path: Path) -> None:
    (keep,) = re.findall(r'sqlite3 var/referral.db "(VACUUM INTO [^"]+)"', PAGE)
    (clear,) = re.findall(r"`(rm [^`]+)`", PAGE)
    (tmp_path / "var").mkdir()
    script = f"""
import os, sqlite3
made = sqlite3.connect("var/referral.db")
made.executescript("PRAGMA journal_mode=WAL; CREATE TABLE kept (it); INSERT INTO kept VALUES (1)")
made.execute({keep!r})
made.executescript("CREATE TABLE lost (it); DROP TABLE kept; CREATE TABLE other (it PRIMARY KEY)")
os._exit(0)
"""
    run([executable, "-c", script], cwd=tmp_path, check=True)
    left = sorted(file.name for file in (tmp_path / "var").iterdir())
    assert "referral.db-wal" in left

    run(clear.split(), cwd=tmp_path, check=True)
    (backup,) = tmp_path.glob("*.db")
    backup.rename(tmp_path / "var" / "referral.db")

    with closing(sqlite3.connect(tmp_path / "var" / "referral.db")) as restored:
        assert restored.execute("SELECT it FROM kept").fetchall() == [(1,)]


def test_no_failure_is_there_that_the_code_does_not_have() -> None:
    table = ROWS[ROWS.index(["category", "HTTP", "issue.code", "next"]) + 2 :]
    end = next(number for number, row in enumerate(table) if row[0] == "sign")

    assert len(table[:end]) == len(Category)
