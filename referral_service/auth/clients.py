"""Registered clients, and how they prove who they are: a signed assertion that counts once.

Sources: RFC 7523; SMART App Launch 2.2, "Client Authentication: Asymmetric".
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec

from referral_service.auth import signed
from referral_service.auth.keys import Keys
from referral_service.auth.signed import LEEWAY, Unfit, Untrusted
from referral_service.workflow.ports import Clock, Tenant

ASSERTION_ALGORITHMS: Final = ("RS384", "ES384")
_TYPES: Final = frozenset({"jwt", "client-authentication+jwt"})
_LONGEST_SECONDS: Final = 300.0
# Kept longer than an assertion is good for by any process's clock.
_REMEMBERED: Final = timedelta(minutes=1)

# Whether this key of that tenant was there before; else it is kept until then.
Seen = Callable[[Tenant, str, datetime], bool]


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A system that gets its tokens from us; `jwks_url` is where its keys are, "" if they are with us.

    `space` is the name of the EHR whose ids it speaks with.
    """

    id: str
    tenant: Tenant
    scopes: tuple[str, ...]
    keys: Keys
    jwks_url: str = ""
    space: str = ""

    @property
    def actor(self) -> str:
        """As who it acts."""
        return f"Device/{self.id}"


class Clients:
    """All of them. `token_url` is the address that an assertion is for."""

    def __init__(self, known: Mapping[str, Client], token_url: str, clock: Clock, seen: Seen) -> None:
        """`seen` is shared by every process."""
        self._known = known
        self._token_url = token_url
        self._clock = clock
        self._seen = seen

    def get(self, id: str) -> Client | None:
        """The client of that id."""
        return self._known.get(id)

    def claimed(self, assertion: str) -> Client | None:
        """Whose it says that it is, if that is one of ours; nobody vouches for it."""
        try:
            return self._known.get(signed.text(signed.unpack(assertion).claims, "iss"))
        except Untrusted:
            return None

    def authenticate(self, assertion: str) -> Client:
        """Whose assertion it is. The second time it is Untrusted, whichever process asks."""
        token = signed.unpack(assertion)
        # Whose keys to take must be known first; no other claim is looked at before they have verified it.
        client = self._known.get(signed.text(token.claims, "iss"))
        if client is None:
            raise Untrusted("the client is not registered")
        if token.key_id is None or token.kind not in _TYPES:
            raise Untrusted("its header lacks a kid, or is not that of a client's assertion")
        signed.verify(token, ASSERTION_ALGORITHMS, client.keys.find, client.jwks_url)
        try:
            self._check(client, token.claims)
        except Untrusted as error:
            raise Unfit(str(error)) from None
        return client

    def _check(self, client: Client, claims: Mapping[str, object]) -> None:
        if signed.text(claims, "sub") != client.id:
            raise Untrusted("its subject is not its issuer")
        # One audience alone: what is also for somebody else could be used by them.
        if signed.audiences(claims) != [self._token_url]:
            raise Untrusted("it is not for this token endpoint alone")
        now = self._clock.now().timestamp()
        until = signed.expiry(claims, now)
        if until > now + _LONGEST_SECONDS + LEEWAY:
            raise Untrusted("it is good for more than five minutes")
        key = sha256(f"{client.id} {signed.text(claims, 'jti')}".encode()).hexdigest()
        if self._seen(client.tenant, key, datetime.fromtimestamp(until + LEEWAY, UTC) + _REMEMBERED):
            raise Untrusted("it was used before")
