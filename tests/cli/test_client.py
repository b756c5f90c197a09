"""`client`: keys and the access file are made once, whole, and are nobody else's to read."""

import json
import re
import sys
from pathlib import Path
from typing import Protocol

import pytest
import yaml

from referral_service.auth.access import read
from referral_service.cli import main


class Run(Protocol):
    """The command with these words in that folder: exit code, lines of stdout, stderr."""

    def __call__(self, folder: Path, *words: str) -> tuple[int, list[str], str]: ...


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Checks too that no private part of a key is ever shown."""

    def run(folder: Path, *words: str) -> tuple[int, list[str], str]:
        monkeypatch.setattr(sys, "argv", ["referral-service", "client", *words, "--folder", str(folder)])
        with pytest.raises(SystemExit) as end:
            main()
        said, complaint = capsys.readouterr()
        for secret in re.findall(r'"d": *"([^"]+)"', "".join(map(Path.read_text, folder.glob("*.json")))):
            assert secret not in said + complaint
        return int(end.value.code or 0), said.splitlines(), complaint

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_first_client_comes_with_all_that_lets_it_in(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "keys"

    code, said, _ = run(
        folder, "ehr-north", "--scope", "system/Condition.cu system/Patient.rs", "--tenant", "north"
    )

    made = {"ehr-north.private.json", "ehr-north.public.json", "access.yaml", "token-key.json"}
    assert (code, said[-1]) == (0, "access.yaml registers ehr-north.")
    assert {file.name for file in folder.iterdir()} == made
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    private = json.loads((folder / "ehr-north.private.json").read_bytes())
    (public,) = json.loads((folder / "ehr-north.public.json").read_bytes())["keys"]
    assert (private["crv"], private["alg"], "d" in private) == ("P-384", "ES384", True)
    assert public == {name: value for name, value in private.items() if name != "d"}
    access = read(folder / "access.yaml")
    client = access.clients["ehr-north"]
    assert (client.tenant, client.scopes) == ("north", "system/Condition.cu system/Patient.rs")
    assert client.jwks_file == folder / "ehr-north.public.json"
    assert access.token_key_file == folder / "token-key.json"


def test_a_second_run_changes_nothing_and_says_so(run: Run, tmp_path: Path) -> None:
    run(tmp_path, "demo")
    before = contents(tmp_path)

    same = run(tmp_path, "demo")
    other = run(tmp_path, "demo", "--scope", "system/Patient.rs")

    assert same == (0, ["Nothing was changed.", "access.yaml registers demo."], "")
    assert other[0] == 0 and "otherwise than is asked" in other[1][-1]
    assert contents(tmp_path) == before


def test_an_access_file_is_the_operators_own(run: Run, tmp_path: Path) -> None:
    run(tmp_path, "demo")
    file = tmp_path / "access.yaml"
    before = file.read_bytes()

    code, said, _ = run(tmp_path, "monitoring", "--scope", "operator")

    assert (code, file.read_bytes()) == (0, before)
    start = said.index("access.yaml does not know monitoring yet. Add this to its clients:")
    file.write_text(before.decode() + "\n".join(said[start + 1 :]) + "\n")
    assert read(file).clients["monitoring"].scopes == "operator"
    assert run(tmp_path, "monitoring", "--scope", "operator")[1][-1] == "access.yaml registers monitoring."


def test_the_token_key_is_made_where_the_access_file_has_it(run: Run, tmp_path: Path) -> None:
    told = {
        "token_key_file": "own/key.json",
        "clients": {"demo": {"jwks_file": "d.json", "scopes": "system/*.rs"}},
    }
    (tmp_path / "access.yaml").write_text(yaml.safe_dump(told))

    assert run(tmp_path, "other")[0] == 0
    key = tmp_path / "own/key.json"
    made = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600

    run(tmp_path, "other")
    assert key.read_bytes() == made


def test_halves_of_a_key_that_do_not_fit_stop_it(run: Run, tmp_path: Path) -> None:
    run(tmp_path / "a", "demo")
    run(tmp_path / "b", "demo")
    public = tmp_path / "a/demo.public.json"
    public.write_bytes((tmp_path / "b/demo.public.json").read_bytes())
    before = contents(tmp_path / "a")

    code, _, complaint = run(tmp_path / "a", "demo")
    assert code == 1 and "does not hold the public half" in complaint
    assert contents(tmp_path / "a") == before

    (tmp_path / "a/demo.private.json").unlink()
    code, _, complaint = run(tmp_path / "a", "demo")
    assert code == 1 and "is there without demo.private.json" in complaint
    assert not (tmp_path / "a/demo.private.json").exists()


@pytest.mark.parametrize("content", ["{", '{"kty": "oct", "k": "AAAA"}', "{}"])
def test_a_file_that_holds_no_private_key_stops_it(run: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "demo.private.json").write_text(content)

    code, _, complaint = run(tmp_path, "demo")

    assert code == 1 and complaint.startswith("referral-service: demo.private.json: ")
    assert set(contents(tmp_path)) == {"demo.private.json"}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("../demo",), "NAME"),
        (("de mo",), "NAME"),
        (("demo", "--scope", "user/*.rs"), "--scope"),
        (("demo", "--scope", " "), "--scope"),
        (("demo", "--tenant", "North"), "--tenant"),
    ],
)
def test_wrong_use_makes_nothing(run: Run, tmp_path: Path, words: tuple[str, ...], named: str) -> None:
    code, _, complaint = run(tmp_path, *words)

    assert code == 2 and f"Invalid value for {named}" in complaint
    assert contents(tmp_path) == {}
