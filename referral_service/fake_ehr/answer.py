"""What is asked of the EHR and what it answers, without HTTP's details; and how it refuses."""

from collections.abc import Mapping, Sequence
from email.utils import format_datetime
from typing import Any, Final

import msgspec

from referral_service.core.problem import Issue
from referral_service.fake_ehr.store import Version
from referral_service.fhir.outcome import outcome

Json = dict[str, Any]
FHIR_JSON: Final = "application/fhir+json"


class Flaws(msgspec.Struct, frozen=True, kw_only=True):
    """What the server does wrong while it works on one request; see `faults`."""

    stale_seconds: float = 0.0  # a search does not see what was written in these last seconds
    racy_seconds: float = 0.0  # nor does the search of a conditional write
    is_double: bool = False  # a transaction's resources are stored twice
    is_order_dropped: bool = False  # identifiers are lost


FLAWLESS: Final = Flaws()


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `path` has the parts of its address by name, `base` is the address of the FHIR server.

    `headers` are found by their names in small letters.
    """

    method: str
    base: str
    path: Mapping[str, str] = {}
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = {}
    body: bytes = b""
    flaws: Flaws = FLAWLESS

    def prefers(self, wish: str) -> bool:
        """Whether Prefer asks for it, such as "return=minimal"."""
        return wish in {part.strip() for part in self.headers.get("prefer", "").replace(";", ",").split(",")}

    @property
    def url(self) -> str:
        """Base, type and id, as far as the address has them: what links are made of."""
        return "/".join([self.base, *(self.path[part] for part in ("type", "id") if part in self.path)])


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: a resource, or `content` of another media type, or neither."""

    status: int = 200
    resource: Json | None = None
    headers: Mapping[str, str] = {}
    content: bytes = b""
    media_type: str = FHIR_JSON


class Refused(Exception):
    """The EHR does not do it: an HTTP status and the issues why, which hold no value that was sent."""

    def __init__(self, status: int, code: str, sentence: str, issues: Sequence[Issue] = ()) -> None:
        """`issues` stand for the one of `code` and `sentence` where there are several."""
        super().__init__(sentence)
        self.status = status
        self.issues = issues or (Issue(code, sentence),)

    @property
    def answer(self) -> Answer:
        """An OperationOutcome."""
        return Answer(status=self.status, resource=outcome(self.issues))


def written(version: Version, ask: Ask, status: int) -> Answer:
    """The answer to a write: the resource as it is now, unless the client prefers less."""
    headers = {**dated(version), "Location": f"{ask.base}/{version.address}"}
    if ask.prefers("return=minimal"):
        return Answer(status=status, headers=headers)
    return Answer(status=status, resource=version.resource, headers=headers)


def dated(version: Version) -> dict[str, str]:
    """The headers that name a version."""
    return {"ETag": version.etag, "Last-Modified": format_datetime(version.at, usegmt=True)}
