"""CDS clients with keys: their entry in the file of sources, and tokens, also wrong ones."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from time import time
from typing import Any
from uuid import uuid4

import yaml
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.cds_hooks.client import Client
from tests.kit.server import Running

Json = dict[str, Any]
ISSUER = "https://ehr.example/cds"
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


def new_key(algorithm: str = "ES384", kid: str = "one") -> ECKey | RSAKey:
    """A key pair of a client."""
    parameters = {"kid": kid, "use": "sig", "alg": algorithm}
    if algorithm in CURVES:
        return ECKey.generate_key(CURVES[algorithm], parameters)
    return RSAKey.generate_key(2048, parameters)


def public(*keys: ECKey | RSAKey) -> Json:
    """Their public halves, as a client publishes them."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


@dataclass
class Web:
    """A client's own address of its keys: what it answers, and how often it was asked."""

    address: str = ""
    answer: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: int = 0


@contextmanager
def serving(web: Web) -> Iterator[Web]:
    """It is served."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked += 1
            self.send_response(web.status)
            for name, value in {**web.headers, "Content-Length": str(len(web.answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(web.answer)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    web.address = f"http://127.0.0.1:{server.server_port}/jwks.json"
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sources(folder: Path, *clients: Json) -> Path:
    """The file of sources with these CDS clients; keys given as `keys` get a file of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, client in enumerate(clients):
        entry = {name: value for name, value in client.items() if name != "keys"}
        if "keys" in client:
            entry["jwks_file"] = f"keys-{number}.json"
            (folder / entry["jwks_file"]).write_text(json.dumps(public(*client["keys"])))
        entries.append(entry)
    path = folder / "sources.yaml"
    path.write_text(yaml.safe_dump({"kind": "sources", "cds_clients": entries}))
    return path


def token(server: Running, path: str, key: Any, header: Json | None = None, **claims: Any) -> str:
    """A token for one address below /cds-services; a claim or header of None is left out."""
    now = int(time())
    whole = {
        "iss": ISSUER,
        "aud": f"{server.address}/cds-services{path}",
        "iat": now,
        "exp": now + 300,
        "jti": str(uuid4()),
        **claims,
    }
    algorithm = key.get("alg") if key.get("alg") else "ES384"
    head = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **(header or {})}
    return jwt.encode(
        {name: value for name, value in head.items() if value is not None},
        {name: value for name, value in whole.items() if value is not None},
        key,
        algorithms=[head["alg"]],
        default_type=None,
    )


def bearing(server: Running, text: str) -> Client:
    """A client with this token."""
    return Client(server, {"Authorization": f"Bearer {text}"})
