"""The canonical names and instants that every emitted resource shares."""

from datetime import datetime
from typing import Any, NamedTuple

UCUM = "http://unitsofmeasure.org"
SNOMED = "http://snomed.info/sct"
TASK_CODE = "http://hl7.org/fhir/CodeSystem/task-code"
_UCUM_UNITS = frozenset({"d", "mo", "a", "%", "mm"})
_UNIT_WORDS = {"d": "day", "mo": "month", "a": "year"}


class Names(NamedTuple):
    """Where our names live (`base`, CANONICAL_BASE), and the pathway's canonical with its version."""

    base: str
    pathway: str
    version: str

    @property
    def module(self) -> str:
        """The pathway as canonical|version."""
        return f"{self.base}/PlanDefinition/{self.pathway}|{self.version}"

    def coding(self, system: str, code: str) -> dict[str, Any]:
        """A coding of one of our own code systems."""
        return {"system": f"{self.base}/CodeSystem/{system}", "code": code}

    def identifier(self, kind: str, value: str) -> dict[str, Any]:
        """An identifier of ours: kind is referral, review or episode."""
        return {"system": f"{self.base}/{kind}", "value": value}


def instant(at: datetime) -> str:
    """An instant as FHIR writes it, UTC with milliseconds."""
    # Years before 1000 need their zeros, which strftime leaves out.
    return f"{at.year:04d}" + at.strftime("-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def reference(to: str) -> dict[str, Any]:
    """A Reference to "Type/id" or "Type/id/_history/n"."""
    return {"reference": to}


def quantity(value: Any, unit: str | None) -> dict[str, Any]:
    """A Quantity; with its UCUM code where the unit is UCUM's."""
    if unit in _UCUM_UNITS:
        return {"value": value, "unit": _UNIT_WORDS.get(unit, unit), "system": UCUM, "code": unit}
    return {"value": value, **({"unit": unit} if unit else {})}
