"""The systems that we exchange data with, as one file (REFERRAL_SOURCES) says; unknown keys refused.

Secrets and keys are in files of their own, whose paths this file holds: relative ones begin at its folder.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from referral_service.fhir.space import Space

# By type, the parameters of each of its searches.
Queries = Mapping[str, tuple[tuple[tuple[str, str], ...], ...]]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
WebAddress = Annotated[str, Field(pattern=r"^https?://[^/\s]+[^\s?#]*$")]


# What the service says itself of a search.
_OURS: Final = frozenset({"patient", "subject", "identifier", "_id", "_lastUpdated", "_sort", "_count"})


def _query(text: str) -> str:
    if {name.partition(":")[0] for name, _ in parse_qsl(text)} & _OURS:
        raise ValueError("sets what the service sets itself")
    return text


# One search's parameters, besides those.
Query = Annotated[str, Field(pattern=r"^[^=&\s]+=[^&\s]+(&[^=&\s]+=[^&\s]+)*$"), AfterValidator(_query)]


class SourcesError(ValueError):
    """The file cannot be used; one line a fault, each naming its place and never a value."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Server(_Part):
    """A FHIR server. Without `client_id` it asks for no token; `origins`: further ones that it may lead to.

    `scope` is asked for with the token; "" for what the server gives by itself. `search`: what it demands of
    a search of a type besides the patient, one search for each.
    """

    url: WebAddress
    token_url: WebAddress | None = None
    client_id: str = ""
    key_file: Path | None = None
    scope: str = "system/*.rs"
    origins: tuple[WebAddress, ...] = ()
    search: Mapping[str, Annotated[tuple[Query, ...], Field(min_length=1)]] = {}

    @property
    def queries(self) -> Queries:
        """The same, each query as its parameters."""
        return {kind: tuple(tuple(parse_qsl(one)) for one in asked) for kind, asked in self.search.items()}


class Notifying(_Part):
    """Who may post to /notify/NAME: the secret that signs the body, or a bearer token; one of the two."""

    secret_file: Path | None = None
    bearer_file: Path | None = None

    @model_validator(mode="after")
    def _is_safe(self) -> "Notifying":
        if (self.secret_file is None) == (self.bearer_file is None):
            raise ValueError("say either secret_file or bearer_file")
        return self


class Polling(_Part):
    """What is asked for, how often (seconds), with at most `budget` requests a minute."""

    types: tuple[str, ...]
    every: timedelta = timedelta(minutes=15)
    overlap: timedelta = timedelta(minutes=5)
    budget: int = Field(60, ge=1)


class Exporting(_Part):
    """A bulk export: of a Group if one is named, else of every patient, or of the whole system."""

    group: str = ""
    level: Literal["patient", "system"] = "patient"
    types: tuple[str, ...] = ()


class Source(_Part):
    """One system that data comes from.

    `ids`: whether the resources keep theirs ("shared"), or are told apart from those of the tenant's other
    systems by the source's name ("own").
    """

    tenant: Name = "default"
    ids: Literal["shared", "own"] = "shared"
    fhir: Server | None = None
    notify: Notifying | None = None
    poll: Polling | None = None
    export: Exporting | None = None


class CdsClient(_Part):
    """An EHR that calls our decision support: the `iss` of its tokens, and where its keys are.

    `source`: the one of the sources that it is, if that keeps ids of its own.
    """

    issuer: str
    jwks_url: WebAddress | None = None
    jwks_file: Path | None = None
    tenant: Name = "default"
    source: Name | None = None
    origins: tuple[WebAddress, ...] = ()


class Sources(_Part):
    """The whole file."""

    kind: Literal["sources"] = "sources"
    sources: Mapping[Name, Source] = {}
    cds_clients: tuple[CdsClient, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> "Sources":
        for number, client in enumerate(self.cds_clients):
            if client.source and not self.space(client.source).name:
                raise ValueError(f"cds_clients.{number}.source: no source of that name keeps ids of its own")
        return self

    def at(self, address: str) -> tuple[str, Source] | None:
        """The source whose FHIR server has that address, and its name."""
        for name, source in self.sources.items():
            if source.fhir and source.fhir.url.rstrip("/") == address.rstrip("/"):
                return name, source
        return None

    def space(self, name: str) -> Space:
        """The id space of the source of that name; of one that is not there, or "", that of the tenant."""
        source = self.sources.get(name)
        return Space(name if source and source.ids == "own" else "")


def read(path: Path | None) -> Sources:
    """The sources of a file, with every path made absolute; none without a file. Raises SourcesError."""
    if path is None:
        return Sources()
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise SourcesError(f"{path.name}: not a readable file of YAML") from None
    try:
        return Sources.model_validate(placed(said, path.parent))
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors())
        raise SourcesError("\n".join(f"{path.name}: {fault}" for fault in faults)) from None


def placed(said: Any, folder: Path) -> Any:
    """The same, whose files are found from the file's own folder."""
    if isinstance(said, dict):
        return {
            name: str(folder.absolute() / one)
            if isinstance(one, str) and str(name).endswith("_file")
            else placed(one, folder)
            for name, one in said.items()
        }
    return [placed(one, folder) for one in said] if isinstance(said, list) else said
