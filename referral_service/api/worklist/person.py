"""Who a patient is, for people: name, birth date, identifier; from the Patient resource, if there is one."""

from typing import NamedTuple

import msgspec

# Which of several is told first; whatever has come to an end is told last.
_NAMES = ("official", "usual", "", "temp", "nickname", "anonymous", "maiden", "old")
_RECORD_NUMBER = "MR"
_LONGEST = 200  # nobody's name is longer, and a list has to be read


class Person(NamedTuple):
    """Texts; "" for what is not known. `id` is the Patient's logical id."""

    id: str
    name: str
    born: str = ""
    identifier: str = ""
    sex: str = ""


def person_of(body: bytes | None, id: str) -> Person:
    """Without a Patient resource its id stands for the name."""
    if not body:
        return Person(id, f"Patient/{id}")
    patient = _patient(body)
    name = _called(patient.name) or f"Patient/{id}"
    return Person(id, name, patient.birth_date, _numbered(patient.identifier), patient.gender)


class _Period(msgspec.Struct, frozen=True):
    end: str = ""


class _Coding(msgspec.Struct, frozen=True):
    code: str = ""


class _Type(msgspec.Struct, frozen=True):
    coding: tuple[_Coding, ...] = ()


class _Identifier(msgspec.Struct, frozen=True):
    use: str = ""
    value: str = ""
    type: _Type = _Type()
    period: _Period = _Period()


class _Name(msgspec.Struct, frozen=True):
    """A given name that is only an extension is null."""

    use: str = ""
    period: _Period = _Period()
    text: str = ""
    given: tuple[str | None, ...] = ()
    family: str = ""


class _Patient(msgspec.Struct, frozen=True, rename="camel"):
    identifier: tuple[_Identifier, ...] = ()
    name: tuple[_Name, ...] = ()
    birth_date: str = ""
    gender: str = ""


_patient = msgspec.json.Decoder(_Patient).decode


def _called(names: tuple[_Name, ...]) -> str:
    """The official name, else the usual one, else any; a former one where there is no other."""

    def rank(one: _Name) -> tuple[bool, int]:
        place = _NAMES.index(one.use) if one.use in _NAMES else len(_NAMES)
        return bool(one.period.end) or one.use in ("maiden", "old"), place

    said = (
        one.text or " ".join([part for part in (*one.given, one.family) if part])
        for one in (sorted(names, key=rank) if len(names) > 1 else names)
    )
    return next((_short(one) for one in said if _is_seen(one)), "")


def _numbered(identifiers: tuple[_Identifier, ...]) -> str:
    """The record number, else any; a former one where there is no other."""

    def rank(one: _Identifier) -> tuple[bool, bool]:
        codes = [it.code for it in one.type.coding]
        return bool(one.period.end) or one.use == "old", _RECORD_NUMBER not in codes

    ranked = sorted(identifiers, key=rank) if len(identifiers) > 1 else identifiers
    return next((_short(one.value) for one in ranked if _is_seen(one.value)), "")


def _is_seen(said: str) -> bool:
    """Whether anything of it shows: FHIR takes a text of marks without width."""
    return any(it.isprintable() and not it.isspace() for it in said)


def _short(said: str) -> str:
    """In one line."""
    line = said.strip() if said.isprintable() else " ".join(said.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
