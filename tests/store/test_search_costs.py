"""What a search costs that few resources pass: it looks at these alone, whatever the database has counted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from referral_service.fhir.search import query
from referral_service.store.engine import connect, migrate
from referral_service.store.search import Search
from referral_service.store.store import SqlStore
from referral_service.workflow.ports import Term, Write
from tests.kit.databases import postgresql_of_no_superuser
from tests.kit.plans import most_rows
from tests.kit.writes import TENANT, condition, received

PATIENTS, EACH = 400, 5
NARROW = {
    "of one patient": query.Test(name="subject", tokens=("Patient/p7",)),
    "of several": query.Test(name="subject", tokens=("Patient/p7", "Patient/p8")),
    "with an identifier": query.Test(name="identifier", tokens=("urn:ehr|p7-3",)),
}


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database as after a first morning: it was never analysed. Emptied tables keep what was counted."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path / 'new.db'}"
        migrate(connect(address))
        yield address
        return
    with postgresql_of_no_superuser() as address:
        migrate(connect(address))
        yield address


def conditions(patient: str) -> list[Write]:
    subject = Term("subject", f"Patient/{patient}")
    ids = [f"{patient}-{number}" for number in range(EACH)]
    return [condition(one, patient, terms=(subject, Term("identifier", one, "urn:ehr"))) for one in ids]


def test_what_few_pass_is_found_without_a_look_at_the_others(store: SqlStore) -> None:
    for number in range(PATIENTS):
        writes = conditions(f"p{number}")
        store.commit(TENANT, writes, [received(write) for write in writes])
    asked: list[tuple[str, Any]] = []
    event.listen(store.engine, "before_cursor_execute", lambda *said: asked.append((said[2], said[3])))

    found = {
        name: len(Search(store.engine).page(TENANT, query.Query(type="Condition", tests=(test,))).matches)
        for name, test in NARROW.items()
    }

    assert found == {"of one patient": EACH, "of several": 2 * EACH, "with an identifier": 1}
    searches = [one for one in asked if "token" in one[0]]
    assert len(searches) == len(NARROW)
    with store.engine.connect() as connection:
        for statement, values in searches:
            assert_looks_at_few(connection, statement, values)


def assert_looks_at_few(connection: Connection, statement: str, values: Any) -> None:
    if connection.dialect.name == "postgresql":
        said = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values).scalar()
        assert most_rows(said[0]["Plan"]) <= 4 * EACH, said
    else:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
        assert not [step for *_, step in plan if step.endswith("type=?)")], plan
