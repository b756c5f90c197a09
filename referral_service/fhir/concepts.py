"""Turns codes into the pathway's concepts, by the ValueSets of fhir_profiles and those of a site."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from referral_service.core.timeline import Meaning
from referral_service.fhir.codes import ICD_10_CM, icd_10_cm, system_name
from referral_service.fhir.valueset_file import TerminologyError, ValueSetFile, read

__all__ = ["Concept", "Meaning", "Terminology", "TerminologyError"]

_LONGEST_ICD_10_CM = len("M51.360A")
_SHORTEST_PREFIX = 3
# ICD-10-CM's chapters on muscles, bones and injuries: each of their codes is of some body part.
_BODY_PART_CHAPTERS = ("M", "S", "T")


class Concept(msgspec.Struct, frozen=True):
    """One concept, the urls of its ValueSets and the number of its codes (0: its rules never fire)."""

    name: str
    title: str
    role: str
    step: int | None
    value_sets: tuple[str, ...] = ()
    codes: int = 0


class Terminology:
    """All concepts and codes of one service; never changes once loaded."""

    def __init__(self, concepts: Mapping[str, Concept], meanings: Mapping[tuple[str, str], Meaning]) -> None:
        """Use `load`."""
        self._concepts = MappingProxyType(dict(concepts))
        self._meanings = dict(meanings)
        # Keys are at most 8 characters long, so what senders invent cannot fill the memory.
        self._icd_10_cm_meaning = lru_cache(maxsize=16_384)(self._longest_prefix)

    @classmethod
    def load(cls, *folders: Path) -> "Terminology":
        """Every ValueSet below the folders; a later folder may add codes and concepts, never change any.

        Raises TerminologyError, which names file, line and key, for a folder that is not there, a file that
        cannot be used, a concept without a role, and a code with two meanings.
        """
        named = _named(file for folder in folders for path in _json_files(folder) if (file := read(path)))
        concepts = _defined(named)
        meanings = _meanings(named, concepts)
        return cls(_counted(named, concepts, meanings), meanings)

    def meaning(self, system: str, code: str) -> Meaning | None:
        """What a code stands for, or None; ICD-10-CM by its longest known prefix, other systems exactly."""
        name = system_name(system)
        if name != ICD_10_CM:
            return self._meanings.get((name, code))
        return self._icd_10_cm_meaning(code) if len(code) <= _LONGEST_ICD_10_CM else None

    def meanings(self, codeable_concept: Mapping[str, Any] | None) -> tuple[Meaning, ...]:
        """The distinct meanings of all codings of a CodeableConcept, in the order of its codings."""
        found = []
        for coding in (codeable_concept or {}).get("coding") or ():
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str):
                found.append(self.meaning(system, code))
        return tuple(dict.fromkeys(meaning for meaning in found if meaning is not None))

    def is_body_part_code(self, system: str, code: str) -> bool:
        """Whether this is an ICD-10-CM code of a muscle, bone or injury that no concept holds: elsewhere."""
        if system_name(system) != ICD_10_CM:
            return False
        compared = icd_10_cm(code)
        return (
            compared is not None
            and compared.startswith(_BODY_PART_CHAPTERS)
            and self.meaning(system, code) is None
        )

    @property
    def digest(self) -> str:
        """The same for the same codes with the same meanings, in every process."""
        return sha256(msgspec.json.encode(sorted(self._meanings.items()))).hexdigest()

    def codes(self, *words: str) -> list[tuple[str, str]]:
        """System and code of all with one of these roles or concepts, sorted; ICD-10-CM without its dot."""
        return sorted(
            key for key, meaning in self._meanings.items() if {meaning.role, meaning.concept} & {*words}
        )

    def concepts(self) -> Mapping[str, Concept]:
        """Every concept by its name, those without a code too."""
        return self._concepts

    def _longest_prefix(self, code: str) -> Meaning | None:
        compared = icd_10_cm(code) or ""
        for length in range(len(compared), _SHORTEST_PREFIX - 1, -1):
            if meaning := self._meanings.get((ICD_10_CM, compared[:length])):
                return meaning
        return None


def _json_files(folder: Path) -> Iterable[Path]:
    if not folder.is_dir():
        raise TerminologyError(f"{folder}: no such folder")
    # A folder before its subfolders, so that a concept has the title of its main ValueSet.
    return sorted(folder.rglob("*.json"), key=lambda path: (len(path.parts), path))


def _named(files: Iterable[ValueSetFile]) -> list[tuple[str, ValueSetFile]]:
    """Each file with its concept: the one it names, else the one that another file gives its url."""
    files = list(files)
    by_url: dict[str, str] = {}
    for file in files:
        if file.concept and by_url.setdefault(file.url, file.concept) != file.concept:
            raise file.error(file.url, f"is the concept {by_url[file.url]} already")
    named = []
    for file in files:
        concept = file.concept or by_url.get(file.url)
        if concept is None:
            raise file.error(file.url, "names no concept; the extension concept-name is missing")
        named.append((concept, file))
    return named


def _defined(named: list[tuple[str, ValueSetFile]]) -> dict[str, Concept]:
    """Each concept as the first file with a role defines it; any other may only repeat its role and step."""
    concepts: dict[str, Concept] = {}
    for name, file in named:
        if file.role:
            concepts.setdefault(name, Concept(name, file.title, file.role, file.step))
    for name, file in named:
        concept = concepts.get(name)
        if concept is None:
            raise file.error(
                file.url, f"the concept {name} has no role; the extension concept-role is missing"
            )
        if file.role not in (None, concept.role) or file.step not in (None, concept.step):
            raise file.error(file.url, f"the concept {name} has another role or step already")
    return concepts


def _meanings(
    named: list[tuple[str, ValueSetFile]], concepts: Mapping[str, Concept]
) -> dict[tuple[str, str], Meaning]:
    meanings: dict[tuple[str, str], Meaning] = {}
    for name, file in named:
        concept = concepts[name]
        for listed in file.codes:
            meaning = Meaning(name, listed.region, concept.role, concept.step, listed.detail)
            standing = meanings.setdefault((listed.system, listed.code), meaning)
            if standing != meaning:
                both = f"{_said(meaning)} here and {_said(standing)} elsewhere"
                raise file.error(listed.written, f"{listed.system} {listed.code} is {both}")
    return meanings


def _said(meaning: Meaning) -> str:
    return " ".join(filter(None, (meaning.concept, meaning.region, meaning.detail)))


def _counted(
    named: list[tuple[str, ValueSetFile]],
    concepts: Mapping[str, Concept],
    meanings: Mapping[tuple[str, str], Meaning],
) -> dict[str, Concept]:
    counts = Counter(meaning.concept for meaning in meanings.values())
    urls: dict[str, dict[str, None]] = {name: {} for name in concepts}
    for name, file in named:
        urls[name][file.url] = None
    return {
        name: msgspec.structs.replace(concept, value_sets=tuple(urls[name]), codes=counts[name])
        for name, concept in concepts.items()
    }
