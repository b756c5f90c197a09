"""`verify-ledger` as an operator or an auditor runs it: a process, on a real database."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, update

from referral_service import seal
from referral_service.settings import Settings
from referral_service.store.store import SqlStore
from referral_service.store.tables import ledger, ledger_head
from referral_service.wiring import build_store
from referral_service.workflow.ports import Happening, Tenant
from tests.kit.clocks import HandClock
from tests.kit.databases import postgresql
from tests.kit.processes import place, referral_service
from tests.kit.tampering import cut, rewrite, tampering
from tests.kit.writes import TENANT
from workers.seals import Seals

CLINIC = Tenant("clinic")


@dataclass
class House:
    """A service's folder and database, with lines that were sealed as a worker does."""

    settings: Settings
    store: SqlStore

    def happen(self, count: int = 1, tenant: Tenant = TENANT) -> None:
        for number in range(count):
            line = Happening("approved", f"ServiceRequest/{number}", "Practitioner/x")
            self.store.commit(tenant, [], [line])

    def seal(self) -> None:
        Seals(self.settings, self.store, HandClock()).export()

    def copy(self, file: Path) -> Path:
        """What an auditor has kept."""
        return Path(shutil.copy(file, self.settings.data_dir.with_name(f"kept-{file.name}")))

    def verify(self, *words: str | Path) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        done = subprocess.run(
            referral_service("verify-ledger", *map(str, words)),
            env=self.settings.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    def verdicts(self, *words: str | Path) -> dict[str, tuple[int, str]]:
        """How many lines hold, and what is said of them, by tenant; that numbers and exit code fit."""
        code, said, _ = self.verify("--json", *words)
        found: dict[str, Any] = orjson.loads(said)
        assert code == (0 if found["holds"] else 1)
        for it in found["ledgers"]:
            assert (it["broken_at"] is None) == (it["verdict"] == "holds")
            assert it["verdict"] == "holds" or f"line {it['broken_at']}" in it["verdict"]
        return {it["tenant"]: (it["lines"], it["verdict"]) for it in found["ledgers"]}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    settings = place(tmp_path / "data")
    store = build_store(settings)
    store.migrate()
    yield House(settings, store)
    store.close()


def test_a_ledger_holds_with_its_seals_and_without_any(house: House) -> None:
    house.happen(3)
    house.happen(2, CLINIC)
    code, said, aside = house.verify()
    assert (code, said.count("holds"), said.count("none")) == (0, 2, 2)
    assert aside == f"no signed heads in {house.settings.ledger_heads}: there may be none yet\n"

    house.seal()
    house.happen(1)
    code, said, aside = house.verify()

    assert (code, aside) == (0, "")
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines() if "│" in line]
    assert cells == [
        ["clinic", "2", "line 2, 2026-06-01T08:00:00+00:00", "holds"],
        ["default", "4", "line 3, 2026-06-01T08:00:00+00:00", "holds"],
    ]


def test_what_the_chain_shows_is_said_with_its_line(house: House) -> None:
    house.happen(6)
    house.happen(2, CLINIC)
    house.seal()
    with tampering(house.store.engine) as connection:
        changed = update(ledger).values(actor="Practitioner/forged")
        connection.execute(changed.where(ledger.c.tenant == TENANT, ledger.c.seq == 4))

    assert house.verdicts() == {"clinic": (2, "holds"), "default": (3, "broken at line 4")}


def test_a_cut_with_a_head_that_fits_is_found_by_the_seals(house: House) -> None:
    house.happen(6)
    house.seal()
    with tampering(house.store.engine) as connection:
        cut(connection, 4)

    assert house.verdicts() == {"default": (4, "broken at line 5: it was sealed up to line 6")}


def test_a_chain_computed_anew_is_found_by_the_seals(house: House) -> None:
    for _ in range(3):
        house.happen(2)
        house.seal()
    with tampering(house.store.engine) as connection:
        rewrite(connection, 3, actor="Practitioner/forged")

    assert house.verdicts() == {"default": (6, "broken at line 4 or before: another line was sealed there")}


def test_a_ledger_that_is_gone_is_missed(house: House) -> None:
    house.happen(6)
    house.happen(2, CLINIC)
    house.seal()
    with tampering(house.store.engine) as connection:
        for table in (ledger, ledger_head):
            connection.execute(delete(table).where(table.c.tenant == CLINIC))

    assert house.verdicts() == {
        "clinic": (0, "broken at line 1: it was sealed up to line 2"),
        "default": (6, "holds"),
    }


def test_whoever_has_the_key_and_the_file_is_found_by_copies(house: House) -> None:
    house.happen(6)
    house.seal()
    heads = house.copy(house.settings.ledger_heads)
    public = house.copy(house.settings.ledger_public_key)
    with tampering(house.store.engine) as connection:
        rewrite(connection, 3, actor="Practitioner/forged")
    house.settings.ledger_heads.unlink()
    house.seal()

    anew = "broken at line 6 or before: another line was sealed there"
    assert house.verdicts() == {"default": (6, "holds")}
    assert house.verdicts("--heads", heads) == {"default": (6, anew)}

    house.settings.ledger_heads.unlink()
    house.settings.ledger_key.unlink()
    house.seal()
    code, said, aside = house.verify("--key", public, "--heads", heads)
    assert (code, anew in said) == (1, True)
    assert f"{house.settings.ledger_heads}, line 1: it is signed with a key that is not known here" in aside


def test_lines_that_seal_nothing_are_told_and_all_others_compared(house: House) -> None:
    for _ in range(3):
        house.happen(1)
        house.seal()
    file = house.settings.ledger_heads
    first, second, third = file.read_bytes().splitlines(keepends=True)
    forged = second[:-20] + bytes(reversed(second[-20:-4])) + second[-4:]
    file.write_bytes(first + forged + b"nothing\n" * 30 + third * 600)

    code, said, aside = house.verify()

    assert (code, "holds" in said, "line 3, " in said) == (1, True, True)
    told = aside.splitlines()
    assert told[0] == f"{file}, line 2: its signature does not hold"
    assert told[1] == f"{file}, line 3: it is no seal"
    assert (told[-1], len(told)) == (f"{file}: 31 such lines in all", 21)


def test_wrong_use_ends_with_two_and_a_spoilt_key_with_one(house: House, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    assert house.verify("--heads", tmp_path / "nowhere")[0] == 2
    assert house.verify("--key", bad)[0] == 2

    house.settings.ledger_public_key.write_text("{}")
    code, said, aside = house.verify()
    assert (code, said, aside.count("no Ed25519 key")) == (1, "", 1)


def test_postgresql_has_its_ledger_verified_too(tmp_path: Path) -> None:
    with postgresql() as address:
        settings = place(tmp_path / "data", database_url=address)
        store = build_store(settings)
        store.migrate()
        house = House(settings, store)
        house.happen(5)
        house.seal()
        assert house.verdicts() == {"default": (5, "holds")}

        with tampering(store.engine) as connection:
            cut(connection, 2)
        assert house.verdicts() == {"default": (2, "broken at line 3: it was sealed up to line 5")}
        store.close()


def test_a_file_of_seals_that_grows_meanwhile_is_read_as_it_was(house: House) -> None:
    house.happen(1)
    house.seal()
    file = house.settings.ledger_heads
    size = file.stat().st_size
    house.happen(1)
    house.seal()
    key = seal.read_key(house.settings.ledger_public_key)

    assert [it.seq for it in seal.read(file, size, {key.thumbprint(): key}) if isinstance(it, seal.Seal)] == [
        1
    ]
