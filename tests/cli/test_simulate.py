"""`simulate`: what another policy would decide about everybody, and that nothing is changed by asking."""

import json
from pathlib import Path

from referral_service import pathways
from referral_service.clinic.chart import build
from referral_service.settings import Settings
from referral_service.store.store import SqlStore
from tests.api.people import EXHAUSTED
from tests.cli.test_import import bundle, chart, command, settings, store
from tests.kit.judged import TODAY
from tests.kit.writes import TENANT

__all__ = ["settings", "store"]
STRICT = pathways.DEFAULT.with_name("strict-payer-example.yaml")


def test_what_another_policy_would_decide(settings: Settings, store: SqlStore, tmp_path: Path) -> None:
    file = tmp_path / "chart.json"
    file.write_text(json.dumps(bundle("collection", chart())))
    assert command(settings, "import", file).returncode == 0
    lines = store.verify_ledger(TENANT).lines

    answer = command(settings, "simulate", "--pathway", STRICT, "--as-of", "2026-06-01", "--json")

    assert answer.returncode == 0, answer.stderr
    (change,) = json.loads(answer.stdout)
    assert (change["patient"], change["region"]) == ("nora", "lumbar")
    assert change["now"]["outcome"] == "exhausted"
    assert change["then"]["outcome"] != "exhausted"
    assert store.verify_ledger(TENANT).lines == lines
    told = command(settings, "simulate", "--pathway", STRICT, "--as-of", "2026-06-01").stdout
    assert told.startswith("1 patients; 1 regions would be decided otherwise by ")


def test_patients_who_are_one_person_are_decided_on_together_and_once(
    settings: Settings, store: SqlStore, tmp_path: Path
) -> None:
    whole = chart("ann")
    halves = [
        *build({"id": "ann", "given": EXHAUSTED[:1]}, TODAY),
        *build({"id": "zoe", "given": EXHAUSTED[1:]}, TODAY),
    ]
    halves[0]["link"] = [{"type": "seealso", "other": {"reference": "Patient/zoe"}}]
    answers = []
    for tenant, resources in (("whole", whole), ("halves", halves)):
        file = tmp_path / f"{tenant}.json"
        file.write_text(json.dumps(bundle("collection", resources)))
        assert command(settings, "import", file, "--tenant", tenant).returncode == 0
        words = ("simulate", "--pathway", STRICT, "--as-of", "2026-06-01", "--tenant", tenant)
        answers.append(json.loads(command(settings, *words, "--json").stdout))
        assert command(settings, *words).stdout.startswith("1 patients; 1 regions would be decided otherwise")

    assert answers[0] == answers[1]


def test_the_same_policy_changes_nothing(settings: Settings, store: SqlStore, tmp_path: Path) -> None:
    file = tmp_path / "chart.json"
    file.write_text(json.dumps(bundle("collection", chart())))
    command(settings, "import", file)

    answer = command(settings, "simulate", "--pathway", pathways.DEFAULT, "--json")

    assert json.loads(answer.stdout) == []


def test_a_policy_with_a_fault_is_refused_with_its_place(
    settings: Settings, store: SqlStore, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(pathways.DEFAULT.read_text().replace("acute_minimum:", "acute_minimun:"))
    answer = command(settings, "simulate", "--pathway", wrong)

    assert answer.returncode == 1
    assert "acute_minimun" in answer.stderr
    assert command(settings, "simulate", "--pathway", tmp_path / "none.yaml").returncode == 2


def test_another_tenants_population(settings: Settings, store: SqlStore, tmp_path: Path) -> None:
    file = tmp_path / "chart.json"
    file.write_text(json.dumps(bundle("collection", chart())))
    assert command(settings, "import", file, "--tenant", "north").returncode == 0

    words = ("simulate", "--pathway", STRICT, "--as-of", "2026-06-01")

    assert command(settings, *words).stdout.startswith("0 patients")
    assert command(settings, *words, "--tenant", "north").stdout.startswith("1 patients; 1 regions")
    assert store.verify_ledger(TENANT).lines == 0
