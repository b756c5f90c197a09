"""What the database itself does not take keeps no other resource out."""

from pathlib import Path
from typing import Any

import pytest

from referral_service.cli.progress import Shown
from referral_service.cli.taking import Intake, Into
from referral_service.clock import SystemClock
from referral_service.fhir.read import Reader
from referral_service.store.store import SqlStore
from referral_service.wiring import build_store
from referral_service.workflow import ingest
from referral_service.workflow.ports import Term
from tests.cli.bulk import ndjson, visit
from tests.kit.processes import place
from tests.kit.words import TERMINOLOGY
from tests.kit.writes import TENANT


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    found = build_store(place(tmp_path / "data"))
    found.migrate()
    return found


def test_one_that_the_database_does_not_take_stops_no_other(
    store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = ingest.terms

    def with_a_fault(resource: dict[str, Any]) -> tuple[Term, ...]:
        return (Term("code", "\ud800"),) if resource["id"] == "v000007" else terms(resource)

    monkeypatch.setattr(ingest, "terms", with_a_fault)
    file = tmp_path / "visits.ndjson"
    file.write_bytes(b"".join(ndjson(map(visit, range(20)))))
    reader = Reader(TERMINOLOGY, "https://spine-referral.example/fhir")
    intake = Intake(store, SystemClock(), reader, Into(TENANT, "Operator/tests"))

    with Shown("importing", 1) as shown, shown.file("visits", 1) as part:
        report = intake.take(file, part)

    assert (report.counts, report.refused) == ({"Procedure": {"stored": 19}}, 1)
    assert report.refusals[0].where == "Procedure/v000007"
    assert store.read(TENANT, "Procedure", "v000007") is None
    assert store.verify_ledger(TENANT).lines == 19
    with Shown("importing", 1) as shown, shown.file("visits", 1) as part:
        assert intake.take(file, part) == report  # it is known to be done
    store.close()
