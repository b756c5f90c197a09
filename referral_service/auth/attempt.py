"""One attempt to sign in, kept by the browser that makes it in a signed cookie, for ten minutes and one use.

OWASP ASVS 5.0, 10.1.2: `state`, `nonce` and the PKCE verifier are of one attempt and bound to one browser.
"""

import secrets
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec
from sqlalchemy import Engine

from referral_service.auth import signed
from referral_service.auth.signed import ALGORITHMS, Untrusted
from referral_service.auth.tokens import OwnKeys
from referral_service.store.engine import writing
from referral_service.store.once import seen
from referral_service.workflow.ports import DEFAULT_TENANT, Clock

LASTING_SECONDS: Final = 600
_BYTES: Final = 32
# What it says in its header, so that it is never taken for a token of another kind.
_TYPE: Final = "sign-in+jwt"
_KIND: Final = "sign-in"
_REMEMBERED: Final = timedelta(minutes=1)


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """`via` is the EHR's name, "" for the site's provider; `to` the page that is wanted."""

    via: str
    to: str
    state: str
    nonce: str
    verifier: str

    @property
    def challenge(self) -> str:
        """What the server is told of the verifier (RFC 7636, S256)."""
        return urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


class Attempts:
    """Makes them and takes them back."""

    def __init__(self, keys: OwnKeys, address: str, clock: Clock, engine: Engine) -> None:
        """`keys` sign; `address` is our own."""
        self._keys = keys
        self._address = address
        self._clock = clock
        self._engine = engine

    def begin(self, via: str, to: str) -> tuple[Attempt, str]:
        """A new one, and what the browser keeps of it."""
        state, nonce, verifier = (secrets.token_urlsafe(_BYTES) for _ in range(3))
        attempt = Attempt(via=via, to=to, state=state, nonce=nonce, verifier=verifier)
        until = int(self._clock.now().timestamp()) + LASTING_SECONDS
        claims = {"aud": self._address, "exp": until, **msgspec.to_builtins(attempt)}
        return attempt, self._keys.sign(claims, _TYPE)

    def finish(self, kept: str, via: str, state: str) -> Attempt:
        """The attempt that a browser kept, if this answer is its; Untrusted, the second time always."""
        token = signed.unpack(kept)
        if token.kind != _TYPE:
            raise Untrusted("it is no attempt")
        signed.verify(token, ALGORITHMS, self._keys.find)
        if signed.audiences(token.claims) != [self._address]:
            raise Untrusted("it is another service's attempt")
        until = signed.expiry(token.claims, self._clock.now().timestamp())
        attempt = msgspec.convert(token.claims, Attempt)
        if attempt.via != via or not secrets.compare_digest(attempt.state.encode(), state.encode()):
            raise Untrusted("it is another attempt")
        self._use(attempt, datetime.fromtimestamp(until, UTC) + _REMEMBERED)
        return attempt

    def _use(self, attempt: Attempt, until: datetime) -> None:
        key = sha256(attempt.state.encode()).hexdigest()
        with writing(self._engine) as connection:
            if seen(connection, DEFAULT_TENANT, _KIND, key, until=until, now=self._clock.now()):
                raise Untrusted("it was used before")
