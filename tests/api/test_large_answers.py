"""However much a client asks for at once, an answer has a size that a process can hold."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.charts import entry
from tests.kit.server import Running, running

Json = dict[str, Any]
MEGABYTE = 1024 * 1024
MANY = 8


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with some reports, each with its picture."""
    with running(tmp_path_factory.mktemp("large")) as served:
        for number in range(MANY):
            served.put(report(number)).raise_for_status()
        yield served


def report(number: int) -> Json:
    return {
        "resourceType": "DiagnosticReport",
        "id": f"large-{number}",
        "status": "final",
        "code": {"text": "Magnetic resonance imaging"},
        "subject": {"reference": "Patient/large"},
        "presentedForm": [{"contentType": "application/pdf", "data": "A" * (4 * MEGABYTE)}],
    }


def test_a_page_ends_by_its_bytes_and_the_next_one_goes_on(server: Running) -> None:
    url, found, pages = "/DiagnosticReport?patient=Patient/large", [], 0
    while url:
        page = server.http.get(url).raise_for_status()
        assert len(page.content) < 25 * MEGABYTE
        bundle = page.json()
        found += [one["resource"]["id"] for one in bundle["entry"]]
        assert bundle.get("total", MANY) == MANY
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
        pages += 1
    assert sorted(found) == [f"large-{number}" for number in range(MANY)]
    assert pages == 2


def reading(kind: str, searches: int) -> Json:
    search = entry("GET", "DiagnosticReport?patient=Patient/large")
    return {"resourceType": "Bundle", "type": kind, "entry": [search] * searches}


def test_a_batch_of_reads_ends_by_its_bytes(server: Running) -> None:
    answer = server.http.post("", json=reading("batch", 10))
    statuses = [one["response"]["status"][:3] for one in answer.json()["entry"]]
    assert statuses == ["200"] * 4 + ["413"] * 6
    told = answer.json()["entry"][-1]["response"]["outcome"]["issue"][0]
    assert told["code"] == "too-costly"


def test_a_transaction_whose_reads_give_too_much_is_refused_whole(server: Running) -> None:
    bundle = reading("transaction", 10)
    written = {"resourceType": "Patient", "id": "with-it"}
    bundle["entry"] = [entry("PUT", "Patient/with-it", written), *bundle["entry"]]
    answer = server.http.post("", json=bundle)
    (issue,) = answer.json()["issue"]
    assert (answer.status_code, issue["code"]) == (413, "too-costly")
    assert issue["expression"][0].startswith("Bundle.entry[")
    assert server.http.get("/Patient/with-it").status_code == 404
