"""One-fault mutants of the valid resources: how they are made, and those that break FHIR's JSON."""

from copy import deepcopy
from typing import Any, Final, NamedTuple

from tests.fhir.more_bases import BASES

DROP: Final = object()


class Mutant(NamedTuple):
    """A base, the element that is changed and its new value (DROP: none), the issue due, and R4's rule."""

    base: str
    path: str
    value: Any
    code: str
    expression: str
    rule: str

    @property
    def name(self) -> str:
        """Names the fault in the test's output."""
        shown = "gone" if self.value is DROP else ascii(self.value)[:120]
        return f"{self.base}.{self.path}={shown}"

    def made(self) -> dict[str, Any]:
        """The resource with the fault."""
        resource = deepcopy(BASES[self.base])
        *parents, last = [int(step) if step.isdigit() else step for step in self.path.split(".")]
        place: Any = resource
        for step in parents:
            place = place[step]
        if self.value is DROP:
            del place[last]
        elif isinstance(place, list) and last == len(place):
            place.append(self.value)
        else:
            place[last] = self.value
        return resource


def fhir_path(base: str, path: str) -> str:
    """The FHIRPath of a dotted JSON path below a base."""
    steps = [f"[{step}]" if step.isdigit() else "." + step.removeprefix("_") for step in path.split(".")]
    return BASES[base]["resourceType"] + "".join(steps)


def rows(code: str, rule: str, *faults: tuple[Any, ...]) -> list[Mutant]:
    """Mutants of one rule and code: (base, path, value), and the issue's FHIRPath where it is another."""
    return [
        Mutant(base, path, value, code, at[0] if at else fhir_path(base, path), rule)
        for base, path, value, *at in faults
    ]


EXTENDED: Final = {"extension": [{"url": "http://a.example", "valueCode": "x"}]}
JSON: Final = [
    *rows(
        "structure",
        "json.html: null stands only in arrays of primitives, to hold a place",
        ("condition", "recordedDate", None),
        ("condition", "code", None),
        ("condition", "category", None),
        ("condition", "contained", None),
        ("person", "photo.0.data", None),
        ("condition", "code.coding.0.system", None),
        ("person", "name.0.given.1", None),
        ("condition", "category.0", None),
        ("person", "active", None),
        ("person", "telecom.0.rank", None),
        ("place", "position.longitude", None),
        ("order", "instantiatesCanonical.0", None),
        ("person", "_birthDate", None),
    ),
    *rows(
        "structure",
        "json.html: objects are never empty",
        ("condition", "code", {}),
        ("condition", "note.0", {}),
        ("condition", "clinicalStatus.coding.0", {}),
        ("person", "_birthDate", {}),
        ("condition", "extension.0", {}),
        ("condition", "subject", {}),
    ),
    *rows(
        "structure",
        "json.html: arrays are never empty",
        ("condition", "category", []),
        ("condition", "extension", []),
        ("person", "name.0.given", []),
        ("transaction", "entry", []),
        ("condition", "contained", []),
        ("person", "name.0._given", []),
    ),
    *rows(
        "structure",
        "json.html: an element that may repeat is an array, one that may not is none",
        ("condition", "category", {"text": "a"}),
        ("condition", "code", [{"text": "a"}]),
        ("condition", "recordedDate", ["2024-01-01"]),
        ("person", "name.0.given", "Peter"),
        ("transaction", "entry", {}),
        ("person", "name.0._given", {"extension": [{"url": "http://a.example", "valueCode": "x"}]}),
    ),
    *rows(
        "structure",
        "json.html: an object where an object is due",
        ("condition", "code", "M54.16"),
        ("condition", "subject", "Patient/p-1"),
        ("condition", "clinicalStatus.coding.0", "active"),
        ("person", "contact.0", 1),
        ("transaction", "entry.0", "Patient"),
        ("transaction", "entry.0.resource", "Patient"),
        ("person", "_birthDate", "x"),
    ),
    *rows(
        "structure",
        "json.html: numbers, booleans and strings have their own JSON types",
        ("observation", "valueQuantity.value", "42"),
        ("observation", "component.0.valueInteger", "7"),
        ("person", "active", "true"),
        ("person", "active", 1),
        ("person", "telecom.0.rank", "1"),
        ("person", "birthDate", 1974),
        ("condition", "onsetDateTime", 2024),
        ("condition", "code.coding.0.code", 54),
        ("condition", "code.coding.0.system", True),
        ("person", "name.0.family", {"value": "Chalmers"}),
        ("observation", "status", 5),
        ("place", "position.latitude", True),
        ("condition", "id", 7),
        ("person", "text.div", 5),
    ),
    *rows(
        "structure",
        "json.html: an integer is written without fraction and exponent",
        ("observation", "component.0.valueInteger", 7.0),
        ("study", "numberOfSeries", 1.5),
        ("searchset", "total", 1.0),
    ),
    *rows(
        "structure",
        "json.html: only elements of R4, named as in R4",
        ("condition", "colour", "red"),
        ("condition", "Code", {"text": "a"}, "Condition"),
        ("condition", "code.codings", [{"code": "a"}]),
        (
            "condition",
            "_code",
            EXTENDED,
            "Condition._code",
        ),
        ("condition", "_colour", {"id": "a"}, "Condition._colour"),
        ("condition", "extension.0._url", EXTENDED, "Condition.extension[0]._url"),
        ("condition", "code._id", EXTENDED, "Condition.code._id"),
        ("person", "text._div", EXTENDED, "Patient.text._div"),
        ("condition", "fhir_comments", ["why"], "Condition"),
        ("condition", "Jane Doe", 1, "Condition"),
        ("condition", "code.resourceType", "CodeableConcept"),
        ("visit", "class_fhir", {"code": "AMB"}, "Encounter"),
        ("condition", "diagnosis", "x"),
        ("observation", "component.0.subject", {"reference": "Patient/p-1"}),
        ("condition", "extension.0.valueCodeableReference", {"reference": {"reference": "Patient/1"}}),
        ("condition", "evidence.0.reference", {"reference": "Observation/1"}),
    ),
    *rows(
        "structure",
        "json.html: values and their extensions are arrays of one length",
        ("person", "name.0._given", [{"id": "a"}]),
        ("person", "name.0._given", [None, {"id": "a"}, None]),
    ),
    *rows(
        "structure",
        "datatypes.html#string: strings have content",
        ("condition", "note.0.text", ""),
        ("condition", "note.0.text", " \t\n"),
        ("person", "name.0.family", "  "),
        ("condition", "code.coding.0.code", ""),
        ("condition", "code.coding.0.system", " "),
        ("person", "birthDate", ""),
        ("condition", "subject.reference", "", "Condition.subject.reference"),
        ("observation", "status", ""),
        ("person", "name.0.given.0", "\u00a0"),
    ),
]
