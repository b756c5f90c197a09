"""One trace goes from a sender's POST to the worker's decision; without REFERRAL_TRACES there is none."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from referral_service.clock import SystemClock
from referral_service.pathways import load
from referral_service.settings import Settings
from referral_service.wiring import build_store
from tests.kit.processes import is_ready, lines, place, referral_service, running, service, until

pytestmark = pytest.mark.xdist_group("processes")

Json = dict[str, Any]
TRACE, SENDER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = {"traceparent": f"00-{TRACE}-{SENDER}-01", "X-Request-Id": "r-1"}
PATIENT = {"resourceType": "Patient", "birthDate": "1980-04-01"}
CONDITION = {
    "resourceType": "Condition",
    "subject": {"reference": "Patient/ann"},
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M51.26"}]},
}


def is_quiet(http: httpx.Client) -> bool:
    return "\npatients_due 0.0" in http.get("/metrics").text


def said(settings: Settings) -> list[Json]:
    """The lines that are JSON; the supervisor's and Celery's few words are not."""
    return [json.loads(line) for line in lines(settings).splitlines() if line.startswith("{")]


def test_one_trace_goes_from_the_post_to_the_decision(tmp_path: Path) -> None:
    file = tmp_path / "spans"
    settings = place(tmp_path / "data", traces=f"file:{file}", log_level="debug")
    with service(settings), httpx.Client(base_url=f"http://127.0.0.1:{settings.port}") as http:
        assert http.put("/fhir/Patient/ann", json={**PATIENT, "id": "ann"}).status_code == 201
        until(lambda: is_quiet(http), "decided without a sender's trace")
        assert http.post("/fhir/Condition", json=CONDITION, headers=HEADERS).status_code == 201
        until(lambda: is_quiet(http), "decided in the sender's trace")
        assert http.post("/fhir/Condition", json=PATIENT).status_code == 400
        assert http.get("/fhir/Patient/ann").status_code == 200
        ingested = [line for line in http.get("/metrics").text.splitlines() if "ingest_seconds_count" in line]

    spans = [json.loads(line) for line in file.read_text().splitlines()]
    request, decision = (span for span in spans if span["context"]["trace_id"] == f"0x{TRACE}")
    assert (request["name"], request["kind"], request["parent_id"]) == (
        "create",
        "SpanKind.SERVER",
        f"0x{SENDER}",
    )
    assert (decision["name"], decision["parent_id"]) == ("assess", request["context"]["span_id"])
    assert decision["attributes"] == {"facts": 2, "outcomes": ["review"], "pathway": load().version}
    assert decision["resource"]["attributes"]["service.name"] == "referral-service-worker"
    assert decision["start_time"] > request["start_time"]

    (update,) = (span for span in spans if span["name"] == "update")
    (first,) = (span for span in spans if span["name"] == "assess" and span is not decision)
    assert (update["parent_id"], first["parent_id"]) == (None, update["context"]["span_id"])

    (line,) = (line for line in said(settings) if line.get("request_id") == "r-1")
    assert (line["event"], line["what"], line["trace_id"]) == ("request", "create", TRACE)
    assert ingested == ["ingest_seconds_count 2.0"]


@pytest.mark.parametrize("command", ["api", "worker"])
def test_who_cannot_write_its_traces_does_not_start(tmp_path: Path, command: str) -> None:
    settings = place(tmp_path / "data", broker_url="filesystem://", traces="file:/proc/spans")
    store = build_store(settings)
    store.migrate()
    store.close()
    with running(settings, referral_service(command)) as process:
        assert process.wait(30) == 1
    assert "/proc/spans" in lines(settings)


def test_what_waits_has_no_trace_where_traces_are_off(tmp_path: Path) -> None:
    settings = place(tmp_path / "data", broker_url="filesystem://", log_level="debug")
    store = build_store(settings)
    store.migrate()
    with running(settings, referral_service("api")):
        until(lambda: is_ready(settings), "ready")
        address = f"http://127.0.0.1:{settings.port}/fhir"
        assert httpx.post(f"{address}/Condition", json=CONDITION, headers=HEADERS).status_code == 201
        until(lambda: any(line.get("request_id") == "r-1" for line in said(settings)), "the line")

    (claim,) = store.claim(10, SystemClock().as_of())
    store.close()
    (line,) = (line for line in said(settings) if line.get("request_id") == "r-1")
    assert (claim.trace, line.get("trace_id")) == (None, None)
