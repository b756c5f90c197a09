"""An OpenID provider, and an EHR's authorisation server, that can be made to lie in any way."""

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import time
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit
from uuid import uuid4

from tests.auth.forged import Pair

Json = dict[str, Any]
SECRET = "a secret: with 100% of +&=~"


@dataclass
class Lies:
    """What it does otherwise than it should; each test begins without any."""

    token: Callable[[Json, Pair], object] | None = None  # the ID token made of the right claims
    answer: Json | None = None  # more of the token endpoint's answer
    status: int = 200  # of the token endpoint
    body: bytes | None = None  # the same
    redirect: Callable[[dict[str, str]], Mapping[str, str]] | None = None  # what a browser comes back with
    metadata: Json | None = None
    keeps_codes: bool = False  # a code is good for ever, and for everybody


class Provider(ThreadingHTTPServer):
    """On a port of this machine. `user` is who sits before the browser; `people` their claims."""

    daemon_threads = True

    def __init__(self, client_id: str, people: Mapping[str, Json]) -> None:
        """Its key is new."""
        super().__init__(("127.0.0.1", 0), _Answer)
        self.client_id, self.people = client_id, dict(people)
        self.user = next(iter(people))
        self.pair = Pair("provider-1", "RS256")
        self.clients_key: Pair | None = None
        self.lies = Lies()
        self.asked: dict[str, str] = {}
        self.issued: list[str] = []
        self.codes: dict[str, Json] = {}

    @property
    def issuer(self) -> str:
        """Its name, and the address of all that it has."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def metadata(self) -> Json:
        """As OpenID Connect Discovery has it; SMART's has the same names."""
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?realm=staff",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/end",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
            "authorization_response_iss_parameter_supported": True,
            "code_challenge_methods_supported": ["S256"],
        }
        return {name: it for name, it in {**told, **(self.lies.metadata or {})}.items() if it is not None}

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser goes next."""
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        assert asked["client_id"] == self.client_id and len(asked["state"]) >= 22
        self.asked = asked
        code = str(uuid4())
        self.codes[code] = asked
        told = {"code": code, "state": asked["state"], "iss": self.issuer}
        lied = self.lies.redirect(dict(told)) if self.lies.redirect else told
        return f"{asked['redirect_uri']}?{urlencode(lied)}"

    def claims(self, asked: Mapping[str, str], access_token: str) -> Json:
        """What a true ID token says."""
        now = int(time())
        half = sha256(access_token.encode()).digest()[:16]
        return {
            "iss": self.issuer,
            "aud": self.client_id,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
            "at_hash": urlsafe_b64encode(half).rstrip(b"=").decode(),
            **self.people[self.user],
        }

    def exchange(self, form: Mapping[str, str]) -> tuple[int, Json]:
        """The token endpoint, once the client is known."""
        asked = self.codes.get(form.get("code", ""))
        if asked is None or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        digest = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if not self.lies.keeps_codes:
            del self.codes[form["code"]]
            if digest != asked["code_challenge"]:
                return 400, {"error": "invalid_grant"}
        access_token = str(uuid4())
        claims = self.claims(asked, access_token)
        token = self.lies.token(claims, self.pair) if self.lies.token else self.pair.token(claims)
        self.issued.append(str(token))
        given = {"access_token": access_token, "token_type": "Bearer", "expires_in": 300, "id_token": token}
        more = {name: it for name, it in {**given, **(self.lies.answer or {})}.items() if it is not None}
        return self.lies.status, more

    def knows(self, form: Mapping[str, str], authorization: str) -> bool:
        """Whether the client has proved who it is, in one way of three."""
        if authorization:
            name, _, secret = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            return [unquote_plus(name), unquote_plus(secret)] == [self.client_id, SECRET]
        if "client_secret" in form:
            return [form["client_id"], form["client_secret"]] == [self.client_id, SECRET]
        return self.clients_key is not None and form["client_assertion"].count(".") == 2


class _Answer(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        if path.endswith(("/.well-known/openid-configuration", "/.well-known/smart-configuration")):
            self.say(200, self.server.metadata)
        elif path == "/jwks":
            self.say(200, self.server.pair.jwks)
        elif path == "/authorize":
            self.send_response(302)
            self.send_header("Location", self.server.authorize(query))
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.say(200, query)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[-1] for name, values in parse_qs(body).items()}
        if self.server.lies.body is not None:
            self.reply(self.server.lies.status, self.server.lies.body)
        elif self.server.knows(form, self.headers.get("Authorization", "")):
            self.say(*self.server.exchange(form))
        else:
            self.say(401, {"error": "invalid_client"})

    def say(self, status: int, words: Json) -> None:
        self.reply(status, json.dumps(words).encode())

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Says nothing."""


@contextmanager
def providing(client_id: str, people: Mapping[str, Json]) -> Iterator[Provider]:
    """It, for as long as the context lasts."""
    with Provider(client_id, people) as there:
        Thread(target=there.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield there
        there.shutdown()
