"""`reread`, as an operator types it once a site has given its own codes a meaning, or taken it away."""

import re
from pathlib import Path
from shutil import rmtree

from referral_service.store.population import patients
from referral_service.workflow.ports import DEFAULT_TENANT
from tests.cli.desk import Desk, desk
from tests.workflow.clinic import EXHAUSTED, Clinic

__all__ = ["desk"]
PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
# The page's own: the code CES means cauda equina syndrome.
(VALUE_SET,) = re.findall(r"```json\n(\{\n  \"resourceType\": \"ValueSet\".*?)```", PAGE, re.DOTALL)
LOCAL = "https://hospital.example/local"
URGENT = {
    "resourceType": "Condition",
    "id": "urgent",
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "verificationStatus": {"coding": [{"code": "confirmed"}]},
    "code": {"coding": [{"system": LOCAL, "code": "CES"}]},
    "subject": {"reference": "Patient/pat"},
    "onsetDateTime": "2026-05-29",
}


def overlay(desk: Desk, folder: Path, *files: str) -> None:
    """The site's ValueSets are these from now on."""
    rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, file in enumerate(files):
        (folder / f"{number}.json").write_text(file, encoding="utf-8")
    desk.settings = desk.settings.model_copy(update={"terminology_dir": folder})


def reread(desk: Desk) -> str:
    code, said, complained = desk.run("reread")
    assert (code, complained) == (0, [])
    desk.clinic.evaluate()
    return "\n".join(said)


def urgent(clinic: Clinic) -> list[str]:
    """The status of each proposal that is urgent."""
    return [status for _, priority, status in clinic.proposals() if priority != "routine"]


def test_a_red_flag_in_a_sites_own_code_is_seen_once_the_code_is_known(desk: Desk, tmp_path: Path) -> None:
    desk.clinic.post(*EXHAUSTED)
    desk.clinic.put(URGENT)
    desk.clinic.evaluate()
    assert urgent(desk.clinic) == []

    overlay(desk, tmp_path / "codes", VALUE_SET)
    assert reread(desk).endswith("; 1 say something else than before.")

    assert urgent(desk.clinic) == ["draft"]
    assert desk.lines("reread") == [("reread", "Condition/urgent", "{}")]
    assert reread(desk).endswith("; 0 say something else than before.")
    assert desk.run("reconcile")[0] == 0


def test_a_meaning_that_was_taken_away_calls_for_nothing_any_more(desk: Desk, tmp_path: Path) -> None:
    overlay(desk, tmp_path / "codes", VALUE_SET)
    desk.clinic.post(*EXHAUSTED)
    desk.clinic.put(URGENT)
    reread(desk)
    assert urgent(desk.clinic) == ["draft"]

    overlay(desk, tmp_path / "codes")
    assert reread(desk).endswith("; 1 say something else than before.")

    assert "draft" not in urgent(desk.clinic)


def test_what_the_service_has_read_with_the_same_codes_is_left_alone(desk: Desk) -> None:
    desk.clinic.post(*EXHAUSTED)

    said = reread(desk)

    resources = sum(1 for _, facts in patients(desk.clinic.engine, DEFAULT_TENANT) for _ in facts)
    assert said == f"{resources} resources read; 0 say something else than before."


def test_a_folder_that_cannot_be_read_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.clinic.post(*EXHAUSTED)
    overlay(desk, tmp_path / "codes", "{")

    code, said, complained = desk.run("reread")

    assert (code, said) == (1, [])
    assert "0.json" in complained[0]
    assert desk.due() == []
