"""Who may come in, as one file (REFERRAL_ACCESS) says; unknown keys refused.

Keys are in files of their own or at addresses, which this file names: relative paths begin at its folder.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from referral_service.auth.keys import FileKeys, GivenKeys, Keys, KeysError, WebKeys
from referral_service.auth.principal import Role
from referral_service.auth.scopes import OPERATOR, ScopeError, parse
from referral_service.auth.signed import ALGORITHMS
from referral_service.sources import Name, WebAddress, placed
from referral_service.workflow.ports import Clock

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class AccessError(ValueError):
    """The file cannot be used; one line a fault, each naming its place and never a value."""


def safe(address: str) -> str:
    """What decides who is believed must not be changed on its way; ValueError."""
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in _HERE:
        raise ValueError("begin with https://, or http:// on this machine")
    return address


def _scopes(text: str) -> str:
    for one in text.split():
        if one != OPERATOR:
            try:
                parse(one)
            except ScopeError as error:
                raise ValueError(str(error)) from None
    return text


def _algorithms(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or not set(names) <= set(ALGORITHMS):
        raise ValueError(f"say some of {', '.join(ALGORITHMS)}")
    return names


def _asking(*needed: str) -> AfterValidator:
    def check(text: str) -> str:
        if not set(needed) <= set(text.split()):
            raise ValueError(f"ask for {' and '.join(needed)} at least")
        return text

    return AfterValidator(check)


SafeAddress = Annotated[WebAddress, AfterValidator(safe)]
Scopes = Annotated[str, AfterValidator(_scopes)]
Algorithms = Annotated[tuple[str, ...], AfterValidator(_algorithms)]
# Without a dot, which parts the name of an issuer from that of its client.
ClientId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class WithKeys(_Part):
    """Somebody whose public keys are a JWKS: one of its address, its file, or itself."""

    jwks_url: SafeAddress | None = None
    jwks_file: Path | None = None
    jwks: Mapping[str, Any] | None = None

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if sum(one is not None for one in (self.jwks_url, self.jwks_file, self.jwks)) != 1:
            raise ValueError("say one of jwks_url, jwks_file and jwks")
        return self

    def keys(self, clock: Clock) -> Keys:
        """Its keys; raises KeysError and OSError."""
        if self.jwks_url:
            return WebKeys(self.jwks_url, clock)
        return FileKeys(self.jwks_file) if self.jwks_file else GivenKeys(self.jwks)


class Issuer(WithKeys):
    """An authorisation server whose access tokens are taken.

    `issuer` is the `iss` of its tokens; `audiences` are those of which a token names one, without any our own
    address of /fhir. `scopes` are the most that a token may bring; `clients`, if any, the only ones taken.
    `explicit_type`: only tokens that say in their header that they are access tokens (`at+jwt`, RFC 9068).
    `token_url` is told to clients where no client is registered with us. `source`: see Registered.
    """

    issuer: WebAddress
    tenant: Name = "default"
    source: Name | None = None
    audiences: tuple[str, ...] = ()
    scopes: Scopes = "system/*.cruds"
    clients: tuple[str, ...] = ()
    algorithms: Algorithms = ALGORITHMS
    explicit_type: bool = True
    token_url: SafeAddress | None = None


class Registered(WithKeys):
    """A system that gets its tokens from us; `scopes` are the most that it may ask for.

    `source`: the one, of several EHRs of the tenant, whose ids it speaks with (fhir/space.py).
    """

    tenant: Name = "default"
    source: Name | None = None
    scopes: Scopes


class Party(_Part):
    """Who we are to an authorisation server where people sign in: `client_id`, and one of two proofs of it.

    `key_file` is a private key as a JWK: an RSA key signs by RS384 unless its `alg` says otherwise, an EC key
    as its curve has it. `algorithms` are what ID tokens may be signed by.
    """

    client_id: str = Field(min_length=1, max_length=255)
    client_secret_file: Path | None = None
    key_file: Path | None = None
    algorithms: Algorithms = ALGORITHMS

    @model_validator(mode="after")
    def _has_proof(self) -> Self:
        named = [one for one in (self.client_secret_file, self.key_file) if one is not None]
        if len(named) != 1:
            raise ValueError("say either client_secret_file or key_file")
        if not named[0].is_file():
            raise ValueError(f"there is no file {named[0].name}")
        return self


class Roles(_Part):
    """Which claim of an ID token says what somebody is, and what its values mean here.

    `claim` is a name, or several with dots between them, the one inside the other.
    """

    claim: str = Field(min_length=1)
    map: Mapping[str, Role] = Field(min_length=1)


class People(Party):
    """The site's OpenID provider. `practitioner_claim` has the id of who acts: `sub`, `fhirUser` or another.

    `tenant_claim`, if said, has the tenant's name, and takes the place of `tenant`.
    """

    issuer: SafeAddress
    scopes: Annotated[str, _asking("openid")] = "openid"
    roles: Roles
    practitioner_claim: str = Field("sub", min_length=1)
    tenant: Name = "default"
    tenant_claim: str = ""


class Ehr(Party):
    """An EHR that people come from with a patient's chart open (SMART EHR launch).

    `url` is its FHIR server's address, the `iss` of a launch; `role` that of its practitioners; `source` the
    one whose ids it speaks with.
    """

    url: SafeAddress
    source: Name | None = None
    scopes: Annotated[str, _asking("launch", "openid", "fhirUser")] = "launch openid fhirUser"
    tenant: Name = "default"
    role: Role


class Lasting(_Part):
    """How long somebody stays signed in: without doing anything, and at the most."""

    idle: timedelta = Field(timedelta(minutes=30), gt=timedelta(minutes=2), le=timedelta(hours=12))
    most: timedelta = Field(timedelta(hours=12), gt=timedelta(minutes=2), le=timedelta(hours=24))


class Rate(_Part):
    """So many requests a second over time, and so many at once."""

    per_second: float = Field(gt=0, le=1_000_000)
    burst: int = Field(ge=1, le=1_000_000)


class Limits(_Part):
    """What one client, and all of one tenant together, may ask of one process of the API."""

    client: Rate = Rate(per_second=500, burst=5_000)
    tenant: Rate = Rate(per_second=1_000, burst=10_000)


class Access(_Part):
    """The whole file. `token_key_file` holds the key that signs our tokens; several are for its change."""

    kind: Literal["access"] = "access"
    token_key_file: Path | None = None
    issuers: Mapping[Name, Issuer] = {}
    clients: Mapping[ClientId, Registered] = {}
    people: People | None = None
    ehrs: Mapping[Name, Ehr] = {}
    sessions: Lasting = Lasting()
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        told = [one.issuer for one in self.issuers.values()]
        if len(set(told)) < len(told):
            raise ValueError("two issuers are the same")
        charts = [one.url.rstrip("/") for one in self.ehrs.values()]
        if len(set(charts)) < len(charts):
            raise ValueError("two ehrs are the same")
        if not self.clients and not any(one.token_url for one in self.issuers.values()):
            raise ValueError("register clients, or say the token_url of an issuer: who else gives tokens?")
        return self

    def spaces(self) -> Iterator[tuple[str, str]]:
        """Each place of the file that names a source, and the source."""
        for part in ("issuers", "clients", "ehrs"):
            for name, one in getattr(self, part).items():
                if one.source:
                    yield f"{part}.{name}", one.source


def read(path: Path) -> Access:
    """What a file says, with every path made absolute; raises AccessError."""
    try:
        text = path.read_text(encoding="utf-8")
        said = yaml.safe_load(text) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise AccessError(f"{path.name}: not a readable file of YAML") from None
    try:
        return Access.model_validate(placed(said, path.parent))
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors())
        raise AccessError("\n".join(f"{path.name}: {_plain(fault)}" for fault in faults)) from None


def keys_of(name: str, somebody: WithKeys, clock: Clock) -> Keys:
    """Their keys; raises AccessError that says whose cannot be used."""
    try:
        return somebody.keys(clock)
    except KeysError as error:
        raise AccessError(f"{name}: {error}") from None
    except OSError as error:
        raise AccessError(f"{name}: {error.strerror}: {Path(str(error.filename)).name}") from None


def _plain(fault: str) -> str:
    return re.sub(r"Value error, ", "", fault)
