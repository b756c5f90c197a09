"""A partner: a real server that keeps what it is sent, and answers as it is told to."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, NamedTuple

Json = dict[str, Any]
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
ID_ONLY: Json = {
    "payload": "application/fhir+json",
    "_payload": {"extension": [{"url": f"{BACKPORT}/backport-payload-content", "valueCode": "id-only"}]},
}


class Told(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def bundle(self) -> Json:
        """The Bundle that came."""
        found: Json = json.loads(self.body)
        return found

    @property
    def said(self) -> Json:
        """The parameters of its status by name, events left out."""
        (entry,) = self.bundle["entry"]
        return {
            one["name"]: next(value for name, value in one.items() if name.startswith("value"))
            for one in entry["resource"]["parameter"]
            if "part" not in one
        }

    @property
    def kind(self) -> str:
        """handshake, heartbeat or event-notification; empty for an empty POST."""
        return str(self.said["type"]) if self.body else "empty"

    @property
    def events(self) -> list[tuple[int, str]]:
        """The number and the focus of each event, as "Type/id"."""
        if not self.body:
            return []
        found = []
        for one in self.bundle["entry"][0]["resource"]["parameter"]:
            if one["name"] == "notification-event":
                part = {it["name"]: it for it in one["part"]}
                focus = part["focus"]["valueReference"]["reference"]
                found.append((int(part["event-number"]["valueString"]), "/".join(focus.rsplit("/", 2)[-2:])))
        return found


class Partner(ThreadingHTTPServer):
    """`answers` are the status and headers of the next ones; else 200. While `gate` is not set, it waits."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        """On a port of this machine."""
        self.told: list[Told] = []
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.gate, self.came = Event(), Event()
        self.gate.set()
        self.connections = 0
        super().__init__(("127.0.0.1", port), _Answer)

    @property
    def endpoint(self) -> str:
        """Where notifications go."""
        return f"http://127.0.0.1:{self.server_port}/hook?for=us"

    def of(self, kind: str) -> list[Told]:
        """What came of that kind."""
        return [one for one in self.told if one.kind == kind]

    @property
    def focuses(self) -> list[str]:
        """What was told of, in its order."""
        return [focus for one in self.told for _, focus in one.events]

    def get_request(self) -> Any:
        """Counts whoever connects, whatever comes of it."""
        self.connections += 1
        return super().get_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that was killed is no news."""


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        owner = self.server
        assert isinstance(owner, Partner)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        owner.told.append(Told(self.path, dict(self.headers.items()), body))
        owner.came.set()
        owner.gate.wait(20)
        status, headers = owner.answers.popleft() if owner.answers else (200, {})
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        """Says nothing."""


@contextmanager
def partner(port: int = 0) -> Iterator[Partner]:
    """One, for as long as the context lasts."""
    with Partner(port) as there:
        thread = Thread(target=there.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield there
        finally:
            there.gate.set()
            there.shutdown()
            thread.join()


def subscription(partner: Partner, criteria: str = "Task?", **changes: Any) -> Json:
    """One for Bundles of ids; changes of its elements, and of its channel under `channel`."""
    channel = {"type": "rest-hook", "endpoint": partner.endpoint, **ID_ONLY, **changes.pop("channel", {})}
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "Referrals to our spine centre",
        "criteria": criteria,
        "channel": {name: value for name, value in channel.items() if value is not None},
        **changes,
    }


def plain(partner: Partner, criteria: str = "Task?", **changes: Any) -> Json:
    """One for empty POSTs."""
    channel = {"payload": None, "_payload": None, **changes.pop("channel", {})}
    return subscription(partner, criteria, channel=channel, **changes)


def beat(seconds: int, name: str = "heartbeat-period", value: str = "valueUnsignedInt") -> Json:
    """One of the Backport's extensions of a channel."""
    return {"url": f"{BACKPORT}/backport-{name}", value: seconds}
