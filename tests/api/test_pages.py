"""What people and operators look at: the worklist, liveness, readiness, metrics."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.charts import condition
from tests.kit.server import Running, running


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Running]:
    """A service of this test's own."""
    with running(tmp_path) as served:
        yield served


def test_the_home_page_leads_to_the_worklist(alone: Running) -> None:
    answer = httpx.get(alone.address)
    assert (answer.status_code, answer.headers["location"]) == (303, "/worklist")
    assert "Nothing waits for a human here." in httpx.get(f"{alone.address}/worklist").text


def test_a_page_says_loudly_how_the_service_runs(tmp_path: Path) -> None:
    with running(tmp_path, allow_insecure=True, clock_shift="+14d", timezone="Europe/Berlin") as served:
        text = httpx.get(f"{served.address}/worklist").text
    for words in ("Authentication is off", "ALLOW_INSECURE", "CLOCK_SHIFT", "Times are Europe/Berlin"):
        assert words in text


def test_alive_and_ready(alone: Running) -> None:
    assert httpx.get(f"{alone.address}/livez").json() == {"status": "alive"}
    ready = httpx.get(f"{alone.address}/readyz")
    assert (ready.status_code, ready.json()) == (200, {"database": "ready"})


def test_a_dead_broker_is_no_reason_to_refuse_data(tmp_path: Path) -> None:
    with running(tmp_path, broker_url="redis://127.0.0.1:1/0") as served:
        assert served.post(condition("Patient/x")).status_code == 201
        assert httpx.get(f"{served.address}/readyz").status_code == 200


def test_without_its_database_the_service_is_alive_but_not_ready(alone: Running) -> None:
    database = Path(str(alone.service.store.engine.url.database))
    alone.service.store.engine.dispose()
    for file in database.parent.glob("referral.db*"):
        file.unlink()
    database.mkdir()
    ready = httpx.get(f"{alone.address}/readyz")
    assert (ready.status_code, ready.json()) == (503, {"database": "unreachable"})
    assert httpx.get(f"{alone.address}/livez").status_code == 200
    for answer in (alone.post(condition("Patient/x")), alone.http.get("/Condition")):
        assert answer.status_code == 503
        assert answer.json()["issue"][0]["code"] == "transient"
    assert httpx.get(f"{alone.address}/metrics").status_code == 200


def test_metrics_count_requests_by_what_they_asked(alone: Running) -> None:
    def count(what: str, status: str) -> float:
        text = httpx.get(f"{alone.address}/metrics").text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "http_request_seconds_count"
            and sample.labels == {"what": what, "status": status}
        )

    before = count("create", "201")
    alone.post(condition("Patient/x"))
    assert count("create", "201") == before + 1
    assert "Patient/x" not in httpx.get(f"{alone.address}/metrics").text


def test_an_address_outside_fhir_answers_an_outcome_too(alone: Running) -> None:
    answer = httpx.get(f"{alone.address}/nowhere")
    assert (answer.status_code, answer.json()["resourceType"]) == (404, "OperationOutcome")
