"""The two cookies of signing in: who is signed in, and the attempt that is under way.

Over TLS their names begin with __Host-, so that no other host, and nobody without TLS, can set them. They are
Lax, since people come back from another site: from the provider, or out of an EHR.
"""

from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from referral_service.auth.attempt import LASTING_SECONDS
from referral_service.auth.entrance import Entrance

_SESSION, _ATTEMPT = "session", "sign-in"
_HOST: Final = "__Host-"


def session_of(entrance: Entrance, request: HTTPConnection) -> str:
    """The value of the session that a browser says it has; ""."""
    return request.cookies.get(_name(entrance, _SESSION), "")


def attempt_of(entrance: Entrance, request: HTTPConnection) -> str:
    """What it keeps of an attempt to sign in; ""."""
    return request.cookies.get(_name(entrance, _ATTEMPT), "")


def keep_session(entrance: Entrance, answer: Response, value: str) -> None:
    """Until the browser is closed; "" ends it."""
    _keep(entrance, answer, _SESSION, value, None)


def keep_attempt(entrance: Entrance, answer: Response, value: str) -> None:
    """For as long as an attempt may take; "" ends it."""
    _keep(entrance, answer, _ATTEMPT, value, LASTING_SECONDS)


def _keep(entrance: Entrance, answer: Response, which: str, value: str, seconds: int | None) -> None:
    answer.set_cookie(
        _name(entrance, which),
        value,
        seconds if value else 0,
        path="/",
        secure=entrance.is_secure,
        httponly=True,
        samesite="lax",
    )


def _name(entrance: Entrance, which: str) -> str:
    return f"{_HOST}{which}" if entrance.is_secure else which
