"""What the service publishes of itself: its conformance resources, in memory, as they stood at its start."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from referral_service.fhir.codes import CANONICAL_BASE
from referral_service.fhir.concepts import TerminologyError
from referral_service.fhir.parse import Unreadable, dump, parse
from referral_service.fhir.search.reference import is_id

Json = dict[str, Any]
# Written in files; the PlanDefinition is made from the policy in force, SearchParameters from their table.
IN_FILES: Final = frozenset({"ValueSet", "StructureDefinition", "CodeSystem", "OperationDefinition"})
_TOLD = ("url", "name", "version", "status", "date", "kind", "type", "derivation")
_NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9\-.]+")
_LONGEST_ID = 64
# So many hexadecimal digits of the digest make the version: a number that a database of ours could hold too.
_DIGITS = 12


class Draft(NamedTuple):
    """A resource that is to be published, and when it was last changed."""

    resource: Json
    updated_at: datetime


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """One published resource. `version` changes with the content alone, whichever process serves it.

    `told` are those of its elements that it is looked up by; `tokens`, as system and code, the same for what
    it may have several of.
    """

    type: str
    id: str
    version: int
    updated_at: datetime
    body: bytes
    told: Mapping[str, str]
    tokens: Mapping[str, frozenset[tuple[str, str]]]


class Published:
    """Every published resource; never changes."""

    def __init__(self, drafts: Iterable[Draft]) -> None:
        """A draft whose id is missing or taken gets one made from its url."""
        found: dict[str, dict[str, Definition]] = {}
        for draft in drafts:
            of_type = found.setdefault(draft.resource["resourceType"], {})
            definition = _definition(draft, _identity(draft.resource, of_type))
            of_type[definition.id] = definition
        self._found = found

    @property
    def types(self) -> frozenset[str]:
        """The types of which there is any."""
        return frozenset(self._found)

    def of(self, type: str) -> Sequence[Definition]:
        """All of one type."""
        return tuple(self._found.get(type, {}).values())

    def read(self, type: str, id: str) -> Definition | None:
        """The one with this id."""
        return self._found.get(type, {}).get(id)

    def profiles(self, type: str) -> list[str]:
        """The canonicals of our profiles on a resource type that are in use."""
        return sorted(
            one.told["url"]
            for one in self.of("StructureDefinition")
            if (one.told.get("kind"), one.told.get("derivation"), one.told.get("type"))
            == ("resource", "constraint", type)
            and one.told.get("status") == "active"
        )


def rebased(text: str, canonical_base: str) -> str:
    """A text with our canonical names moved below `canonical_base`."""
    return text.replace(f"{CANONICAL_BASE}/", f"{canonical_base}/")


def drafts(folder: Path, canonical_base: str, types: frozenset[str] = IN_FILES) -> Iterator[Draft]:
    """The resources of these types in the files below a folder; raises TerminologyError with the file."""
    escaped = orjson.dumps(canonical_base).decode()[1:-1]
    for path in sorted(folder.rglob("*.json")):
        try:
            resource = parse(rebased(path.read_text(encoding="utf-8"), escaped).encode())
        except Unreadable as error:
            raise TerminologyError(f"{path}: {error.issues[0].diagnostics}") from error
        if resource["resourceType"] in types:
            yield Draft(resource, changed_at(path))


def changed_at(path: Path) -> datetime:
    """When a file was last written, UTC, whole seconds."""
    return datetime.fromtimestamp(int(path.stat().st_mtime), UTC)


def _definition(draft: Draft, identity: str) -> Definition:
    resource = {"resourceType": draft.resource["resourceType"], "id": identity}
    body = dump(resource | {name: value for name, value in draft.resource.items() if name not in resource})
    told = {name: value for name in _TOLD if isinstance(value := draft.resource.get(name), str)}
    return Definition(
        type=resource["resourceType"],
        id=identity,
        version=int(sha256(body).hexdigest()[:_DIGITS], 16),
        updated_at=draft.updated_at,
        body=body,
        told=MappingProxyType(told),
        tokens=MappingProxyType(
            {
                "identifier": frozenset(_identifiers(draft.resource)),
                "code": frozenset(_codes(draft.resource)),
                "base": frozenset(("", one) for one in _texts(draft.resource.get("base"))),
            }
        ),
    )


def _identifiers(resource: Json) -> Iterator[tuple[str, str]]:
    for one in _objects(resource.get("identifier")):
        yield one.get("system", ""), one.get("value", "")


def _codes(resource: Json) -> Iterator[tuple[str, str]]:
    """Its own code, or those of its concepts, nested ones too."""
    yield from (("", one) for one in _texts([resource.get("code")]))
    for include in _objects(resource.get("compose", {}).get("include")):
        yield from _concepts(include.get("system", ""), include)
    yield from _concepts(resource.get("url", ""), resource)


def _concepts(system: str, of: Json) -> Iterator[tuple[str, str]]:
    for concept in _objects(of.get("concept")):
        yield system, concept.get("code", "")
        yield from _concepts(system, concept)


def _objects(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _identity(resource: Json, taken: Mapping[str, Definition]) -> str:
    """The resource's own id, else one made from the end of its url; numbered where that is taken."""
    own = resource.get("id")
    if not isinstance(own, str) or not is_id(own):
        last = str(resource.get("url", "")).rstrip("/").rpartition("/")[2]
        own = _NOT_OF_AN_ID.sub("-", last).strip("-")[-_LONGEST_ID:] or "unnamed"
    free, number = own, 1
    while free in taken:
        number += 1
        free = f"{own[: _LONGEST_ID - 4]}-{number}"
    return free
