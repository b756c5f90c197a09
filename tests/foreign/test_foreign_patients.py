"""Patients that others made go through whole: read, checked, turned into facts, decided."""

import gzip
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from referral_service.core.decide import decide
from referral_service.core.decision import Decision
from referral_service.core.timeline import AnyFact, Condition, Medication, Procedure, Timeline
from referral_service.fhir.chart_bundle import resources
from referral_service.fhir.check import check
from referral_service.fhir.parse import parse
from referral_service.fhir.read import Reader, patient_of
from tests.kit.words import AS_OF, PATHWAY, TERMINOLOGY

Json = dict[str, Any]

# Every test needs the same charts, which take seconds to read: one worker reads them.
pytestmark = pytest.mark.xdist_group("foreign")

HERE = Path(__file__).parent
READER = Reader(TERMINOLOGY, "https://spine-referral.example/fhir")

# What only looks like care of the spine, as the generators record it, and why it is left out.
LOOK_ALIKES = {
    "18946005": "not-a-treatment",  # epidural anaesthesia in labour; clinosim calls a skin closure by it
    "52052004": "ambiguous-code",  # rehabilitation, here from opioids
    "65546002": "unknown-code",  # extraction of a wisdom tooth
    "699253003": "unknown-code",  # surgical manipulation of the knee joint
}

# Every reason for which a resource is refused, and why R4 forbids it.
REFUSED: dict[str, set[str]] = {
    "synthea": set(),
    "clinosim": {
        # JSON: an array is left out when it has no element.
        "Coverage.extension: An array must not be empty.",
        # JSON: a string has at least one character.
        "DiagnosticReport.code.coding[].code: A string must not be empty or blank.",
        "DiagnosticReport.code.coding[].display: A string must not be empty or blank.",
        "DiagnosticReport.code.text: A string must not be empty or blank.",
        # DiagnosticReport.media.link is a Reference(Media) in R4; the ImagingStudy belongs in imagingStudy.
        "DiagnosticReport.media[].link.reference: The element may not refer to a resource of this type.",
        # R4's MedicationAdministration.dosage has text, site, route, method, dose and rate; no Dosage.
        "MedicationAdministration.dosage.doseAndRate: R4 has no such element here.",
        "MedicationAdministration.dosage.timing: R4 has no such element here.",
    },
}

# Snapshots: how many decisions of all days, and how many facts left out of those of AS_OF.
OUTCOMES = {
    "clinosim": {
        "no-qualifying-condition: none": 161,
        "no-qualifying-condition: resolved": 11,
        "on-hold: minor": 1,
    },
    "synthea": {
        "in-trial: active-therapy, duration, second-modality": 18,
        "in-trial: duration, second-modality": 5,
        "in-trial: second-modality": 11,
        "no-qualifying-condition: none": 491,
        "not-started: medication-only": 8,
        "not-started: no-treatment": 195,
        "not-started: trial-lapsed": 20,
        "on-hold: deceased": 18,
        "review: region-unclear": 6,
        "review: worsening": 18,
    },
}
LEFT_OUT = {
    "clinosim": {
        "not-a-treatment": 2,
        "not-given": 2,
        "not-in-trial": 123,
        "not-read": 24,
        "not-used": 110,
        "other-body-part": 43,
        "unknown-code": 1142,
    },
    "synthea": {
        "ambiguous-code": 655,
        "not-a-treatment": 18,
        "not-an-instrument": 36,
        "not-given": 560,
        "not-asked": 662,
        "not-compared": 171,
        "not-in-trial": 2421,
        "not-read": 328,
        "not-used": 5139,
        "noted-only": 2,
        "region-unclear": 1444,
        "unknown-code": 40371,
    },
}


class Patient(NamedTuple):
    """One patient: where from, every valid resource by reference, the facts, the decisions by day."""

    origin: str
    chart: dict[str, Json]
    timeline: Timeline
    decisions: dict[date, tuple[Decision, ...]]


class Received(NamedTuple):
    """All patients, and by file why some of their resources were refused."""

    patients: list[Patient]
    refused: dict[str, set[str]]


@pytest.fixture(scope="module")
def received() -> Received:
    """Both files, through everything between a sender's bytes and the decision."""
    patients: list[Patient] = []
    refused: dict[str, set[str]] = defaultdict(set)
    for file in sorted(HERE.glob("*.ndjson.gz")):
        origin = file.name.partition(".")[0]
        charts: dict[str, dict[str, Json]] = defaultdict(dict)
        for resource in lines(file):
            issues = check(resource)
            refused[origin] |= {f"{without_numbers(i.expression)}: {i.diagnostics}" for i in issues}
            patient = patient_of(resource)
            if patient and not issues:
                charts[patient][f"{resource['resourceType']}/{resource['id']}"] = resource
        patients += [judged(origin, chart) for chart in charts.values()]
    return Received(patients, refused)


def lines(file: Path) -> Iterator[Json]:
    for line in gzip.decompress(file.read_bytes()).splitlines():
        yield from resources(parse(line))


def without_numbers(path: str) -> str:
    return re.sub(r"\[\d+\]", "[]", path)


def judged(origin: str, chart: dict[str, Json]) -> Patient:
    timeline = Timeline.of(fact for resource in chart.values() for fact in READER.facts(resource))
    return Patient(origin, chart, timeline, {d: decide(timeline, PATHWAY, d) for d in days(timeline)})


def days(timeline: Timeline) -> list[date]:
    """Up to four days on which something of the spine happened, 60 days after each, and AS_OF."""
    told = sorted({day for fact in timeline.facts if (day := happened(fact))})
    chosen = {told[len(told) * part // 4] for part in range(4)} if told else set()
    return sorted(chosen | {day + timedelta(60) for day in chosen} | {AS_OF})


def happened(fact: AnyFact) -> date | None:
    when = None
    if isinstance(fact, Procedure | Medication) and fact.meanings:
        when = fact.start
    elif isinstance(fact, Condition) and fact.meanings:
        when = fact.onset
    return when.earliest if when else None


def concepts(patient: Patient) -> set[str]:
    return {m.concept for f in patient.timeline.facts for m in getattr(f, "meanings", ())}


def codes(resource: Json) -> set[str]:
    return {str(coding.get("code")) for coding in resource.get("code", {}).get("coding", ())}


def test_a_hundred_patients_a_third_of_them_of_the_spine(received: Received) -> None:
    pain, care = {"low_back_pain", "neck_pain"}, {"physical_therapy", "med_opioid"}
    synthea = [patient for patient in received.patients if patient.origin == "synthea"]
    assert len(synthea) == 100
    assert len([p for p in synthea if concepts(p) & pain]) >= 30
    assert len([p for p in synthea if concepts(p) & (pain | care)]) >= 50


def test_only_what_is_no_r4_is_refused(received: Received) -> None:
    assert received.refused == REFUSED


def test_every_patient_gets_a_decision_on_every_day(received: Received) -> None:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for patient in received.patients:
        for decisions in patient.decisions.values():
            assert decisions
            found[patient.origin].update(f"{d.outcome}: {', '.join(d.reasons)}" for d in decisions)
    assert found == OUTCOMES


def test_what_is_left_out_is_there_with_its_reason(received: Received) -> None:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for patient in received.patients:
        for decision in patient.decisions[AS_OF]:
            references = [fact.partition("/_history/")[0] for fact, _ in decision.left_out]
            assert patient.chart.keys() >= set(references)
            found[patient.origin].update(reason for _, reason in decision.left_out)
    assert found == LEFT_OUT


def test_what_looks_like_care_of_the_spine_is_never_evidence(received: Received) -> None:
    met: Counter[str] = Counter()
    for patient in received.patients:
        alike = {
            f"{reference}/_history/{resource.get('meta', {}).get('versionId', '1')}": LOOK_ALIKES[code]
            for reference, resource in patient.chart.items()
            if resource["resourceType"] == "Procedure"
            for code in codes(resource) & LOOK_ALIKES.keys()
        }
        met.update(alike.values())
        for decision in (d for decisions in patient.decisions.values() for d in decisions):
            evidence = {e for criterion in decision.criteria for e in criterion.evidence}
            assert not alike.keys() & (evidence | set(decision.evidence))
            assert alike.items() <= dict(decision.left_out).items()
    assert met.keys() == set(LOOK_ALIKES.values())
