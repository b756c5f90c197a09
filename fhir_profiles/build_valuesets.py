"""Builds resources/valuesets/ and resources/codesystems/ from the CSV files of terminology/.

Run `python -m fhir_profiles.build_valuesets` after a change of a CSV; the same CSVs give the same bytes.
"""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from fhir_profiles import RESOURCES

CANONICAL_BASE = "https://spine-referral.example/fhir"
VERSION = "1.0.0"
TERMINOLOGY = Path(__file__).parent / "terminology"
COMMENT = "http://hl7.org/fhir/StructureDefinition/valueset-concept-comments"

Row = dict[str, str]
Resource = dict[str, Any]

NOTICES = {
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM is in the public domain.",
    "http://snomed.info/sct": (
        "This material includes SNOMED Clinical Terms® (SNOMED CT®), used by permission of SNOMED"
        " International. Its use needs an affiliate licence."
    ),
    "http://loinc.org": (
        "This material contains content from LOINC (http://loinc.org). LOINC is copyright © Regenstrief"
        " Institute, Inc. and the Logical Observation Identifiers Names and Codes (LOINC) Committee and is"
        " available at no cost under the license at http://loinc.org/license. LOINC® is a registered United"
        " States trademark of Regenstrief Institute, Inc."
    ),
    "http://www.nlm.nih.gov/research/umls/rxnorm": (
        "RxNorm codes and names are courtesy of the U.S. National Library of Medicine, which does not endorse"
        " this product."
    ),
    "http://www.ama-assn.org/go/cpt": (
        "CPT® is a registered trademark of the American Medical Association, which holds the copyright of its"
        " codes. Numbers only, no descriptors; a site without a licence deletes this folder."
    ),
}
# Names are shown only for systems whose terms allow it, and for our own.
NAMED_SYSTEMS = (
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://snomed.info/sct",
    "http://loinc.org",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    f"{CANONICAL_BASE}/",
)
ABBREVIATIONS = frozenset(
    {"bpi", "cbt", "ct", "lefs", "mri", "ndi", "nrs", "nsaid", "odi", "peg", "promis", "tens", "va", "vas"}
)
CODESYSTEMS = {
    "spine-imaging-finding": (
        "Spine imaging finding",
        "Findings that no public code names, read from DiagnosticReport.conclusionCode and"
        " Observation.valueCodeableConcept.",
    ),
    "referral-target": ("Referral target", "Which consultation a referral asks for."),
    "outcome": ("Outcome of a decision", "What the pathway says about one spinal episode."),
    "reason": ("Reason of a decision", "Why a decision has its outcome."),
    "criterion": ("Criterion", "The criteria that every decision reports."),
    "task": ("Task of a reviewer", "Tasks, and outputs of them, that FHIR's own codes do not name."),
    "decline-reason": (
        "Reason to decline",
        "Why a person declines what is proposed, as the worklist and cards of CDS Hooks offer it.",
    ),
}


class Concept(NamedTuple):
    """One base concept with the rows of its public codes and of its CPT numbers."""

    name: str
    role: str
    step: str
    rows: list[Row]
    cpt_rows: list[Row]

    @property
    def title(self) -> str:
        """The concept as people read it: "Disc degeneration", "MRI"."""
        words = (word.upper() if word in ABBREVIATIONS else word for word in self.name.split("_"))
        text = " ".join(words)
        return text[0].upper() + text[1:]


def build() -> dict[str, str]:
    """Every file, as its path below resources/ and its text."""
    built = {}
    for concept in _concepts():
        ident = concept.name.replace("_", "-")
        built[f"valuesets/{ident}.json"] = _text(_valueset(concept, concept.rows, is_cpt=False))
        if concept.cpt_rows:
            built[f"valuesets/cpt/{ident}-cpt.json"] = _text(
                _valueset(concept, concept.cpt_rows, is_cpt=True)
            )
    for ident in CODESYSTEMS:
        built[f"codesystems/{ident}.json"] = _text(_codesystem(ident))
    return built


def _concepts() -> Iterable[Concept]:
    concepts: dict[str, Concept] = {}
    for file, is_cpt in (("codes.csv", False), ("cpt-numbers.csv", True), ("uncoded.csv", False)):
        for row in _read(file):
            name, _, row["region"] = row["concept"].partition("@")
            concept = concepts.setdefault(name, Concept(name, row["role"], row["step"], [], []))
            if (concept.role, concept.step) != (row["role"], row["step"]):
                raise ValueError(f"{file}: {name} has two roles or steps")
            if row.get("code"):
                (concept.cpt_rows if is_cpt else concept.rows).append(row)
    return concepts.values()


def _valueset(concept: Concept, rows: list[Row], is_cpt: bool) -> Resource:
    ident = concept.name.replace("_", "-") + ("-cpt" if is_cpt else "")
    title = concept.title + (" (CPT)" if is_cpt else "")
    valueset: Resource = {
        "resourceType": "ValueSet",
        "id": ident,
        "extension": [
            _extension("concept-name", "valueCode", concept.name),
            _extension("concept-role", "valueCode", concept.role),
        ],
        **_heading("ValueSet", ident, title),
        "description": _description(concept, rows),
    }
    if concept.step:
        valueset["extension"].append(_extension("concept-step", "valueInteger", int(concept.step)))
    systems = list(dict.fromkeys(row["system"] for row in rows))
    if notices := [NOTICES[system] for system in systems if system in NOTICES]:
        valueset["copyright"] = " ".join(notices)
    if systems:
        valueset["compose"] = {"include": [_include(system, rows) for system in systems]}
    return valueset


def _description(concept: Concept, rows: list[Row]) -> str:
    if rows:
        return f"Codes that mean `{concept.name}` to the pathway."
    if concept.cpt_rows:
        return f"`{concept.name}` has CPT numbers only; they stand apart, in cpt/."
    return f"No public code means `{concept.name}`; a site may add its own in an overlay."


def _include(system: str, rows: list[Row]) -> Resource:
    return {"system": system, "concept": [_code(row) for row in rows if row["system"] == system]}


def _code(row: Row) -> Resource:
    code: Resource = {}
    extensions = [
        _extension(name, "valueCode", row[column])
        for name, column in (("code-region", "region"), ("code-detail", "detail"))
        if row.get(column)
    ]
    if row.get("note"):
        extensions.append({"url": COMMENT, "valueString": row["note"]})
    if extensions:
        code["extension"] = extensions
    code["code"] = row["code"]
    if row.get("display") and row["system"].startswith(NAMED_SYSTEMS):
        code["display"] = row["display"]
    return code


def _codesystem(ident: str) -> Resource:
    title, description = CODESYSTEMS[ident]
    concepts = [
        {"code": row["code"], "display": row["display"], "definition": row["definition"]}
        for row in _read("own-codes.csv")
        if row["codesystem"] == ident
    ]
    return {
        "resourceType": "CodeSystem",
        "id": ident,
        **_heading("CodeSystem", ident, title),
        "description": description,
        "caseSensitive": True,
        "content": "complete",
        "count": len(concepts),
        "concept": concepts,
    }


def _heading(kind: str, ident: str, title: str) -> Resource:
    return {
        "url": f"{CANONICAL_BASE}/{kind}/{ident}",
        "version": VERSION,
        "name": "".join(part.capitalize() for part in ident.split("-")),
        "title": title,
        "status": "active",
        "experimental": False,
    }


def _extension(name: str, value_type: str, value: str | int) -> Resource:
    return {"url": f"{CANONICAL_BASE}/StructureDefinition/{name}", value_type: value}


def _read(file: str) -> list[Row]:
    with (TERMINOLOGY / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _text(resource: Resource) -> str:
    return json.dumps(resource, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes what `build` gives, and removes the built files that it no longer gives."""
    built = build()
    for folder in ("valuesets", "codesystems"):
        for path in (RESOURCES / folder).rglob("*.json"):
            if path.relative_to(RESOURCES).as_posix() not in built:
                path.unlink()
    for name, text in built.items():
        path = RESOURCES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
