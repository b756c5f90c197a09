"""A story of the sample clinic, or of a test, as the FHIR R4 resources an EHR would hold about its patient.

A story is a mapping as YAML reads it: `id`, `given` (lines, each of one kind of `items.KINDS`) and a few keys
about the patient. Days are counted from `as_of`. Nothing here is random: the same story and the same day give
the same resources.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from referral_service.clinic.days import written
from referral_service.clinic.item import Item
from referral_service.clinic.items import KINDS, TYPES, Resource

_KEYS = {"id", "title", "as_of", "name", "mrn", "gender", "born", "died", "given", "expect", "send"}
_USUAL_BIRTH = "1975-06-15"
# The system of medical record numbers in HL7's own examples.
_RECORD_NUMBERS = "urn:oid:2.16.840.1.113883.19.5"
_FHIR_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")
# The element that says whose a resource is, where it is not `subject`.
_OF_PATIENT = {"AllergyIntolerance": "patient", "Consent": "patient", "Coverage": "beneficiary"}
_OF_NOBODY = {"Patient", "Organization", "Practitioner", "PractitionerRole", "Location"}


def build(story: Mapping[str, Any], as_of: date) -> list[Resource]:
    """All resources of one story, the Patient first; ids are "<story id>-<n>", or "-<id>" of a line's own.

    Raises ValueError, naming the story, for a key or a value that the notation does not know.
    """
    try:
        return [_bare(resource) for resource in _resources(story, as_of)]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"story {story.get('id', '(without an id)')}: {error}") from error


def _resources(story: Mapping[str, Any], as_of: date) -> Iterator[Resource]:
    if unknown := set(story) - _KEYS:
        raise ValueError(f"unknown key {', '.join(map(repr, sorted(unknown)))}")
    yield _patient(story, as_of)
    lines = story.get("given") or []
    references = {line["id"]: _reference(story, line) for line in lines if "id" in line}
    number = 0
    for place, line in enumerate(lines, 1):
        try:
            made = _read_line(line, Item(line, as_of, references))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"line {place} ({', '.join(map(str, line))}): {error}") from error
        for nth, resource in enumerate(made, 1):
            number += 1
            own = line.get("id")
            suffix = number if own is None else own if len(made) == 1 else f"{own}-{nth}"
            yield _owned(resource, str(story["id"]), f"{story['id']}-{suffix}")


def _patient(story: Mapping[str, Any], as_of: date) -> Resource:
    born, died = story.get("born", _USUAL_BIRTH), story.get("died")
    given, _, family = story.get("name", "").rpartition(" ")
    return {
        "resourceType": "Patient",
        "id": _checked_id(str(story["id"])),
        "identifier": [_record_number(story["mrn"])] if "mrn" in story else None,
        "name": [{"family": family, "given": [given]}] if given else None,
        "gender": story.get("gender"),
        "birthDate": None if born is None else written(born, as_of),
        "deceasedBoolean": died if isinstance(died, bool) else None,
        "deceasedDateTime": None if died is None or isinstance(died, bool) else written(died, as_of),
    }


def _record_number(number: str) -> Resource:
    kind = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}
    return {"type": {"coding": [kind]}, "system": _RECORD_NUMBERS, "value": str(number)}


def _read_line(line: Mapping[str, Any], item: Item) -> list[Resource]:
    kinds = [kind for kind in KINDS if kind in line]
    if len(kinds) > 1:
        raise ValueError(f"more than one kind: {', '.join(kinds)}")
    if not kinds:
        raise ValueError(f"no kind (known: {', '.join(KINDS)})")
    item.take("id")
    known = item.instant("known")
    made = KINDS[kinds[0]](item)
    item.close()
    return [_known(resource, known) for resource in made] if known else made


def _known(resource: Resource, at: str) -> Resource:
    return resource | {"meta": resource.get("meta", {}) | {"lastUpdated": at}}


def _reference(story: Mapping[str, Any], line: Mapping[str, Any]) -> str:
    given = line.get("resource", {})
    kind = next((TYPES[kind] for kind in TYPES if kind in line), given.get("resourceType"))
    kind = "MedicationStatement" if line.get("statement") else kind
    own = given.get("id", f"{story['id']}-{line['id']}")
    return f"{kind}/{own}"


def _owned(resource: Resource, patient: str, resource_id: str) -> Resource:
    """The resource with its id, and with its patient where its type has one; what it has is left as it is."""
    type_ = resource["resourceType"]
    owner = {_OF_PATIENT.get(type_, "subject"): {"reference": f"Patient/{patient}"}}
    named = {"resourceType": type_, "id": resource_id} | ({} if type_ in _OF_NOBODY else owner) | resource
    _checked_id(named["id"])
    return named


def _checked_id(resource_id: str) -> str:
    if _FHIR_ID.fullmatch(resource_id) is None:
        raise ValueError(f"{resource_id!r} is no FHIR id (letters, digits, - and ., at most 64)")
    return resource_id


def _bare(value: Any) -> Any:
    """The value as plain JSON: without elements that are None, and with YAML's own dates written out."""
    if isinstance(value, dict):
        return {key: _bare(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_bare(part) for part in value]
    return written(value, date.min) if isinstance(value, date | datetime) else value
