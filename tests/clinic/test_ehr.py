"""The small EHR sends in four manners, always the same for the same seed, and does not swallow a refusal."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from referral_service.clinic.ehr import Ehr, Refused

CHART: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "p"},
    *({"resourceType": "Procedure", "id": f"visit-{number}"} for number in range(6)),
]


class Server(ThreadingHTTPServer):
    """Writes down what it is asked, and answers as FHIR servers do."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.status = 201
        self.entry_status = "201 Created"

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/fhir"

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.status >= 400:
            issue = {
                "severity": "error",
                "code": "value",
                "expression": ["Patient.birthDate"],
                "diagnostics": "1",
            }
            return {"resourceType": "OperationOutcome", "issue": [issue]}
        entries = [{"response": {"status": self.entry_status}} for _ in body.get("entry", [])]
        return {"resourceType": "Bundle", "entry": entries}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.command, self.path, body))
        answer = json.dumps(self.server.answer(body)).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PUT

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A FHIR server that takes everything."""
    with Server() as running:
        thread = Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def paths(server: Server, manner: str, seed: int = 0) -> list[str]:
    """The paths asked for while the chart is sent."""
    server.asked.clear()
    with Ehr(server.base, seed) as ehr:
        ehr.send(CHART, manner)
    return [path for _, path, _ in server.asked]


def test_a_transaction_holds_the_whole_chart(server: Server) -> None:
    assert paths(server, "transaction") == ["/fhir"]
    bundle = server.asked[0][2]
    assert bundle["type"] == "transaction"
    assert [entry["resource"] for entry in bundle["entry"]] == CHART
    assert {entry["request"]["method"] for entry in bundle["entry"]} == {"PUT"}


def test_one_by_one_keeps_the_order_of_the_chart(server: Server) -> None:
    assert paths(server, "one-by-one") == [f"/fhir/{r['resourceType']}/{r['id']}" for r in CHART]


def test_shuffled_sends_all_in_another_order_and_the_patient_last(server: Server) -> None:
    told, shuffled = paths(server, "one-by-one"), paths(server, "shuffled")
    assert shuffled[-1] == "/fhir/Patient/p"
    assert sorted(shuffled) == sorted(told)
    assert shuffled[:-1] != told[1:]


def test_the_same_seed_gives_the_same_order_and_another_seed_another(server: Server) -> None:
    assert paths(server, "shuffled", seed=1) == paths(server, "shuffled", seed=1)
    assert paths(server, "shuffled", seed=1) != paths(server, "shuffled", seed=2)


def test_twice_sends_everything_again(server: Server) -> None:
    assert len(paths(server, "twice")) == 1 + len(CHART)


def test_a_refusal_is_raised_and_quotes_no_value(server: Server) -> None:
    server.status = 400
    with pytest.raises(Refused, match=r"^PUT of a Patient: 400; value at Patient\.birthDate$"):
        paths(server, "one-by-one")


def test_a_refused_entry_of_a_transaction_is_raised(server: Server) -> None:
    server.entry_status = "422 Unprocessable"
    with pytest.raises(Refused, match="422"):
        paths(server, "transaction")
