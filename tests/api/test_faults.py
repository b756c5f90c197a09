"""When something breaks that nobody foresaw: an answer without a trace of it, and a log without its words."""

import httpx
import pytest
import structlog
from anyio.from_thread import start_blocking_portal
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from referral_service.api.observe import HTTP_SECONDS, Observe


async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
    """An application with a fault whose text quotes a value."""
    raise ValueError("SECRET")


async def breaks_late(scope: Scope, receive: Receive, send: Send) -> None:
    """The same, after the answer has begun."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("SECRET")


def ask(application: Observe) -> httpx.Response:
    """One GET, on a thread of its own: a browser's loop may run on this one."""

    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get("/fhir/Patient/x", headers={"x-request-id": "r-1"})

    with start_blocking_portal() as portal:
        return portal.call(get)


def test_a_fault_is_answered_without_a_trace() -> None:
    with structlog.testing.capture_logs() as lines:
        answer = ask(Observe(breaks))
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "r-1")
    assert answer.json()["issue"][0]["code"] == "exception"
    assert "SECRET" not in answer.text and "Traceback" not in answer.text
    assert [line["event"] for line in lines] == ["unforeseen failure", "request"]


def test_a_fault_after_the_answer_began_ends_it() -> None:
    with pytest.raises(ValueError, match="SECRET"):
        ask(Observe(breaks_late))


async def hears_the_sender_go(scope: Scope, receive: Receive, send: Send) -> None:
    """The body is cut short."""
    raise ClientDisconnect


def test_a_sender_who_hangs_up_is_no_fault_of_the_service() -> None:
    before = counted()
    nothing = pytest.raises(AssertionError)  # httpx's: there is no answer
    with structlog.testing.capture_logs() as lines, nothing:
        ask(Observe(hears_the_sender_go))
    assert [(line["event"], line["log_level"]) for line in lines] == [("request", "debug")]
    assert counted() == before | {("unknown", "400"): before.get(("unknown", "400"), 0) + 1}


def counted() -> dict[tuple[str, str], float]:
    """Requests answered so far, by what and status."""
    samples = (sample for metric in HTTP_SECONDS.collect() for sample in metric.samples)
    return {
        (one.labels["what"], one.labels["status"]): one.value
        for one in samples
        if one.name.endswith("_count")
    }
