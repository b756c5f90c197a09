"""Codes as a story writes them, and as FHIR wants them: the shape of a code tells its system."""

import re
from typing import Any, Literal

from referral_service.fhir.codes import (
    ACT_CODE,
    CPT,
    HCPCS,
    ICD_10_CM,
    IMAGING_FINDING,
    LOINC,
    RXNORM,
    SNOMED_CT,
)

Place = Literal["diagnosis", "treatment", "drug", "payer"]
Concept = dict[str, Any]

UNITS = "http://unitsofmeasure.org"
_HL7 = "http://terminology.hl7.org/CodeSystem/"
_FINDINGS = ("progression", "extrusion", "sequestration")
_LOINC_SHAPE = re.compile(r"\d+-\d")
_CPT_SHAPE = re.compile(r"\d{5}|\d{4}[A-Z]")
_LETTER_FIRST = {"diagnosis": ICD_10_CM, "treatment": HCPCS, "drug": RXNORM, "payer": ACT_CODE}


def coding(code: str | int, place: Place = "diagnosis") -> dict[str, str]:
    """The Coding of one code, or of "system-uri|code"; `place` decides what its shape leaves open."""
    text = str(code)
    if "|" in text:
        system, _, value = text.rpartition("|")
        return {"system": system, "code": value}
    return {"system": _system(text, place), "code": text}


def concept(codes: Any, place: Place = "diagnosis", text: str | None = None) -> Concept:
    """The CodeableConcept of one code, or of a list of codes that mean the same; with its text, if any."""
    listed = [] if codes is None else codes if isinstance(codes, list) else [codes]
    made: Concept = {"coding": [coding(code, place) for code in listed]} if listed else {}
    if text is not None:
        made["text"] = text
    return made


def hl7(system: str, code: str) -> Concept:
    """A CodeableConcept of one of HL7's own code systems, such as `condition-clinical`."""
    return {"coding": [{"system": _HL7 + system, "code": code}]}


def finding(name: str) -> Concept:
    """One coded imaging finding of this project's own CodeSystem."""
    if name not in _FINDINGS:
        raise ValueError(f"unknown imaging finding {name!r} (known: {', '.join(_FINDINGS)})")
    return {"coding": [{"system": IMAGING_FINDING, "code": name}]}


def _system(code: str, place: Place) -> str:
    if code[:1].isalpha():
        return _LETTER_FIRST[place]
    if place == "drug":
        return RXNORM
    if _LOINC_SHAPE.fullmatch(code):
        return LOINC
    if _CPT_SHAPE.fullmatch(code):
        return CPT
    if code.isdigit():
        return SNOMED_CT
    raise ValueError(f"no code system has codes of the shape {code!r}; write system-uri|code")
