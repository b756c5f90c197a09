"""`reread`, as an operator types it once a site has given its own codes a meaning, or taken it away."""

import json
import re
from pathlib import Path
from shutil import rmtree

from referral_service.cli.running import free_port
from referral_service.store.population import people
from referral_service.workflow.ports import DEFAULT_TENANT
from tests.cli.desk import Desk, desk
from tests.kit.processes import is_ready, until
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

    resources = sum(1 for _, facts in people(desk.clinic.engine, DEFAULT_TENANT) for _ in facts)
    assert said == f"{resources} resources read; 0 say something else than before."


def bring(desk: Desk, folder: Path) -> None:
    """Something is taken in."""
    untold = {name: value for name, value in URGENT.items() if not name.endswith("Status")}
    (folder / "chart.ndjson").write_text(json.dumps(untold), encoding="utf-8")
    assert desk.run("import", str(folder / "chart.ndjson"))[0] == 0


def is_asked_for(desk: Desk) -> bool:
    """Whether `status` asks for `reread`."""
    _, said, _ = desk.run("status", "--json")
    found = json.loads("\n".join(said))["findings"]
    return any(one["help"].startswith("`referral-service reread`") for one in found)


def test_status_asks_for_it_once_the_codes_are_others(desk: Desk, tmp_path: Path) -> None:
    bring(desk, tmp_path)
    assert not is_asked_for(desk)

    overlay(desk, tmp_path / "codes", VALUE_SET)
    assert is_asked_for(desk)
    bring(desk, tmp_path)
    assert is_asked_for(desk)

    reread(desk)
    assert not is_asked_for(desk)


def test_other_codes_than_the_services_change_nothing(desk: Desk, tmp_path: Path) -> None:
    overlay(desk, tmp_path / "codes", VALUE_SET)
    bring(desk, tmp_path)
    overlay(desk, tmp_path / "none")

    code, said, complained = desk.run("reread")

    assert (code, said) == (1, [])
    assert "REFERRAL_TERMINOLOGY_DIR" in complained[0]
    assert desk.lines("reread") == []


def test_codes_that_are_set_again_were_not_those_of_what_came_meanwhile(desk: Desk, tmp_path: Path) -> None:
    for files in ((), (VALUE_SET,), ()):
        overlay(desk, tmp_path / "codes", *files)
        bring(desk, tmp_path)

    assert is_asked_for(desk)


def test_the_api_says_at_its_start_that_the_codes_are_others(desk: Desk, tmp_path: Path) -> None:
    desk.settings = desk.settings.model_copy(update={"port": free_port("127.0.0.1")})
    said = []
    for files in ((), (VALUE_SET,)):
        overlay(desk, tmp_path / "codes", *files)
        with desk.start("api") as running:
            until(lambda: is_ready(desk.settings), "ready")
            running.terminate()
            said.append("referral-service reread" in "".join(running.communicate(timeout=60)))

    assert said == [False, True]
    assert is_asked_for(desk)


def test_a_folder_that_cannot_be_read_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.clinic.post(*EXHAUSTED)
    overlay(desk, tmp_path / "codes", "{")

    code, said, complained = desk.run("reread")

    assert (code, said) == (1, [])
    assert "0.json" in complained[0]
    assert desk.due() == []
