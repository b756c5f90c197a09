"""One ValueSet file, read strictly: what it cannot use it refuses, with the file, the line and the key."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from referral_service.fhir.codes import CANONICAL_BASE, ICD_10_CM, icd_10_cm, system_name

_EXTENSIONS = f"{CANONICAL_BASE}/StructureDefinition/"
_REGIONS = {
    "cervical": "cervical",
    "thoracic": "thoracic",
    "thoracolumbar": "lumbar",
    "lumbar": "lumbar",
    "lumbosacral": "lumbar",
    "sacral": "lumbar",
    "multi": "multi",
    "unspecified": None,
}
# A product is an example of its class: to the pathway it is no different from its ingredient.
_DETAILS = {name: name for name in ("small", "large", "leg-only", "vertebrogenic", "chronic")} | {
    "product": None
}
# Codes of kyphosis and scoliosis name a curve, not the region that hurts.
_WITHOUT_REGION = ("M40", "M41")
_WORD = re.compile(r"[a-z][a-z0-9_]*")


class TerminologyError(ValueError):
    """A terminology file that cannot be used; its text names the file, the line and the key."""


class _Extension(msgspec.Struct, rename="camel"):
    """R4 Extension, as far as ours go."""

    url: str
    value_code: str | None = None
    value_integer: int | None = None


class _Element(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    id: str | None = None
    extension: list[_Extension] = []


class _Code(_Element, rename="camel", forbid_unknown_fields=True, kw_only=True):
    code: str
    display: str | None = None
    designation: list[dict[str, Any]] = []


class _Include(_Element, rename="camel", forbid_unknown_fields=True, kw_only=True):
    system: str
    version: str | None = None
    concept: list[_Code]


class _Compose(_Element, rename="camel", forbid_unknown_fields=True, kw_only=True):
    locked_date: str | None = None
    inactive: bool | None = None
    include: list[_Include]


class _ValueSet(_Element, rename="camel", forbid_unknown_fields=True, kw_only=True):
    resource_type: str
    url: str
    status: str
    compose: _Compose | None = None
    meta: dict[str, Any] | None = None
    language: str | None = None
    text: dict[str, Any] | None = None
    contained: list[dict[str, Any]] = []
    identifier: list[dict[str, Any]] = []
    version: str | None = None
    name: str | None = None
    title: str | None = None
    experimental: bool | None = None
    date: str | None = None
    publisher: str | None = None
    contact: list[dict[str, Any]] = []
    description: str | None = None
    use_context: list[dict[str, Any]] = []
    jurisdiction: list[dict[str, Any]] = []
    immutable: bool | None = None
    purpose: str | None = None
    copyright: str | None = None


class _Kind(msgspec.Struct, rename="camel"):
    resource_type: str


class ListedCode(msgspec.Struct, frozen=True):
    """One code: its system by our name, as compared, as written, and the region and detail it adds."""

    system: str
    code: str
    written: str
    region: str | None
    detail: str | None


class ValueSetFile:
    """What one file says; `concept`, `role` and `step` are None where it leaves them to another file."""

    def __init__(self, path: Path, raw: bytes) -> None:
        """Reads the bytes of a ValueSet; raises TerminologyError."""
        self.path = path
        self._raw = raw
        valueset = self._decoded()
        self.url = valueset.url
        self.title = valueset.title or valueset.name or valueset.url
        if valueset.status != "active":
            raise self.error("status", "only an active ValueSet is loaded")
        ours = self._ours(valueset.extension, ("concept-name", "concept-role", "concept-step"))
        self.concept = self._word(ours.get("concept-name"))
        self.role = self._word(ours.get("concept-role"))
        self.step = self._step(ours.get("concept-step"))
        parts = valueset.compose.include if valueset.compose else []
        self.codes = tuple(self._listed(part.system, code) for part in parts for code in part.concept)

    def error(self, key: str, problem: str) -> TerminologyError:
        """An error at the last line that holds `key`, be it a name or a value."""
        place = self._raw.rfind(f'"{key}"'.encode())
        return TerminologyError(f"{self.path}:{_line(self._raw, place)}: {key}: {problem}")

    def _decoded(self) -> _ValueSet:
        try:
            return msgspec.json.decode(self._raw, type=_ValueSet)
        except msgspec.ValidationError as error:
            named = re.search(r"field `(\w+)`|\.(\w+)`$", str(error))
            raise self.error((named[1] or named[2]) if named else "ValueSet", str(error)) from None

    def _ours(self, extensions: list[_Extension], known: tuple[str, ...]) -> dict[str, _Extension]:
        ours: dict[str, _Extension] = {}
        for extension in extensions:
            name = extension.url.removeprefix(_EXTENSIONS)
            if name == extension.url:
                continue
            if name not in known or name in ours:
                raise self.error(extension.url, f"unknown here, or given twice (known: {', '.join(known)})")
            ours[name] = extension
        return ours

    def _word(self, extension: _Extension | None) -> str | None:
        if extension is None:
            return None
        word = extension.value_code
        if word is None or _WORD.fullmatch(word) is None:
            raise self.error(extension.url, "needs a valueCode of small letters, digits and underscores")
        return word

    def _step(self, extension: _Extension | None) -> int | None:
        if extension is not None and extension.value_integer not in (1, 2, 3, 4, 5):
            raise self.error(extension.url, "needs a valueInteger from 1 to 5")
        return extension.value_integer if extension else None

    def _listed(self, system: str, listed: _Code) -> ListedCode:
        if not system or system != system.strip():
            raise self.error("system", "a system is a URI without white space around it")
        system = system_name(system)
        code = icd_10_cm(listed.code) if system == ICD_10_CM else listed.code
        if not code or code != code.strip():
            raise self.error(listed.code, f"no code of {system}")
        ours = self._ours(listed.extension, ("code-region", "code-detail"))
        region = self._choice(listed.code, ours.get("code-region"), _REGIONS)
        detail = self._choice(listed.code, ours.get("code-detail"), _DETAILS)
        if region and system == ICD_10_CM and code.startswith(_WITHOUT_REGION):
            raise self.error(listed.code, "M40 and M41 never name a region")
        return ListedCode(system, code, listed.code, region, detail)

    def _choice(
        self, code: str, extension: _Extension | None, choices: Mapping[str, str | None]
    ) -> str | None:
        if extension is None:
            return None
        choice = extension.value_code or ""
        if choice not in choices:
            raise self.error(code, f"{extension.url} needs a valueCode of {', '.join(choices)}")
        return choices[choice]


def read(path: Path) -> ValueSetFile | None:
    """The ValueSet of a file, or None if it holds another type of resource; raises TerminologyError."""
    raw = path.read_bytes()
    try:
        kind = msgspec.json.decode(raw, type=_Kind).resource_type
    except msgspec.DecodeError as error:
        byte = re.search(r"byte (\d+)", str(error))
        raise TerminologyError(f"{path}:{_line(raw, int(byte[1]) if byte else 0)}: {error}") from None
    return ValueSetFile(path, raw) if kind == "ValueSet" else None


def _line(raw: bytes, place: int) -> int:
    return raw.count(b"\n", 0, max(place, 0)) + 1
