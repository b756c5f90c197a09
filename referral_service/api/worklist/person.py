"""Who a patient is, for people: name, birth date, identifier; from the Patient resource, if there is one."""

from typing import NamedTuple

import msgspec

_NAMES = ("official", "usual")


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
    identifier = next((one.value for one in patient.identifier if one.value), "")
    return Person(
        id, _called(patient.name) or f"Patient/{id}", patient.birth_date, identifier, patient.gender
    )


class _Identifier(msgspec.Struct, frozen=True):
    value: str = ""


class _Name(msgspec.Struct, frozen=True):
    """A given name that is only an extension is null."""

    use: str = ""
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
    """The official name, else the usual one, else any."""
    for one in sorted(names, key=lambda it: _NAMES.index(it.use) if it.use in _NAMES else len(_NAMES)):
        said = one.text or " ".join(part for part in (*one.given, one.family) if part)
        if said.strip():
            return said.strip()
    return ""
