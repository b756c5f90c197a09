"""What people and operators look at: the worklist, liveness, readiness, metrics."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from referral_service.core.decision import Decision, Outcome
from referral_service.workflow.ports import Episode, Referral, Result
from tests.api.charts import condition
from tests.kit.server import Running, running

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)


class Cells(HTMLParser):
    """The rows of a page's table, as the texts of their cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1] and data.strip():
            self.rows[-1][-1] += data.strip()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Running]:
    """A service of this test's own."""
    with running(tmp_path) as served:
        yield served


PRIORITIES = {"exhausted": "routine", "review": "urgent", "urgent": "stat"}


def decide(
    server: Running,
    who: str,
    outcome: Outcome,
    reasons: tuple[str, ...],
    target: str | None = None,
    due_at: datetime | None = None,
) -> None:
    """As a worker that has claimed this patient and saves one decision with its Task."""
    server.post(condition(f"Patient/{who}"))
    clock = server.service.clock
    (claim,) = server.service.store.claim(10, clock.as_of())
    assert claim.patient == who
    decision = Decision(
        region="lumbar",
        outcome=outcome,
        reasons=reasons,
        target="intradiscal" if target == "intradiscal" else "surgical" if target else None,
        wake_on=date(2026, 7, 20),
        is_open=True,
    )
    episode = Episode(
        key=f"{who}-e", region="lumbar", is_open=True, conditions=(), decision=decision,
        guidance=f"{who}-g", guidance_version=1,
    )  # fmt: skip
    referral = Referral(
        id=f"{who}-r", identifier=f"{who}-i", episode=episode.key, region="lumbar", target=target,
        urgency="elective" if outcome == "exhausted" else "urgent", generation=1, status="draft",
        task=f"{who}-t", task_status="requested", decision="1", due_at=due_at,
        priority=PRIORITIES[outcome], authored_at=NOW,
    )  # fmt: skip
    result = Result(claim=claim, episodes=(episode,), referrals=(referral,))
    assert server.service.store.save([result]) == [True]


def page(server: Running) -> httpx.Response:
    return httpx.get(f"{server.address}/worklist")


def test_the_home_page_leads_to_the_worklist(alone: Running) -> None:
    answer = httpx.get(alone.address)
    assert (answer.status_code, answer.headers["location"]) == (303, "/worklist")
    assert "Nothing waits for a human." in page(alone).text


def test_what_waits_is_listed_with_the_urgent_first(alone: Running) -> None:
    decide(alone, "a", "exhausted", ("function-flat", "rebound"), "intradiscal", NOW)
    decide(alone, "b", "review", ("possible-red-flag",))
    decide(alone, "c", "urgent", ("red-flag-hard",), "surgical", NOW)
    answer = page(alone)
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    heading, *rows = Cells(answer.text).rows
    assert len(heading) == len(rows[0]) == 9
    since, late, wakes = "2026-06-01 08:00", "2026-06-01 08:00overdue", "2026-07-20"
    flag, sign = "A diagnosis that waives the trial", "A sign that may be a red flag"
    assert [[*row[:4], row[4].split(" is recorded")[0], *row[5:]] for row in rows] == [
        [
            "Stat", "Patient/c", "lumbar", "Urgent spine surgical consultation", flag,
            "requested", since, late, wakes,
        ],
        ["Urgent", "Patient/b", "lumbar", "Review", sign, "requested", since, "none", wakes],
        [
            "Routine", "Patient/a", "lumbar", "Evaluation for intradiscal treatment",
            "Function has not improved.Pain came back after each cycle of treatment.",
            "requested", since, late, wakes,
        ],
    ]  # fmt: skip


def test_a_page_says_loudly_how_the_service_runs(tmp_path: Path) -> None:
    with running(tmp_path, allow_insecure=True, clock_shift="+14d", timezone="Europe/Berlin") as served:
        decide(served, "a", "exhausted", ("function-flat",), "intradiscal", NOW)
        text = page(served).text
    for words in (
        "Authentication is off",
        "ALLOW_INSECURE",
        "CLOCK_SHIFT",
        "Times are Europe/Berlin",
        "10:00",
    ):
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
