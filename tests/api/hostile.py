"""What an attacker may send, and a client that sends it as it is, byte for byte."""

import json
import socket
from collections.abc import Mapping
from http.client import HTTPResponse
from typing import Any, NamedTuple

from tests.kit.server import FHIR_JSON

Json = dict[str, Any]
# Stands for whatever is a patient's: no error and no line of the log may hold it, in any case of letters.
MARK = "Zqx7741 Marker"
MARKED_ID = "zqx7741-marker"
_SIGN = b"zqx7741"
_PATIENCE = 30.0
_FIRST_ERROR, _FIRST_FAILURE = 400, 500


class Attack(NamedTuple):
    """One request. `target` begins below /fhir, and is sent as it is."""

    says: str
    method: str
    target: str | bytes
    body: bytes = b""
    headers: Mapping[str, str | bytes] = {}


class Reply(NamedTuple):
    """What came back; `head` holds the headers as text."""

    status: int
    head: str
    body: bytes

    @property
    def is_refusal(self) -> bool:
        """Whether it is an error."""
        return self.status >= _FIRST_ERROR


def posted(says: str, body: Any, target: str = "Patient", **headers: str) -> Attack:
    """A POST; a body that is not bytes is written as JSON."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Attack(says, "POST", target, sent, {"content-type": FHIR_JSON} | named)


def send(port: int, attack: Attack) -> Reply:
    """Sends it on a connection of its own, and reads the whole answer."""
    with socket.create_connection(("127.0.0.1", port), _PATIENCE) as connection:
        connection.sendall(_written(attack))
        answer = HTTPResponse(connection, method=attack.method)
        answer.begin()
        return Reply(answer.status, str(answer.headers), answer.read())


def _written(attack: Attack) -> bytes:
    target = attack.target if isinstance(attack.target, bytes) else attack.target.encode("latin-1")
    lines = [attack.method.encode() + b" /fhir/" + target + b" HTTP/1.1", b"host: here"]
    headers = dict(attack.headers)
    if attack.body:
        headers.setdefault("content-length", str(len(attack.body)))
    for name, value in headers.items():
        lines.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode("latin-1")))
    return b"\r\n".join([*lines, b"", attack.body])


def faults(reply: Reply) -> list[str]:
    """What is wrong with an answer to an attack; nothing, if the service behaved."""
    found = []
    if reply.status >= _FIRST_FAILURE:
        found.append(f"answered {reply.status}")
    if b"Traceback" in reply.body or b'File "' in reply.body:
        found.append("shows a stack trace")
    if reply.is_refusal:
        if f"content-type: {FHIR_JSON}" not in reply.head.lower():
            found.append("an error that is no FHIR JSON")
        if not _is_outcome(reply.body):
            found.append("an error without an OperationOutcome")
        if is_marked(reply.body) or is_marked(reply.head.encode()):
            found.append("repeats what was sent")
    return found


def is_marked(text: bytes) -> bool:
    """Whether the mark is in it."""
    return _SIGN in text.lower()


def _is_outcome(body: bytes) -> bool:
    try:
        outcome = json.loads(body)
    except ValueError:
        return False
    return outcome["resourceType"] == "OperationOutcome" and bool(outcome["issue"])
