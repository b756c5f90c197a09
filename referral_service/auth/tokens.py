"""Our own access tokens (RFC 9068): the key that signs them, what they say, and whom they are believed for.

The key file is a JWK, or a JWKS whose first key signs while all of them verify; it is read again when it has
changed. To change the key: put the new one first, and take the old one away once its last token has expired.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from referral_service.auth import signed
from referral_service.auth.bearer import ACCESS_TOKEN
from referral_service.auth.clients import Client, Clients
from referral_service.auth.keys import KeysError, changed, choose
from referral_service.auth.principal import Principal
from referral_service.auth.scopes import kept
from referral_service.auth.signed import PublicKey, Untrusted
from referral_service.seal import keep
from referral_service.workflow.ports import Clock

LIFETIME_SECONDS: Final = 300
_CURVE: Final = "P-256"
_ALGORITHMS: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_OF_RSA: Final = "RS384"

Json = dict[str, Any]


class OwnKeys:
    """The private keys of the file, made on first use where there is none."""

    def __init__(self, path: Path) -> None:
        """Raises KeysError and OSError."""
        if not path.exists():
            words = ECKey.generate_key(_CURVE, auto_kid=True).as_dict(private=True)
            keep(path, orjson.dumps({"keys": [words]}, option=orjson.OPT_APPEND_NEWLINE), replaces=False)
        self._path = path
        self._seen = changed(path)
        self._keys = private_keys(path)

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """See keys.Keys."""
        return choose(self._current(), kid, algorithm)

    def sign(self, claims: Mapping[str, object], kind: str = ACCESS_TOKEN) -> str:
        """A token of that `typ` with these claims."""
        key = self._current()[0]
        header = {"alg": algorithm_of(key), "typ": kind, "kid": str(key.kid)}
        return signed.sign(claims, header, key)

    def public(self) -> Json:
        """Their public halves as a JWKS."""
        more = {"use": "sig"}
        return {
            "keys": [one.as_dict(private=False, alg=algorithm_of(one), **more) for one in self._current()]
        }

    def _current(self) -> list[PublicKey]:
        try:
            if (now := changed(self._path)) != self._seen:
                self._keys, self._seen = private_keys(self._path), now
        except (OSError, KeysError):
            # Whoever changes it may not be done; what was read before is as good as it was.
            return self._keys
        return self._keys


class Tokens:
    """Gives tokens to registered clients, and believes them; `issuer` and `audience` are our addresses."""

    def __init__(self, keys: OwnKeys, clients: Clients, issuer: str, audience: str, clock: Clock) -> None:
        """`keys` sign."""
        self._keys = keys
        self._clients = clients
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    def give(self, client: Client, scopes: tuple[str, ...]) -> str:
        """A token for that client with these scopes, for LIFETIME_SECONDS."""
        now = int(self._clock.now().timestamp())
        return self._keys.sign(
            {
                "iss": self._issuer,
                "aud": self._audience,
                "sub": client.id,
                "client_id": client.id,
                "scope": " ".join(scopes),
                "iat": now,
                "exp": now + LIFETIME_SECONDS,
                "jti": str(uuid4()),
            }
        )

    def principal(self, claims: Json) -> Principal:
        """Who asks with one of ours: what the client may do now, which may be less than when it got it."""
        client = self._clients.get(signed.text(claims, "client_id"))
        if client is None:
            raise Untrusted("the client is no longer registered")
        scopes = kept(str(claims.get("scope", "")).split(), client.scopes)
        return Principal(tenant=client.tenant, actor=client.actor, scopes=scopes, space=client.space)


def algorithm_of(key: PublicKey) -> str:
    """How a key of ours signs."""
    return key.alg or (_OF_RSA if isinstance(key, RSAKey) else _ALGORITHMS[key.curve_name])


def private_keys(path: Path) -> list[PublicKey]:
    """Those of a file, at least one, each with an id; raises KeysError and OSError."""
    try:
        words = orjson.loads(path.read_bytes())
        keys = [_imported(one) for one in words.get("keys", [words])]
        if not keys or not all(key.is_private and algorithm_of(key) in signed.ALGORITHMS for key in keys):
            raise ValueError
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise KeysError(f"{path.name}: not a private RSA or EC key as a JWK, nor a JWKS of some") from None
    for key in keys:
        key.ensure_kid()
    return keys


def _imported(words: Json) -> PublicKey:
    # It signs and verifies here, whatever it was made for.
    plain = {name: value for name, value in words.items() if name not in ("use", "key_ops")}
    return RSAKey.import_key(plain) if plain["kty"] == "RSA" else ECKey.import_key(plain)
