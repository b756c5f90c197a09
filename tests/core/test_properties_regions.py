"""Properties of regions: what one receives is nothing to the other, and synonyms are one."""

import csv
from collections import defaultdict
from functools import cache

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from fhir_profiles import RESOURCES
from referral_service.core.timeline import AnyFact, Condition, Imaging, Meaning, Medication, Procedure, Score
from referral_service.fhir.read import Reader
from tests.core.asked import answers, decisions
from tests.kit.charts import charts, condition, is_exact
from tests.kit.strategies import CERVICAL_CONDITIONS, Facts, care, conditions, imaging, scores
from tests.kit.words import CERVICAL, TERMINOLOGY, meant

NECK = condition(meant("neck_pain", "cervical"), -120, source="Condition/neck")


def _of_the_neck(fact: AnyFact) -> AnyFact | None:
    """The fact tied to the neck; None for an instrument that belongs elsewhere."""
    match fact:
        case Procedure():
            return replace(fact, tie=CERVICAL, meanings=tuple(_in_the_neck(m) for m in fact.meanings))
        case Score() if fact.concept in ("odi_score", "roland_morris"):
            return None
        case Medication() | Score() | Imaging():
            return replace(fact, tie=CERVICAL)
        case _:
            return fact


def _in_the_neck(meaning: Meaning) -> Meaning:
    """The meaning with the neck for a region, if it names one."""
    return replace(meaning, region="cervical") if meaning.region else meaning


received = st.lists(st.one_of(care, scores(), imaging, conditions(*CERVICAL_CONDITIONS)), max_size=8)


@given(charts(noise=4, cared_for=(("lumbar",),)), received)
def test_what_the_neck_receives_is_nothing_to_the_back(chart: Facts, more: list[AnyFact]) -> None:
    neck = [replace(f, source=f"Neck/{i}") for i, fact in enumerate(more) if (f := _of_the_neck(fact))]
    assume(all(map(is_exact, neck)))
    before, after = decisions((*chart, NECK)), decisions((*chart, NECK, *neck))
    assert after["lumbar"].answer == before["lumbar"].answer
    assert after["lumbar"].criteria == before["lumbar"].criteria


@cache
def _synonyms() -> dict[Meaning, list[tuple[str, str]]]:
    """Every code of each meaning of a condition, a procedure, a drug or a report that has several codes."""
    found = defaultdict(list)
    for name in ("codes.csv", "cpt-numbers.csv"):
        with (RESOURCES.parent / "terminology" / name).open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                if meaning := TERMINOLOGY.meaning(row["system"], row["code"]):
                    found[meaning].append((row["system"], row["code"]))
    return {meaning: codes for meaning, codes in found.items() if len(codes) > 1}


TYPE_OF_ROLE = {
    "qualifying_condition": "Condition",
    "surgical_structural": "Condition",
    "red_flag": "Condition",
    "chronic_pain": "Condition",
    "treatment": "Procedure",
    "prior_surgery": "Procedure",
    "plan": "Procedure",
    "medication": "MedicationRequest",
    "observation": "Observation",
    "imaging": "DiagnosticReport",
    "referral_target": "ServiceRequest",
}


def _resource(kind: str, code: tuple[str, str], day: str) -> dict[str, object]:
    coded = {"coding": [{"system": code[0], "code": code[1]}]}
    dated = {
        "Condition": {"code": coded, "onsetDateTime": day},
        "Procedure": {"code": coded, "performedDateTime": day, "status": "completed"},
        "MedicationRequest": {
            "medicationCodeableConcept": coded,
            "authoredOn": day,
            "status": "active",
            "intent": "order",
        },
        "Observation": {
            "code": coded,
            "effectiveDateTime": day,
            "status": "final",
            "valueQuantity": {"value": 5},
        },
        "DiagnosticReport": {"code": coded, "effectiveDateTime": day, "status": "final"},
        "ServiceRequest": {"code": coded, "authoredOn": day, "status": "active", "intent": "order"},
    }
    return {"resourceType": kind, "id": "synonym", **dated[kind]}


@given(charts(), st.data(), st.sampled_from(("2026-05-20", "2026-03-01", "2025-06-01")))
def test_synonyms_of_one_concept_are_interchangeable(chart: Facts, data: st.DataObject, day: str) -> None:
    meaning = data.draw(st.sampled_from(sorted(_synonyms(), key=str)))
    kind = next((kind for role, kind in TYPE_OF_ROLE.items() if meaning.role.startswith(role)), None)
    assume(kind)
    one, other = data.draw(st.permutations(_synonyms()[meaning]))[:2]
    reader = Reader(TERMINOLOGY, "https://clinic.example/fhir")
    first, second = (
        [
            replace(f, codes=()) if isinstance(f, Condition) else f
            for f in reader.facts(_resource(kind, code, day))
        ]
        for code in (one, other)
    )
    assert first == second
    assert answers((*chart, *first)) == answers((*chart, *second))
