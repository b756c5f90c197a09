"""Logs and traces say what happened without saying to whom; the clock and its local days."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from referral_service.cli.running import free_port
from referral_service.clock import SystemClock, local_day
from referral_service.settings import Settings
from referral_service.tracing import current_trace, request_span, say_request, tracing

PROGRAM = """
import logging, structlog
from referral_service.telemetry import set_up_logs
set_up_logs("info")
try:
    raise ValueError("Jane Doe, born 1950")
except ValueError:
    structlog.get_logger("ours").exception("it failed", category="fault")
    logging.getLogger("theirs").exception("that failed too")
logging.getLogger("httpx").info("GET /fhir/Patient?name=Doe")
logging.getLogger("psycopg").warning("error ignored terminating: Key (id)=(Doe) already exists.")
logging.getLogger("ours").debug("too quiet")
"""


def test_an_exception_is_logged_by_its_type_and_place_alone() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    lines = [json.loads(line) for line in done.stderr.splitlines()]

    assert [(line["event"], line["exception"], line["level"]) for line in lines] == [
        ("it failed", "ValueError", "error"),
        ("that failed too", "ValueError", "error"),
    ]
    assert lines[0]["category"] == "fault"
    assert lines[0]["passed"] == ["<string>.<module>:6"]
    assert "Doe" not in done.stderr
    assert done.stdout == ""


NOBODY_CATCHES = """
import asyncio, gc, logging, threading
from referral_service.telemetry import set_up_logs
set_up_logs("debug")

class Chart:
    def __del__(self):
        raise ValueError("Jane Doe, in a finalizer")

def fails(where):
    raise ValueError("Jane Doe, " + where)

async def leaves_a_task():
    asyncio.get_running_loop().create_task(fails_later("Jane Doe"))
    await asyncio.sleep(0.01)
    gc.collect()

async def fails_later(whom):
    raise ValueError(whom)

Chart()
thread = threading.Thread(target=fails, args=("in a thread",))
thread.start()
thread.join()
asyncio.run(leaves_a_task())
try:
    fails("in a task")
except ValueError as error:
    logging.getLogger("celery.app.trace").error("Task %s raised: %r", "evaluate", error, exc_info=True)
logging.getLogger("theirs").warning("%d patients", "Jane Doe")
fails("at last")
"""


def test_what_nobody_catches_is_not_quoted_either() -> None:
    done = subprocess.run([sys.executable, "-c", NOBODY_CATCHES], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert "Doe" not in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["logger"], line["event"]) for line in lines if "exception" in line] == [
        ("referral_service.telemetry", "nobody caught an exception"),
        ("referral_service.telemetry", "nobody caught an exception"),
        ("asyncio", "Task exception was never retrieved"),
        ("celery.app.trace", "Task %s raised: %r"),
        ("referral_service.telemetry", "nobody caught an exception"),
    ]


PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HEADERS = [(b"traceparent", PARENT.encode()), (b"tracestate", b"v=jane"), (b"baggage", b"name=jane")]


def test_where_traces_are_off_nobody_has_one(tmp_path: Path) -> None:
    with tracing("", "api"), request_span(HEADERS) as span:
        say_request(span, "create", "POST", 201)
        assert current_trace() is None
    with tracing(f"file:{tmp_path / 'spans'}", "api"):
        pass
    assert current_trace() is None


def spans(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_request_is_a_span_of_its_senders_trace(tmp_path: Path) -> None:
    file = tmp_path / "spans"
    with tracing(f"file:{file}", "api"):
        with request_span(HEADERS) as span:
            inside = current_trace()
            say_request(span, "create", "POST", 201)
        assert current_trace() is None

    (found,) = spans(file)
    trace, mine = found["context"]["trace_id"][2:], found["context"]["span_id"][2:]
    assert inside == f"00-{trace}-{mine}-01"
    assert (trace, found["parent_id"]) == (PARENT.split("-")[1], "0xb7ad6b7169203331")
    assert found["name"] == "create"
    assert found["attributes"] == {
        "http.request.method": "POST",
        "http.response.status_code": 201,
        "interaction": "create",
    }
    assert "jane" not in file.read_text()


def test_a_span_has_the_type_of_what_failed_and_not_its_text(tmp_path: Path) -> None:
    file = tmp_path / "spans"
    with tracing(f"file:{file}", "api"), pytest.raises(ValueError, match="Jane"), request_span([]):
        raise ValueError("Jane Doe")

    (found,) = spans(file)
    assert found["status"] == {"status_code": "ERROR", "description": "ValueError"}
    assert (found["events"], "Doe" in file.read_text()) == ([], False)


@pytest.mark.parametrize(
    "sent",
    [
        [b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-jane"],
        [b"00-00000000000000000000000000000000-b7ad6b7169203331-01"],
        [b"jane doe"],
        [b"\xff" * 600],
        [PARENT.encode(), PARENT.encode()],
    ],
)
def test_what_is_no_traceparent_begins_a_trace(tmp_path: Path, sent: list[bytes]) -> None:
    file = tmp_path / "spans"
    headers = [(b"traceparent", value) for value in sent]
    with tracing(f"file:{file}", "api"), request_span(headers):
        pass

    (found,) = spans(file)
    assert found["parent_id"] is None
    assert PARENT.split("-")[1] not in file.read_text()


def test_a_sender_that_does_not_sample_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "spans"
    unsampled = f"{PARENT[:-2]}00"
    with tracing(f"file:{file}", "api"), request_span([(b"traceparent", unsampled.encode())]):
        assert (current_trace() or "").split("-")[1::2] == [PARENT.split("-")[1], "00"]

    assert spans(file) == []


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A collector of our own: its address, and what came, by path."""
    came: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", came
        finally:
            server.shutdown()
            thread.join()


def test_a_collector_gets_every_span_before_the_end() -> None:
    with (
        collector() as (address, came),
        tracing(Settings(traces=f"{address}/").traces, "worker"),
        request_span(HEADERS) as span,
    ):
        say_request(span, "create", "POST", 201)

    ((path, body),) = came
    (sent,) = ExportTraceServiceRequest.FromString(body).resource_spans
    (found,) = sent.scope_spans[0].spans
    names = {one.key: one.value.string_value for one in sent.resource.attributes}
    assert (path, names["service.name"]) == ("/v1/traces", "referral-service-worker")
    assert (found.name, found.trace_id.hex()) == ("create", PARENT.split("-")[1])


def test_a_dead_collector_holds_nobody_up() -> None:
    start = time.monotonic()
    with tracing(f"http://127.0.0.1:{free_port('127.0.0.1')}", "api"):
        for _ in range(3000):
            with request_span(HEADERS) as span:
                say_request(span, "create", "POST", 201)
        assert time.monotonic() - start < 3
    assert time.monotonic() - start < 12


@pytest.mark.parametrize("wrong", ["yes", "file:", "file:/hidden/nowhere/spans", "file:/tmp", "ftp://hidden"])
def test_traces_go_where_they_can(wrong: str) -> None:
    with pytest.raises(ValueError, match="say ") as stop:
        Settings(traces=wrong)
    assert "hidden" not in str(stop.value)


def test_only_what_is_asked_is_shifted() -> None:
    clock = SystemClock(timedelta(days=14))

    assert timedelta(days=13, hours=23) < clock.as_of() - clock.now() < timedelta(days=14, hours=1)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)  # noqa: TID251 - the clock's own test
    assert SystemClock().as_of().tzinfo is UTC


@pytest.mark.parametrize(
    ("timezone", "day"),
    [("UTC", date(2026, 3, 1)), ("America/Los_Angeles", date(2026, 2, 28)), ("Asia/Tokyo", date(2026, 3, 1))],
)
def test_an_instant_has_a_local_day(timezone: str, day: date) -> None:
    assert local_day(datetime(2026, 3, 1, 2, 30, tzinfo=UTC), timezone) == day
