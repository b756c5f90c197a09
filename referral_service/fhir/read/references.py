"""References: the logical id they name, what is contained, and the patient a resource belongs to."""

import re
from typing import Any

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_PATIENT_ELEMENTS = ("subject", "patient", "beneficiary", "for")


def id_of(reference: dict[str, Any] | None, kind: str) -> str | None:
    """The logical id in a reference to a resource of type `kind`, relative or absolute, versioned or not."""
    parts = (reference or {}).get("reference", "").split("/")
    if parts[-2:-1] == ["_history"]:
        parts = parts[:-2]
    if parts[-2:-1] != [kind] or not _ID.fullmatch(parts[-1]):
        return None
    return str(parts[-1])


def contained(resource: dict[str, Any], reference: dict[str, Any] | None, kind: str) -> dict[str, Any] | None:
    """The contained resource of type `kind` that a reference "#id" points at."""
    target = (reference or {}).get("reference", "")
    if not target.startswith("#"):
        return None
    inside: list[dict[str, Any]] = resource.get("contained", [])
    return next((it for it in inside if it.get("id") == target[1:] and it.get("resourceType") == kind), None)


def patient_of(resource: dict[str, Any]) -> str | None:
    """The logical id of the patient that a resource belongs to; a Patient belongs to itself."""
    if resource["resourceType"] == "Patient":
        return resource.get("id")
    for element in _PATIENT_ELEMENTS:
        reference = resource.get(element)
        if isinstance(reference, dict) and (found := id_of(reference, "Patient")):
            return found
    return None
