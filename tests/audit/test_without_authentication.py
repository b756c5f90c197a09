"""REFERRAL_AUDIT where nobody signs in, on PostgreSQL too: the same events, open as everything is."""

from collections.abc import Iterator

import pytest

from tests.kit.databases import postgresql
from tests.kit.server import Running, ids, running


@pytest.fixture(params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("open")
    if request.param == "sqlite":
        with running(folder, audit=True) as one:
            yield one
        return
    with postgresql() as address, running(folder, audit=True, database_url=address) as one:
        yield one


def test_the_events_are_there_and_found(served: Running) -> None:
    nurse = {"X-Actor": "Practitioner/nurse"}
    served.put({"resourceType": "Patient", "id": "p-1"})
    served.http.get("/Patient/p-1", headers=nurse)
    served.http.get("/Patient?_count=5", headers=nurse)

    assert ids(served.search("AuditEvent", patient="p-1")) == ["3", "2", "1"]
    assert ids(served.search("AuditEvent", patient="P-1")) == []
    assert ids(served.search("AuditEvent", agent="Practitioner/nurse", date="gt2020")) == ["3", "2"]
    assert ids(served.search("AuditEvent", entity="Patient/p-1", date="le2020")) == []
    assert ids(served.search("AuditEvent", _sort="date", _count="2")) == ["1", "2"]
    event = served.http.get("/AuditEvent/2").json()
    assert [one["who"].get("reference") for one in event["agent"]] == [None, None, "Practitioner/nurse"]


def test_a_number_that_no_line_can_have_finds_nothing(served: Running) -> None:
    served.put({"resourceType": "Patient", "id": "p-1"})
    assert ids(served.search("AuditEvent", _id="1")) == ["1"]

    beyond = ("9223372036854775807", "9223372036854775808", "9" * 4400)
    for none in (*beyond, "01", "0", "-1", "+1", "1e0", "\u0661", "x"):
        assert ids(served.search("AuditEvent", _id=none)) == [], none[:30]
        assert ids(served.search("AuditEvent", _id=f"{none},1")) == ["1"], none[:30]
    for none in beyond:
        assert served.http.get(f"/AuditEvent/{none}").status_code == 404


def test_without_it_only_writes_are(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("off")) as served:
        served.put({"resourceType": "Patient", "id": "p-1"})
        served.http.get("/Patient/p-1")

        (line,) = served.dump()["ledger"]
        assert "127.0.0.1" not in str(line)
        assert ids(served.search("AuditEvent")) == ["1"]
