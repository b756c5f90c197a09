"""Approved orders on their way to an EHR that others can play with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps, loads
from threading import Thread
from time import sleep
from typing import Any
from zoneinfo import ZoneInfo

from referral_service.clock import SystemClock
from referral_service.core.fulfillment import Within
from referral_service.ehr.client import EhrClient
from referral_service.ehr.destination import FhirDestination
from referral_service.ehr.endpoint import Endpoint, Limits
from referral_service.ehr.spaced import Spaced
from referral_service.fake_ehr.server import FakeEhr, serve
from referral_service.fhir.space import Space
from referral_service.store.answers import Answers
from referral_service.store.messages import SqlOutbox
from referral_service.workflow.courier import Courier
from referral_service.workflow.track import Track
from referral_service.workflow.transmit import Setting, Transmit
from tests.kit.judged import PATHWAY
from tests.workflow.answers import NAMES, proposal, say
from tests.workflow.clinic import EXHAUSTED, Clinic

QUIET = timedelta(seconds=30)
WITHIN = Within.of(PATHWAY.numbers)
UTC = ZoneInfo("UTC")
LOOK_SECONDS = 2.0
MADE = [
    {"response": {"status": "201 Created", "location": "ServiceRequest/s1/_history/1"}},
    {"response": {"status": "201 Created", "location": "Task/t1/_history/1"}},
]


class Ahead:
    """A clock that tests put forward; it stands still meanwhile."""

    def __init__(self) -> None:
        self.at = SystemClock().now()

    def now(self) -> datetime:
        return self.at

    def as_of(self) -> datetime:
        return self.at

    def pass_by(self, by: timedelta) -> None:
        self.at += by


class Post:
    """A clinic that sends its orders to an EHR."""

    def __init__(self, clinic: Clinic, ehr: FakeEhr, client: EhrClient, space: Space) -> None:
        self.clinic, self.ehr, self.clock = clinic, ehr, Ahead()
        self.outbox = SqlOutbox(clinic.engine, self.clock, 60, "fhir")
        self.track = Track(Answers(clinic.engine, self.clock), self.clock, NAMES, WITHIN, UTC)
        self.transmit = Transmit(
            self.outbox,
            FhirDestination(client, LOOK_SECONDS),
            clinic.store.read,
            self.clock,
            Setting(NAMES, WITHIN, UTC, QUIET, space),
        )
        self.courier = Courier(
            self.outbox, self.transmit, self.track, Spaced(client, space).read, timedelta(minutes=10)
        )

    def approve(self, patient: str = "pat") -> None:
        """A patient whose trial is exhausted, and an approval."""
        self.clinic.post(*EXHAUSTED, patient=patient)
        say(self.clinic, "approve", proposal(self.clinic))

    def deliver(self, tries: int = 1) -> list[str]:
        """So many looks, each long after the one before; how each try ended."""
        ended = []
        for _ in range(tries):
            ended += self.courier.deliver()
            self.clock.pass_by(timedelta(minutes=16))
        return ended

    def ask(self) -> int:
        """The fulfillers' turn; how many had news."""
        desk = Answers(self.clinic.engine, self.clock)
        try:
            return self.courier.ask(lambda tenant, order: desk.open(tenant, "ServiceRequest", order))
        finally:
            self.clock.pass_by(timedelta(minutes=11))
            self.clinic.evaluate()

    def there(self) -> tuple[int, int]:
        """How many requests and Tasks the EHR has."""
        return len(self.ehr.stored("ServiceRequest")), len(self.ehr.stored("Task"))


@contextmanager
def refuses(
    status: int,
    looking: int = 404,
    twist: Mapping[str, Any] | None = None,
    made: Any = MADE,
    endless: bool = False,
) -> Iterator[str]:
    """The address of a server that answers every order with this status, and every look with another.

    With 200 its answer to an order has `made` as entries, that to a look the order with `twist` in it, or,
    if it is `endless`, nothing but another page.
    """
    sent: list[dict[str, Any]] = []

    class Refusal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = loads(self.rfile.read(int(self.headers["Content-Length"])))
            sent.extend(entry["resource"] for entry in body["entry"])
            self.answer(status, {"resourceType": "Bundle", "type": "transaction-response", "entry": made})

        def do_GET(self) -> None:
            shown = [{"resource": {**one, "id": "1", **(twist or {})}} for one in sent if self.is_asked(one)]
            page: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "entry": shown}
            if endless:
                sleep(0.1)
                page |= {
                    "entry": [],
                    "link": [{"relation": "next", "url": f"http://{self.headers['Host']}{self.path}&x"}],
                }
            self.answer(looking, page)

        def is_asked(self, one: dict[str, Any]) -> bool:
            return f"/{one['resourceType']}?" in self.path

        def answer(self, status: int, said: Mapping[str, Any]) -> None:
            body = dumps(said).encode() if status == HTTPStatus.OK else b""
            self.send_response(status)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/fhir"
        server.shutdown()
        thread.join()


@contextmanager
def posting(
    clinic: Clinic, ehr: FakeEhr, refusing: int | None = None, source: str = "", **more: Any
) -> Iterator[Post]:
    """With the EHR served; or with one that answers every order with this status, and `more` (`refuses`).

    `source`: its name, if it has ids of its own.
    """
    with refuses(refusing, **more) if refusing else serve(ehr) as address:
        client = EhrClient(
            Endpoint(url=address, timeout_seconds=5),
            Limits(tries=1, backoff_seconds=0.01, failures=1000, read_seconds=2),
        )
        try:
            yield Post(clinic, ehr, client, Space(source))
        finally:
            client.close()
