"""SMART Backend Services: tokens for registered systems that prove who they are with a key.

Source: https://hl7.org/fhir/smart-app-launch/backend-services.html.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from secrets import token_urlsafe
from threading import Lock
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from referral_service.fake_ehr.answer import Answer
from referral_service.fhir.parse import dump

ALGORITHMS: Final = ("RS384", "ES384")
ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST: Final = timedelta(minutes=5)
_NOT_KEPT: Final = {"Cache-Control": "no-store"}


class NotProven(Exception):
    """The client has not shown who it is."""


class Login:
    """The clients of the EHR, and the tokens that they hold. Without clients nobody is asked."""

    def __init__(
        self,
        clients: Mapping[str, Any],
        now: Callable[[], datetime],
        token_seconds: int,
    ) -> None:
        """`clients`: each client's public keys, as a JSON Web Key Set."""
        self._keys = {name: KeySet.import_key_set(keys) for name, keys in clients.items()}
        self._now = now
        self._token_seconds = token_seconds
        self._lock = Lock()
        self._ends: dict[str, datetime] = {}
        self._seen: dict[tuple[str, str], datetime] = {}

    @property
    def is_needed(self) -> bool:
        """Whether requests need a token."""
        return bool(self._keys)

    def allows(self, authorization: str) -> bool:
        """Whether the header brings a token that is good now."""
        scheme, _, token = authorization.partition(" ")
        end = self._ends.get(token)
        return not self.is_needed or (scheme.lower() == "bearer" and end is not None and self._now() < end)

    def forget(self) -> None:
        """No token that was given is good any longer."""
        with self._lock:
            self._ends.clear()

    def token(self, form: Mapping[str, str], address: str) -> Answer:
        """The token endpoint's answer; `address` is its own, which the client has to name."""
        if form.get("grant_type") != "client_credentials":
            return _refusal(400, "unsupported_grant_type")
        if form.get("client_assertion_type") != ASSERTION:
            return _refusal(400, "invalid_request")
        try:
            self._prove(form.get("client_assertion", ""), address)
        except (JoseError, NotProven, ValueError):
            return _refusal(401, "invalid_client")
        with self._lock:
            token = token_urlsafe()
            self._ends[token] = self._now() + timedelta(seconds=self._token_seconds)
        given = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": self._token_seconds,
            "scope": form.get("scope", ""),
        }
        return Answer(content=dump(given), media_type="application/json", headers=_NOT_KEPT)

    def _prove(self, assertion: str, address: str) -> None:
        """Raises JoseError, ValueError or NotProven unless it is by a client, for us, in time and new."""
        claimed = json.loads(jws.extract_compact(assertion.encode()).payload)
        client = claimed.get("iss") if isinstance(claimed, dict) else None
        if not isinstance(client, str) or client not in self._keys:
            raise NotProven
        keys = self._keys[client]
        claims = jwt.decode(assertion, keys, algorithms=ALGORITHMS).claims
        now = self._now()
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            iss={"essential": True, "value": client},
            sub={"essential": True, "value": client},
            aud={"essential": True, "value": address},
            exp={"essential": True},
            jti={"essential": True},
        ).validate(claims)
        end = datetime.fromtimestamp(claims["exp"], now.tzinfo)
        if end - now > _LONGEST or not self._is_new((client, claims["jti"]), end):
            raise NotProven

    def _is_new(self, name: tuple[str, str], end: datetime) -> bool:
        with self._lock:
            self._seen = {one: until for one, until in self._seen.items() if until > self._now()}
            if name in self._seen:
                return False
            self._seen[name] = end
            return True


def configuration(base: str, token_address: str) -> Answer:
    """What /.well-known/smart-configuration says."""
    said = {
        "issuer": base,
        "token_endpoint": token_address,
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "scopes_supported": ["system/*.rs", "system/*.cruds"],
        "capabilities": ["client-confidential-asymmetric", "permission-v2"],
        "code_challenge_methods_supported": ["S256"],
    }
    return Answer(content=dump(said), media_type="application/json")


def _refusal(status: int, error: str) -> Answer:
    return Answer(
        status=status, content=dump({"error": error}), media_type="application/json", headers=_NOT_KEPT
    )
