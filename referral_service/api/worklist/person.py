"""Who a patient is, for people: name, birth date, identifier; from the Patient resource, if there is one."""

from typing import Any, NamedTuple

import msgspec

Json = dict[str, Any]
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
    resource: Json = msgspec.json.decode(body)
    identifiers = [one["value"] for one in resource.get("identifier", ()) if "value" in one]
    return Person(
        id,
        _name(resource) or f"Patient/{id}",
        resource.get("birthDate", ""),
        identifiers[0] if identifiers else "",
        resource.get("gender", ""),
    )


def _name(resource: Json) -> str:
    """The official name, else the usual one, else any."""
    names = sorted(
        resource.get("name", ()),
        key=lambda one: _NAMES.index(one["use"]) if one.get("use") in _NAMES else len(_NAMES),
    )
    for one in names:
        said = one.get("text") or " ".join([*one.get("given", ()), one.get("family", "")])
        if said.strip():
            return str(said).strip()
    return ""
