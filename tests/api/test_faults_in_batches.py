"""One entry of a batch fails in a way that nobody foresaw: its answer says so, and the others have theirs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tests.api.charts import entry, patient
from tests.kit.server import Running

SECRET = "SECRET"
DOOMED = "doomed"


@contextmanager
def failing(server: Running, fault: Callable[[], Exception]) -> Iterator[None]:
    """A search or history of the doomed patient meets that fault on its way to the database."""
    engine = server.service.store.engine

    def fail(_connection: Any, _cursor: Any, _statement: str, parameters: Any, *_more: Any) -> None:
        if DOOMED in repr(parameters):
            raise fault()

    event.listen(engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", fail)


FAULTS = {
    "a fault": (lambda: ValueError(SECRET), "500 Internal Server Error", "exception"),
    "a fault of the interpreter's": (
        lambda: RecursionError(SECRET),
        "500 Internal Server Error",
        "exception",
    ),
    "a database that is gone": (
        lambda: OperationalError(SECRET, {}, Exception(SECRET)),
        "503 Service Unavailable",
        "transient",
    ),
    "a database that is busy": (lambda: PoolTimeout(SECRET), "503 Service Unavailable", "transient"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_others_are_answered_and_stored(server: Running, name: str) -> None:
    fault, status, code = FAULTS[name]
    server.put(patient("steady"))
    before = server.http.get("/Patient/steady").json()
    made = f"made-{list(FAULTS).index(name)}"

    with structlog.testing.capture_logs() as lines, failing(server, fault):
        answer = server.send(
            "batch",
            entry("PUT", f"Patient/{made}", patient(made)),
            entry("GET", f"Patient/{DOOMED}/_history"),
            entry("GET", "Patient/steady"),
            entry("GET", f"Patient?_id={DOOMED}"),
        )

    assert answer.status_code == 200, answer.text
    written, history, read, search = answer.json()["entry"]
    assert written["response"]["status"] == "201 Created"
    assert server.http.get(f"/Patient/{made}").status_code == 200
    assert read["resource"] == before
    for number, one in ((1, history), (3, search)):
        assert one["response"]["status"] == status
        (issue,) = one["response"]["outcome"]["issue"]
        assert (issue["severity"], issue["code"]) == ("error", code)
        assert issue["expression"] == [f"Bundle.entry[{number}].request.url"]
    assert SECRET not in answer.text
    told = [line["event"] for line in lines if line["log_level"] in ("warning", "error")]
    assert told == [{"500": "unforeseen failure", "503": "a request failed"}[status[:3]]] * 2


def test_asked_for_alone_it_fails_as_ever(server: Running) -> None:
    for fault, status, code in FAULTS.values():
        with failing(server, fault):
            answer = server.http.get(f"/Patient/{DOOMED}/_history")
        assert answer.status_code == int(status[:3])
        assert answer.json()["issue"][0]["code"] == code
        assert SECRET not in answer.text
