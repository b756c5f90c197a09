"""`import --from`: a source's bulk export, killed at any moment and started again, ends as if undisturbed."""

from collections.abc import Iterator
from pathlib import Path
from subprocess import run

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import func, select

from referral_service.fake_ehr.server import FakeEhr, Faults, Manners, serve
from referral_service.settings import Settings
from referral_service.store.engine import connect, reading
from referral_service.store.tables import resource
from referral_service.wiring import build_store
from tests.cli.bulk import dump, imported, imports, kill_before, killed, patient, stored, visit
from tests.kit.processes import place, referral_service, until

MANY = 3_000
GONE = 2_500


@pytest.fixture
def ehr() -> Iterator[FakeEhr]:
    """An EHR with many visits, served."""
    found = FakeEhr(manners=Manners(export_lines=1_000, export_polls=1))
    found.load(map(patient, range(20)))
    found.load(map(visit, range(MANY)))
    found.put({"resourceType": "Immunization", "id": "i1", "patient": {"reference": "Patient/p000001"}})
    with serve(found):
        yield found


def site(folder: Path, address: str, more: str = "") -> Settings:
    """A service that has the EHR as its source `north`, and another one that it cannot export from."""
    folder.mkdir()
    sources = folder / "sources.yaml"
    sources.write_text(
        "kind: sources\nsources:\n"
        f"  north:\n    fhir: {{url: '{address}'{more}}}\n    export: {{}}\n"
        f"  south:\n    fhir: {{url: '{address}'}}\n"
    )
    settings = place(folder / "data", broker_url="redis://127.0.0.1:1", sources=sources)
    store = build_store(settings)
    store.migrate()
    store.close()
    return settings


def deleted(settings: Settings) -> int:
    """How many resources are deleted."""
    engine = connect(settings.database)
    with reading(engine) as connection:
        found = connection.scalar(select(func.count()).select_from(resource).where(resource.c.is_deleted))
    engine.dispose()
    return found or 0


def kill_at(ehr: FakeEhr, settings: Settings, kind: str, number: int = 1) -> None:
    """Kills an import once so many requests of a kind have come, before the last of them is answered."""
    before = sum(count for (_, it), count in ehr.requests.items() if it == kind)
    ehr.faults = Faults(latency=1.0, latency_seconds=(6.0, 6.0), only=(kind,))
    process = imports(settings, "--from", "north")
    until(
        lambda: sum(count for (_, it), count in ehr.requests.items() if it == kind) >= before + number, kind
    )
    killed(process)
    ehr.faults = Faults()


def test_killed_at_any_moment_it_ends_as_if_undisturbed(ehr: FakeEhr, tmp_path: Path) -> None:
    quiet, rough = site(tmp_path / "quiet", ehr.address), site(tmp_path / "rough", ehr.address)
    first = imported(quiet, "--from", "north")
    assert (first.code, first.report["types"]["Procedure"]) == (0, {"stored": MANY})
    assert first.report["types"]["Immunization"] == {"not taken in": 1}
    before = ehr.requests["GET", "export"]

    kill_at(ehr, rough, "export")
    kill_at(ehr, rough, "export-status")
    kill_at(ehr, rough, "export-file", 2)
    kill_before(f"v{MANY - 10:06d}", rough, lambda: stored(rough) >= 500, "--from", "north")
    assert stored(rough) < MANY
    kill_at(ehr, rough, "export-delete")
    assert stored(rough) == MANY + 20

    assert ehr.requests["GET", "export"] == before + 2  # the one of which no answer came, and its successor
    assert dump(rough) == dump(quiet)

    for number in range(GONE):
        ehr.remove("Procedure", f"v{number:06d}")
    ehr.put(visit(MANY - 1) | {"status": "entered-in-error"})
    second = imported(quiet, "--from", "north")
    assert second.report["types"]["Procedure"] == {"deleted": GONE, "stored": 1}
    kill_before(f"v{GONE - 10:06d}", rough, lambda: deleted(rough) >= 500, "--from", "north")
    assert deleted(rough) < GONE
    assert imported(rough, "--from", "north").report["types"] == second.report["types"]
    assert dump(rough) == dump(quiet)
    assert [it.name for it in (rough.data_dir / "exports").iterdir()] == ["north.lock"]


def test_an_ehr_that_wants_a_token_for_everything(tmp_path: Path) -> None:
    key = ECKey.generate_key("P-384", {"kid": "ours"})
    file = tmp_path / "key.jwk"
    file.write_bytes(key.as_pem(private=True))
    ehr = FakeEhr(clients={"us": {"keys": [key.as_dict(private=False)]}}, manners=Manners(export_polls=0))
    ehr.load(map(patient, range(3)))
    with serve(ehr) as address:
        north = site(tmp_path / "north", address, f", client_id: us, key_file: '{file}'")
        assert imported(north, "--from", "north").report["types"] == {"Patient": {"stored": 3}}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "nowhere"], "no source of that name"),
        (["--from", "south"], "no source of that name"),
        (["--from", "north", "file.json"], "either"),
        (["--everything", "file.json"], "either"),
    ],
)
def test_wrong_use(tmp_path: Path, words: list[str], said: str) -> None:
    north = site(tmp_path / "north", "http://127.0.0.1:1/fhir")
    answer = imported(north, *words)
    assert answer.code == 2
    assert said in " ".join(answer.err.replace("│", " ").split())


def test_two_at_once_do_not_mix(ehr: FakeEhr, tmp_path: Path) -> None:
    north = site(tmp_path / "north", ehr.address)
    ehr.faults = Faults(latency=1.0, latency_seconds=(5.0, 5.0), only=("export-status",))
    first = imports(north, "--from", "north")
    until(lambda: ehr.requests["GET", "export-status"] > 0, "the first one waits")
    second = referral_service("import", "--from", "north")
    answer = run(second, env=north.environment(), capture_output=True, text=True, check=False)
    killed(first)
    assert (answer.returncode, "another process is importing from north" in answer.stderr) == (1, True)
