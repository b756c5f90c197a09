"""An authorisation server where people sign in: where it says its doors are, and what it gives for a code.

Sources: OpenID Connect Core 1.0 and Discovery 1.0, RFC 7636 (PKCE), RFC 9207, SMART App Launch 2.2.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http.client import OK
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Final
from urllib.parse import quote_plus, urlencode
from uuid import uuid4

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from referral_service.auth.access import Party, safe
from referral_service.auth.keys import KeysError, WebKeys
from referral_service.auth.signed import sign
from referral_service.auth.tokens import algorithm_of, private_keys
from referral_service.auth.web import WebError, ask
from referral_service.core.problem import Category, Problem, problem
from referral_service.workflow.ports import Clock

Json = dict[str, Any]
_KEPT: Final = timedelta(hours=1)
_AGAIN: Final = timedelta(seconds=10)
_BASIC, _POST = "client_secret_basic", "client_secret_post"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_GOOD_FOR_SECONDS: Final = 240
_OPENID, _SMART = "/.well-known/openid-configuration", "/.well-known/smart-configuration"
# RFC 6749's own: nothing else of an answer is told to a log.
_ERRORS: Final = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
_log = structlog.get_logger(__name__)

# With a query, which an endpoint may have (RFC 6749, 3.1).
Door = Annotated[str, Field(pattern=r"^https?://[^/\s?#]+[^\s#]*$"), AfterValidator(safe)]


class Doors(BaseModel):
    """What a server says of itself."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    issuer: str
    authorization_endpoint: Door
    token_endpoint: Door
    jwks_uri: Door
    end_session_endpoint: Door | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = (_BASIC,)
    authorization_response_iss_parameter_supported: bool = False


class Refused(Exception):
    """The server gives nothing for this code. The text holds nothing of the answer."""


class Provider:
    """One server; several threads may ask. What it says of itself is asked again after an hour."""

    def __init__(self, party: Party, told: Callable[[], Json], clock: Clock) -> None:
        """`told` asks it, see `openid` and `smart`; nothing is asked yet."""
        self.party = party
        self._told = told
        self._clock = clock
        self._doors: Doors | None = None
        self._keys: tuple[str, WebKeys] | None = None
        self._asked_at: datetime | None = None
        self._lock = Lock()

    def doors(self) -> Doors:
        """Where to go; Problem UNAVAILABLE while that could never be had."""
        with self._lock:
            now = self._clock.now()
            pause = _KEPT if self._doors else _AGAIN
            if self._asked_at is None or now - self._asked_at >= pause:
                self._asked_at = now
                self._ask()
            if self._doors is None:
                raise _unreachable()
            return self._doors

    def keys(self) -> WebKeys:
        """Those of its ID tokens."""
        url = self.doors().jwks_uri
        with self._lock:
            if self._keys is None or self._keys[0] != url:
                self._keys = url, WebKeys(url, self._clock)
            return self._keys[1]

    def way_in(self, **parameters: str) -> str:
        """Where a browser goes to sign in."""
        asked = {"response_type": "code", "client_id": self.party.client_id, "code_challenge_method": "S256"}
        return _with_query(self.doors().authorization_endpoint, asked | parameters)

    def way_out(self, back: str) -> str:
        """Where a browser goes to sign out there too, and then `back`; "" if that is not offered."""
        try:
            door = self.doors().end_session_endpoint
        except Problem:
            return ""
        asked = {"client_id": self.party.client_id, "post_logout_redirect_uri": back}
        return _with_query(door, asked) if door else ""

    def exchange(self, code: str, verifier: str, redirect_uri: str) -> Json:
        """What is given for a code; Refused, or Problem UNAVAILABLE."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        proof, headers = self._proof()
        try:
            answer = ask(self.doors().token_endpoint, form | proof, headers)
        except WebError as error:
            _log.warning("a provider of sign-ins does not answer", error=str(error))
            raise _unreachable() from None
        words = answer.words if isinstance(answer.words, dict) else {}
        if answer.status != OK:
            why = next((one for one in _ERRORS if one == words.get("error")), "another")
            _log.warning("a provider of sign-ins refuses a code", status=answer.status, error=why)
            raise Refused("the code is not taken")
        return words

    def _proof(self) -> tuple[dict[str, str], dict[str, str]]:
        """How we prove who we are: in the form, or in the headers. Files are read anew each time."""
        party, doors = self.party, self.doors()
        if party.key_file is not None:
            signs = _assertion(party.key_file, party.client_id, doors.token_endpoint, self._clock)
            return {"client_assertion_type": _ASSERTION, "client_assertion": signs}, {}
        secret = _secret(party)
        methods = doors.token_endpoint_auth_methods_supported
        if _BASIC not in methods and _POST in methods:
            return {"client_id": party.client_id, "client_secret": secret}, {}
        # RFC 6749, 2.3.1: each is encoded as in a form before.
        pair = f"{quote_plus(party.client_id)}:{quote_plus(secret)}"
        return {}, {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    def _ask(self) -> None:
        try:
            self._doors = Doors.model_validate(self._told())
        except (WebError, ValidationError) as error:
            why = str(error) if isinstance(error, WebError) else "not what such a server says"
            _log.warning("a provider of sign-ins cannot be asked about itself", why=why)


def openid(issuer: str) -> Json:
    """What the provider of that name says of itself; WebError, also if it says that it is another."""
    told = _got(f"{issuer.rstrip('/')}{_OPENID}")
    if told.get("issuer") != issuer:
        raise WebError("it names another issuer")
    return told


def smart(url: str) -> Json:
    """What the FHIR server at `url` says of where its users sign in; WebError."""
    told = _got(f"{url.rstrip('/')}{_SMART}")
    issuer = told.get("issuer")
    if "jwks_uri" in told or not isinstance(issuer, str):
        return told
    try:
        return {**told, "jwks_uri": openid(safe(issuer)).get("jwks_uri")}
    except ValueError:
        raise WebError("the address of its issuer is not safe") from None


def _got(url: str) -> Json:
    answer = ask(url)
    if answer.status != OK or not isinstance(answer.words, dict):
        raise WebError("the answer is not 200 with a JSON object")
    return answer.words


def _assertion(path: Path, client_id: str, audience: str, clock: Clock) -> str:
    """A new one (RFC 7523, 2.2)."""
    now = int(clock.now().timestamp())
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "jti": str(uuid4()), "iat": now}
    try:
        key = private_keys(path)[0]
    except (KeysError, OSError):
        raise problem(Category.UNAVAILABLE, "The file of our key cannot be used.") from None
    header = {"alg": algorithm_of(key), "typ": "JWT", "kid": str(key.kid)}
    return sign({**claims, "exp": now + _GOOD_FOR_SECONDS}, header, key)


def _secret(party: Party) -> str:
    assert party.client_secret_file is not None
    try:
        secret = party.client_secret_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        secret = ""
    if not secret:
        raise problem(Category.UNAVAILABLE, "The file of our secret cannot be used.")
    return secret


def _with_query(door: str, asked: Mapping[str, str]) -> str:
    return f"{door}{'&' if '?' in door else '?'}{urlencode(asked)}"


def _unreachable() -> Problem:
    return problem(Category.UNAVAILABLE, "Nobody can sign in just now: the provider does not answer.")
