"""SMART Backend Services: the token that we ask with, found, got, kept until shortly before its end.

SMART App Launch 2.2, "Backend Services". The token endpoint is what the endpoint says, or what the FHIR
server's .well-known/smart-configuration says, if that is on the allow-list.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import Final, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec

from referral_service.core.problem import Category, Problem, problem
from referral_service.ehr import assertion
from referral_service.ehr.connection import Answer, Connection, Sending
from referral_service.ehr.endpoint import Endpoint
from referral_service.ehr.failures import not_understood
from referral_service.ehr.transport import Deadline

_LONGEST_LIFE_SECONDS: Final = 3600.0
_MARGIN_SECONDS: Final = 30.0
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")

_Kind = TypeVar("_Kind")

# A caller hears of its own request only: that never left, so nothing is unknown, and nothing was not found.
_FOR_THE_CALLER: Final = {
    Category.INTERRUPTED: Category.UNAVAILABLE,
    Category.NOT_FOUND: Category.FORBIDDEN,
    Category.INCORRECT: Category.FORBIDDEN,
    Category.REFUSED: Category.FORBIDDEN,
    Category.CONFLICT: Category.FORBIDDEN,
}


class _Configuration(msgspec.Struct):
    token_endpoint: str


class _Granted(msgspec.Struct):
    access_token: str
    token_type: str = "bearer"  # noqa: S105 - a kind, not a token
    expires_in: float = 300.0


class _Token(NamedTuple):
    text: str
    until: float


class Login:
    """The token of one endpoint; one thread at a time asks for a new one."""

    def __init__(self, endpoint: Endpoint, connection: Connection) -> None:
        """Nothing is asked yet."""
        self._endpoint = endpoint
        self._connection = connection
        self._lock = Lock()
        self._kept: _Token | None = None
        self._token_url = ""

    def token(self, deadline: Deadline) -> str:
        """The token to ask with; "" where none is needed. Its failures say that nothing was sent."""
        if self._endpoint.bearer:
            return _usable(self._endpoint.bearer)
        if not self._endpoint.client_id:
            return ""
        return self._current() or self._renewed(deadline)

    def gives_up(self, token: str) -> bool:
        """Forgets a token that is not taken any more; whether there may be another."""
        if self._endpoint.bearer or not self._endpoint.client_id:
            return False
        with self._lock:
            if self._kept is not None and self._kept.text == token:
                self._kept = None
        return True

    def _current(self) -> str:
        kept = self._kept
        return kept.text if kept is not None and monotonic() < kept.until else ""

    def _renewed(self, deadline: Deadline) -> str:
        if not self._lock.acquire(timeout=deadline.left()):
            raise problem(Category.UNAVAILABLE, "Login: the other side is still being asked for a token.")
        try:
            current = self._current()  # another thread may have just got one
            if not current:
                with _as_login():
                    self._kept = self._granted(deadline)
                current = self._kept.text
            return current
        except Problem:
            self._token_url = ""
            raise
        finally:
            self._lock.release()

    def _granted(self, deadline: Deadline) -> _Token:
        # The very text that was told: the other side may compare it letter by letter.
        audience = self._endpoint.token_url or self._token_url or self._discovered(deadline)
        address = self._connection.allowed.address(audience)
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": assertion.TYPE,
            "client_assertion": assertion.signed(self._endpoint.key_file, self._endpoint.client_id, audience),
            **({"scope": self._endpoint.scope} if self._endpoint.scope else {}),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        sending = Sending("POST", address, headers, urlencode(form).encode())
        asked = monotonic()
        granted = _decoded(self._connection.exchange(sending, "", deadline), _Granted)
        if granted.token_type.lower() != "bearer":
            raise not_understood("The token is of no kind that is known.")
        life = min(granted.expires_in, _LONGEST_LIFE_SECONDS)
        self._token_url = audience
        return _Token(_usable(granted.access_token), asked + life - min(_MARGIN_SECONDS, life / 10))

    def _discovered(self, deadline: Deadline) -> str:
        """The token endpoint that the FHIR server names."""
        where = f"{self._endpoint.url.rstrip('/')}/.well-known/smart-configuration"
        sending = Sending("GET", self._connection.allowed.address(where), {"Accept": "application/json"})
        return _decoded(self._connection.exchange(sending, "", deadline), _Configuration).token_endpoint


def _usable(token: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise problem(Category.FORBIDDEN, "The token cannot be sent.")
    return token


def _decoded(answer: Answer, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.json.decode(answer.body, type=kind, strict=False)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise not_understood("The answer to the login is not what SMART says.") from None


@contextmanager
def _as_login() -> Iterator[None]:
    try:
        yield
    except Problem as error:
        category = _FOR_THE_CALLER.get(error.category, error.category)
        issues = (msgspec.structs.replace(one, code=category.value.code) for one in error.issues)
        raise Problem(category, *issues, wait_seconds=error.wait_seconds) from None
