"""Who calls: the CDS client that signed the token, or anybody where no client is named and AUTH is off.

Source: https://cds-hooks.hl7.org/2.0/#trusting-cds-clients. A refusal is 401 and a sentence that names the
part of the token, never its content.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from math import isfinite
from typing import Any, Final, NamedTuple

from referral_service.api.cds_hooks.elements import is_loopback, is_server, origin_of
from referral_service.api.errors import HttpProblem
from referral_service.auth import signed
from referral_service.auth.keys import FileKeys, Keys, KeysError, WebKeys
from referral_service.auth.signed import Signed, Untrusted
from referral_service.fhir.space import Space
from referral_service.settings import Settings
from referral_service.sources import CdsClient, SourcesError
from referral_service.store.engine import writing
from referral_service.store.once import seen
from referral_service.wiring import Service
from referral_service.workflow.ports import DEFAULT_TENANT, Clock, Tenant

_ALGORITHMS: Final = ("ES384", "RS384", "ES256", "RS256")
_LEEWAY_SECONDS: Final = 60.0
_OLDEST_SECONDS: Final = 300.0
_KIND: Final = "cds-jti"


class Caller(NamedTuple):
    """Who calls, for which tenant, with whose ids; `origins` are its servers', None for this machine's."""

    tenant: Tenant
    name: str
    origins: tuple[str, ...] | None
    space: Space = Space("")

    def may_be_called(self, server: str) -> bool:
        """Whether a FHIR server's address is one that we may call for this caller."""
        asked = origin_of(server)
        if asked is None or self.origins is None:
            return asked is not None and is_loopback(asked)
        return asked in map(origin_of, self.origins)


_ANYBODY: Final = Caller(DEFAULT_TENANT, "cds-client", None)


def is_open(clients: Collection[CdsClient], settings: Settings) -> bool:
    """Whether anybody may call, from any page."""
    return not clients and settings.auth == "off"


class Gate:
    """Lets callers in; one for each application."""

    def __init__(self, service: Service, clients: Sequence[CdsClient]) -> None:
        """Raises SourcesError for clients that cannot be told apart, or whose keys cannot be had safely."""
        self._engine, self._clock = service.store.engine, service.clock
        self._clients: Mapping[str, CdsClient] = {one.issuer: one for one in clients}
        if len(self._clients) < len(clients):
            raise SourcesError("cds_clients: two issuers are the same")
        self._keys = {one.issuer: _keys(one, service.clock) for one in clients}
        self._is_open = is_open(clients, service.settings)

    def admit(self, authorization: Sequence[str], addresses: Collection[str]) -> Caller:
        """Who calls one of these addresses; raises 401, or UNAVAILABLE where keys cannot be looked up."""
        if self._is_open:
            return _ANYBODY
        try:
            return self._known(signed.unpack(_bearer(authorization)), addresses)
        except Untrusted as error:
            refusal = HttpProblem(401, "security", f"The token is refused: {error}.")
            refusal.headers = {"WWW-Authenticate": "Bearer"}
            raise refusal from None

    def _known(self, token: Signed, addresses: Collection[str]) -> Caller:
        client = self._clients.get(signed.text(token.claims, "iss"))
        if client is None:
            raise Untrusted("its issuer (iss) is not known")
        if token.key_id is None or token.kind != "jwt":
            raise Untrusted("its header lacks a kid, or its typ is not JWT")
        signed.verify(token, _ALGORITHMS, self._keys[client.issuer].find, client.jwks_url or "")
        # Nothing else that it says is looked at before its signature holds.
        if not {*signed.audiences(token.claims)} & {*addresses}:
            raise Untrusted("it is not for this address (aud)")
        until = _in_time(token.claims, self._clock.now().timestamp())
        jti = signed.text(token.claims, "jti")
        key = sha256(f"{client.issuer} {jti}".encode()).hexdigest()
        tenant, end = Tenant(client.tenant), datetime.fromtimestamp(until, UTC)
        with writing(self._engine) as connection:
            if seen(connection, tenant, _KIND, key, until=end, now=self._clock.now()):
                raise Untrusted("it was used before (jti)")
        return Caller(tenant, client.issuer, client.origins, Space(client.source or ""))


def _keys(client: CdsClient, clock: Clock) -> Keys:
    if (client.jwks_url is None) == (client.jwks_file is None):
        raise SourcesError("cds_clients: say either jwks_url or jwks_file")
    if client.jwks_url:
        if not is_server(client.jwks_url):
            raise SourcesError("cds_clients: jwks_url begins with https://, or http:// on this machine")
        return WebKeys(client.jwks_url, clock)
    assert client.jwks_file, "it is the other one"
    try:
        return FileKeys(client.jwks_file)
    except (KeysError, OSError) as error:
        raise SourcesError(f"cds_clients: {client.jwks_file.name}: {_why(error)}") from None


def _why(error: Exception) -> str:
    return (error.strerror or "not readable") if isinstance(error, OSError) else str(error)


def _bearer(authorization: Sequence[str]) -> str:
    scheme, _, token = authorization[0].partition(" ") if len(authorization) == 1 else ("", "", "")
    if scheme.lower() != "bearer":
        raise Untrusted("there is none, send one as Authorization: Bearer")
    return token.strip()


def _in_time(claims: Mapping[str, Any], now: float) -> float:
    """Until when it could be used, in seconds since 1970."""
    issued, ends = _seconds(claims, "iat"), _seconds(claims, "exp")
    begins = _seconds(claims, "nbf") if "nbf" in claims else issued
    if max(issued, begins) > now + _LEEWAY_SECONDS:
        raise Untrusted("it is not valid yet (iat, nbf)")
    until = min(ends, issued + _OLDEST_SECONDS) + _LEEWAY_SECONDS
    if now >= until:
        raise Untrusted("it has expired (exp), or is more than five minutes old (iat)")
    return until


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    found = claims.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not isfinite(found):
        raise Untrusted(f"its {name} is no time")
    return float(found)
