"""All that authentication is, put together from the access file: whom to believe, and tokens for clients."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from referral_service.auth.access import Access, AccessError, Issuer, keys_of
from referral_service.auth.bearer import ACCESS_TOKEN, Bearer, Outside, Trust
from referral_service.auth.clients import ASSERTION_ALGORITHMS, Client, Clients
from referral_service.auth.entrance import Entrance
from referral_service.auth.keys import KeysError
from referral_service.auth.scopes import OPERATOR
from referral_service.auth.signed import ALGORITHMS
from referral_service.auth.tokens import OwnKeys, Tokens
from referral_service.store.engine import writing
from referral_service.store.once import seen
from referral_service.workflow.ports import Clock, Tenant

Json = dict[str, Any]
TOKEN_PATH: Final = "/auth/token"  # noqa: S105 - an address
KEYS_PATH: Final = "/.well-known/jwks.json"
_KIND: Final = "assertion"
_ANY_TYPE: Final = frozenset({"", "jwt", ACCESS_TOKEN})


class Authority:
    """One for each application. `address` is where clients reach the service, without a slash at its end."""

    def __init__(self, access: Access, address: str, key_file: Path, clock: Clock, engine: Engine) -> None:
        """`key_file` has our own key unless `access` names another file. Raises AccessError and OSError."""
        self.address = address
        self.realm = f"{address}/fhir"
        self.scopes = _scopes(access)
        self.limits = access.limits
        self._elsewhere = _elsewhere(access)
        self.clients = Clients(
            {name: _client(name, access, clock) for name in access.clients},
            f"{address}{TOKEN_PATH}",
            clock,
            _seen_in(engine, clock),
        )
        self.keys = _own_keys(access.token_key_file or key_file)
        self.tokens = Tokens(self.keys, self.clients, address, self.realm, clock)
        trusts = {one.issuer: self._trust(name, one, clock) for name, one in access.issuers.items()}
        if address in trusts:
            raise AccessError("issuers: one of them is this service itself")
        own = Trust(
            keys=self.keys,
            audiences=frozenset({self.realm}),
            algorithms=ALGORITHMS,
            types=frozenset({ACCESS_TOKEN}),
            principal=self.tokens.principal,
        )
        self.bearer = Bearer({**trusts, address: own}, clock)
        has_people = access.people is not None or bool(access.ehrs)
        # None where nobody signs in.
        self.entrance = Entrance(access, address, self.keys, clock, engine) if has_people else None

    @property
    def token_url(self) -> str:
        """Where clients get their tokens: from us if any is registered here, else from an issuer."""
        return self._elsewhere or f"{self.address}{TOKEN_PATH}"

    def configuration(self) -> Json:
        """What a client finds at .well-known/smart-configuration (SMART App Launch 2.2, Conformance)."""
        told: Json = {
            "token_endpoint": self.token_url,
            "grant_types_supported": ["client_credentials"],
            "scopes_supported": self.scopes,
            "code_challenge_methods_supported": ["S256"],
            "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
        }
        if not self._elsewhere:
            told |= {
                "jwks_uri": f"{self.address}{KEYS_PATH}",
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
            }
        return told

    def _trust(self, name: str, issuer: Issuer, clock: Clock) -> Trust:
        outside = Outside(
            name=name,
            tenant=Tenant(issuer.tenant),
            scopes=tuple(issuer.scopes.split()),
            clients=issuer.clients,
            space=issuer.source or "",
        )
        return Trust(
            keys=keys_of(f"issuers.{name}", issuer, clock),
            audiences=frozenset(issuer.audiences or (self.realm,)),
            algorithms=issuer.algorithms,
            types=frozenset({ACCESS_TOKEN}) if issuer.explicit_type else _ANY_TYPE,
            principal=outside.principal,
        )


def _elsewhere(access: Access) -> str:
    """Where clients get their tokens if none is registered with us, else ""."""
    told = (one.token_url for one in access.issuers.values() if one.token_url)
    return "" if access.clients else next(told, "")


def _scopes(access: Access) -> list[str]:
    """Those that anybody may ask for."""
    told = [one.scopes for one in access.clients.values()] or [one.scopes for one in access.issuers.values()]
    return sorted({scope for scopes in told for scope in scopes.split()} - {OPERATOR})


def _client(name: str, access: Access, clock: Clock) -> Client:
    registered = access.clients[name]
    return Client(
        id=name,
        tenant=Tenant(registered.tenant),
        scopes=tuple(registered.scopes.split()),
        keys=keys_of(f"clients.{name}", registered, clock),
        jwks_url=registered.jwks_url or "",
        space=registered.source or "",
    )


def _own_keys(path: Path) -> OwnKeys:
    try:
        return OwnKeys(path)
    except KeysError as error:
        raise AccessError(str(error)) from None


def _seen_in(engine: Engine, clock: Clock) -> Callable[[Tenant, str, datetime], bool]:
    def look(tenant: Tenant, key: str, until: datetime) -> bool:
        with writing(engine) as connection:
            return seen(connection, tenant, _KIND, key, until=until, now=clock.now())

    return look
