"""Access tokens: whether one is to be believed, and who it says is asking (RFC 6750, RFC 9068).

What was verified is remembered by the token's digest for a minute at most, so that a key or a client that is
taken away is soon without effect.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from threading import Lock
from typing import Any, Final

import msgspec

from referral_service.auth import signed
from referral_service.auth.keys import Keys
from referral_service.auth.principal import Principal
from referral_service.auth.scopes import kept
from referral_service.auth.signed import LEEWAY, Unfit, Untrusted
from referral_service.fhir.search.reference import is_id
from referral_service.workflow.ports import Clock, Tenant

Json = dict[str, Any]
ACCESS_TOKEN: Final = "at+jwt"  # noqa: S105 - a type of tokens
_KEPT_SECONDS: Final = 60.0
_MOST_KEPT: Final = 4096
# Where authorisation servers say which client it is.
_CLIENT_CLAIMS: Final = ("client_id", "azp", "appid", "cid")


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """An issuer of access tokens; `types` are the headers' `typ` that are taken, "" for none."""

    keys: Keys
    audiences: frozenset[str]
    algorithms: tuple[str, ...]
    types: frozenset[str]
    principal: Callable[[Json], Principal]


class Bearer:
    """Verifies access tokens; several threads may ask."""

    def __init__(self, trusts: Mapping[str, Trust], clock: Clock) -> None:
        """`trusts` by what their tokens have as `iss`."""
        self._trusts = trusts
        self._clock = clock
        self._found: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()
        self._lock = Lock()

    def known(self, token: str) -> Principal | None:
        """Who asks, if that was verified a moment ago; never waits."""
        found = self._found.get(_digest(token))
        return found[0] if found and self._clock.now().timestamp() < found[1] else None

    def verify(self, token: str) -> Principal:
        """Who asks; Untrusted, or UNAVAILABLE while the issuer's keys cannot be had. May wait for them."""
        told = signed.unpack(token)
        trust = self._trusts.get(signed.text(told.claims, "iss"))
        if trust is None:
            raise Untrusted("its issuer is not one of ours")
        if told.kind not in trust.types:
            raise Untrusted("it is not marked as an access token")
        signed.verify(told, trust.algorithms, trust.keys.find)
        now = self._clock.now().timestamp()
        try:
            principal, until = _accepted(trust, told.claims, now)
        except Untrusted as error:
            raise Unfit(str(error)) from None
        self._keep(token, principal, min(until + LEEWAY, now + _KEPT_SECONDS))
        return principal

    def _keep(self, token: str, principal: Principal, until: float) -> None:
        with self._lock:
            self._found[_digest(token)] = (principal, until)
            if len(self._found) > _MOST_KEPT:
                self._found.popitem(last=False)


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """What another server's tokens bring: at most `scopes`, for one of `clients` if any is named."""

    name: str
    tenant: Tenant
    scopes: tuple[str, ...]
    clients: tuple[str, ...] = ()
    space: str = ""

    def principal(self, claims: Json) -> Principal:
        """Who asks. Two servers may know different clients by one name, so the actor has the server's too."""
        client = signed.text(claims, next((one for one in _CLIENT_CLAIMS if one in claims), "sub"))
        if self.clients and client not in self.clients:
            raise Untrusted("its client is not one of those taken")
        actor = f"{self.name}.{client}"
        if not is_id(actor):
            actor = f"{self.name}.{sha256(client.encode()).hexdigest()[:30]}"
        scopes = kept(_scopes(claims), self.scopes)
        return Principal(tenant=self.tenant, actor=f"Device/{actor}", scopes=scopes, space=self.space)


def _accepted(trust: Trust, claims: Json, now: float) -> tuple[Principal, float]:
    """Who asks, and until when that holds."""
    if trust.audiences.isdisjoint(signed.audiences(claims)):
        raise Untrusted("it is for another service")
    if "cnf" in claims:
        raise Untrusted("it is bound to a key that a bearer does not show")
    return trust.principal(claims), signed.expiry(claims, now)


def _scopes(claims: Json) -> list[str]:
    """RFC 9068 has a text, others have a list or another name."""
    told = claims.get("scope", claims.get("scp", ""))
    listed = told.split() if isinstance(told, str) else told
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise Untrusted("its scopes are no text")
    return listed


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
