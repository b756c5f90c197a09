"""Logs say what happened without saying to whom; the clock and its local days."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest

from referral_service.clock import SystemClock, local_day

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
