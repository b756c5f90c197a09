"""A service with AUTH=smart for two tenants, a customer's authorisation server, and systems that come in."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import time
from typing import Any
from uuid import uuid4

import httpx
import yaml

from tests.auth.forged import Pair
from tests.kit.server import Running, running

Json = dict[str, Any]
PUBLIC = "https://referrals.example"
TOKEN_URL, AUDIENCE = f"{PUBLIC}/auth/token", f"{PUBLIC}/fhir"
PARTNER = "https://partner.example"
ISSUER = "https://login.hospital.example/realms/ehr"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Published(ThreadingHTTPServer):
    """A JWKS at an address, as its owner has it now; counts who asks."""

    daemon_threads = True

    def __init__(self, words: Json) -> None:
        """On a port of this machine."""
        self.words, self.asked, self.headers, self.status = words, 0, {"Cache-Control": "max-age=600"}, 200
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}/jwks"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        owner = self.server
        assert isinstance(owner, Published)
        owner.asked += 1
        body = json.dumps(owner.words).encode()
        self.send_response(owner.status)
        for name, value in {**owner.headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Says nothing."""


@contextmanager
def published(words: Json) -> Iterator[Published]:
    """It, for as long as the context lasts."""
    with Published(words) as there:
        Thread(target=there.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield there
        there.shutdown()


@dataclass
class House:
    """The service, the keys of its clients by their id, and the customer's server with its key."""

    server: Running
    clients: Mapping[str, Pair]
    hospital: Pair
    jwks: Published
    _tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def http(self) -> httpx.Client:
        """Below /fhir."""
        return self.server.http

    def ask(self, assertion: str, scope: str = "system/*.cruds", **form: str) -> httpx.Response:
        """A token request."""
        asked = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": assertion,
            "scope": scope,
        }
        return self.http.post(f"{self.server.address}/auth/token", data={**asked, **form})

    def assertion(self, client: str, **changed: Any) -> str:
        """A client's own; None takes a claim away."""
        return self.clients[client].token(claims_of(client, **changed))

    def token(self, client: str, scope: str = "system/*.cruds") -> str:
        """An access token of ours; the same for the same question."""
        if (client, scope) not in self._tokens:
            answer = self.ask(self.assertion(client), scope)
            assert answer.status_code == 200, answer.text
            self._tokens[client, scope] = answer.json()["access_token"]
        return self._tokens[client, scope]

    def as_client(self, client: str, scope: str = "system/*.cruds") -> dict[str, str]:
        """The header that says so."""
        return bearer(self.token(client, scope))

    def as_hospital(self, scope: str = "system/*.cruds", **changed: Any) -> dict[str, str]:
        """The same with a token of the customer's server."""
        return bearer(self.hospital.token(outside(scope=scope, **changed), typ="at+jwt"))


def bearer(token: str) -> dict[str, str]:
    """A header."""
    return {"Authorization": f"Bearer {token}"}


def claims_of(client: str, **changed: Any) -> Json:
    """What a client's assertion says."""
    said = {"iss": client, "sub": client, "aud": TOKEN_URL, "exp": time() + 240, "jti": str(uuid4())}
    return {name: value for name, value in {**said, **changed}.items() if value is not None}


def outside(**changed: Any) -> Json:
    """What an access token of the customer's server says."""
    now = int(time())
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ehr",
        "client_id": "ehr",
        "scope": "system/*.cruds",
        "iat": now,
        "exp": now + 600,
        "jti": str(uuid4()),
    }
    return {name: value for name, value in {**said, **changed}.items() if value is not None}


def access_file(folder: Path, said: Json) -> Path:
    """What REFERRAL_ACCESS names."""
    path = folder / "access.yaml"
    path.write_text(yaml.safe_dump(said), encoding="utf-8")
    return path


@contextmanager
def house(folder: Path, **settings: Any) -> Iterator[House]:
    """The client `south` is of the tenant south, the others and the hospital's are of north.

    `told` is what the access file says besides; `sources` names the EHRs of clients with ids of their own.
    """
    told: Json = settings.pop("told", {})
    sources: dict[str, str] = settings.pop("sources", {})
    clients = {
        "north": Pair("north-1"),
        "elliptic": Pair("elliptic-1", "ES384"),
        "south": Pair("south-1", "ES384"),
        "reader": Pair("reader-1", "ES384"),
        "operator": Pair("operator-1", "ES384"),
    }
    hospital = Pair("hospital-1", "RS256")
    scopes = {"reader": "system/Condition.rs", "operator": "operator system/Patient.read"}
    with published(hospital.jwks) as jwks:
        said = {
            "issuers": {"hospital": {"issuer": ISSUER, "jwks_url": jwks.url, "tenant": "north"}},
            "clients": {
                name: {
                    "tenant": "south" if name == "south" else "north",
                    "jwks": pair.jwks,
                    "scopes": scopes.get(name, "system/*.cruds"),
                    "source": sources.get(name),
                }
                for name, pair in clients.items()
            },
            **told,
        }
        chosen = {"auth": "smart", "public_url": PUBLIC, "access": access_file(folder, said)}
        # What is refused leaves a line; that nothing else changes is easier to see without.
        chosen |= {"audit": False}
        if sources:
            own = {name: {"ids": "own"} for name in sources.values()}
            chosen["sources"] = folder / "sources.yaml"
            chosen["sources"].write_text(yaml.safe_dump({"sources": own}), encoding="utf-8")
        chosen |= {"subscribers": PARTNER, **settings}
        with running(folder / "data", **chosen) as served:
            yield House(served, clients, hospital, jwks)
