"""A real HTTP server in threads that does what a test tells it, and keeps what it was asked."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps
from socket import SHUT_RDWR, socket
from threading import Event, Thread
from time import monotonic
from typing import Any

from referral_service.ehr.endpoint import Limits

Reply = Callable[["Talk"], None]

# Tests wait for as little as they can; nothing opens the breaker by the way.
QUICK = Limits(tries=3, backoff_seconds=0.01, connect_seconds=2.0, read_seconds=1.5, failures=1000)


@dataclass(frozen=True)
class Asked:
    """One request, as it arrived."""

    method: str
    path: str
    headers: Message
    body: bytes
    at: float


@dataclass
class OtherSide:
    """A server at `address`, and all that it was asked."""

    address: str
    asked: list[Asked] = field(default_factory=list)
    ends: Event = field(default_factory=Event)

    @property
    def fhir(self) -> str:
        """The address of its FHIR server."""
        return f"{self.address}/fhir"

    @property
    def paths(self) -> list[str]:
        """What was asked for, in turn."""
        return [one.path for one in self.asked]


class Talk(BaseHTTPRequestHandler):
    """One request that is being answered."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    side: OtherSide
    replies: list[Reply]

    def handle_any(self) -> None:
        """Keeps the request, and answers as the test says: the last reply for ever."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.side.asked.append(Asked(self.command, self.path, self.headers, body, monotonic()))
        turn = min(len(self.side.asked), len(self.replies)) - 1
        try:
            self.replies[turn](self)
        except OSError:  # whoever asked has gone
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""

    def cut(self) -> None:
        """Ends the connection at once."""
        self.close_connection = True
        self.connection.shutdown(SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


@contextmanager
def other_side(*replies: Reply, port: int = 0) -> Iterator[OtherSide]:
    """Answers each request with the next reply, and those that follow with the last one."""
    side = OtherSide("")
    kind = type("Talking", (Talk,), {"side": side, "replies": list(replies)})
    server = _Server(("127.0.0.1", port), kind)
    side.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield side
    finally:
        side.ends.set()
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def says(status: int, body: bytes = b"", **headers: str) -> Reply:
    """An answer; headers with underscores for hyphens."""

    def reply(talk: Talk) -> None:
        talk.send_response_only(status)
        for name, value in headers.items():
            talk.send_header(name.replace("_", "-"), value)
        talk.send_header("Content-Length", str(len(body)))
        talk.end_headers()
        talk.wfile.write(body)

    return reply


def gives(resource: Mapping[str, Any], status: int = 200, **headers: str) -> Reply:
    """A resource, or any JSON."""
    return says(status, dumps(resource).encode(), Content_Type="application/fhir+json", **headers)


def by_path(routes: Mapping[str, Reply]) -> Reply:
    """The reply for the path without its query; 404 for others."""
    return lambda talk: routes.get(talk.path.partition("?")[0], says(404))(talk)


def in_turn(*replies: Reply) -> Reply:
    """Each once, then the last for ever; for use within `by_path`."""
    left = list(replies)
    return lambda talk: (left.pop(0) if len(left) > 1 else left[0])(talk)


def cuts_at_once(talk: Talk) -> None:
    """Hangs up instead of an answer."""
    talk.cut()


def cuts_in_the_body(talk: Talk) -> None:
    """Hangs up in the middle of an answer."""
    talk.send_response(200)
    talk.send_header("Content-Length", "1000")
    talk.end_headers()
    talk.wfile.write(b'{"resourceType": "Pat')
    talk.cut()


def is_silent(talk: Talk) -> None:
    """Never answers."""
    talk.side.ends.wait(20)


def drips_its_head(talk: Talk) -> None:
    """Sends a header without end, a letter at a time."""
    talk.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not talk.side.ends.wait(0.05):
        talk.wfile.write(b"x")


def drips_its_body(talk: Talk) -> None:
    """Sends a body without end, a letter at a time."""
    talk.send_response(200)
    talk.send_header("Content-Length", "100000")
    talk.end_headers()
    while not talk.side.ends.wait(0.05):
        talk.wfile.write(b" ")


def page(*resources: Mapping[str, Any], onward: object = None, **more: Any) -> dict[str, Any]:
    """A searchset with its next link."""
    entries = [{"resource": one, "search": {"mode": "match"}} for one in resources]
    links = [] if onward is None else [{"relation": "next", "url": onward}]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries, **more}


def patient(id: str) -> dict[str, Any]:
    """A patient of that id."""
    return {"resourceType": "Patient", "id": id}
