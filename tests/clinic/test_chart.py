"""A story becomes the resources that an EHR would hold: valid, the same every time, nothing guessed."""

from datetime import date
from itertools import pairwise
from typing import Any

import pytest
import yaml
from fhir.resources.R4B import get_fhir_model_class

from referral_service.clinic.chart import build

AS_OF = date(2026, 6, 1)

ONE_OF_EVERY_KIND = """
id: one-of-every-kind
title: A patient with one line of every kind
name: Ada Larch
gender: female
born: "1979-04"
died: -3
given:
- {condition: M51.A1, onset: -264, recorded: "2025-10", category: encounter-diagnosis, id: tear}
- {condition: [M51.26, 279039007], onset: [-20, -3], abated: -3}
- {procedure: "97110", on: [-200, -198], site: "122496007", reason: [M17.11, {ref: tear}]}
- {procedure: "91251008", every: {from: -210, to: -200, step: 5}}
- {procedure: G0283, from: -100, to: -90, count: 3}
- {procedure: "97140", during: [-60, null], status: in-progress}
- {procedure: "97140", text: in spring}
- {procedure: "97110", undated: true, status: not-done, because: "183932001"}
- {medication: "198014", from: -212, supply: 90}
- {medication: "198014", period: [-212, null], status: active, from: -212}
- {medication: "198014", statement: true, from: -212, to: -30}
- {score: 97909-6, value: 48, unit: "%", on: -208}
- {imaging: 24968-0, on: -137, conclusion: progression, text: Worse than before.}
- {order: "308482002", on: -5, identifier: "urn:example:orders|1", reason: M51.A1}
- {pregnancy: true, on: -20}
- {coverage: VET}
- {refuses: "308482002", on: -3}
- {allergy: null, text: Aprotinin}
- {questionnaire: {97909-6: 44}, on: -3, known: 2026-05-30T08:00:00Z}
- {resource: {resourceType: Goal, lifecycleStatus: active, description: {text: Walk a mile}}}
"""


def chart(text: str) -> list[dict[str, Any]]:
    """The resources of a story written as YAML."""
    return build(yaml.safe_load(text), AS_OF)


def first(line: str) -> dict[str, Any]:
    """The first resource that one line makes."""
    return chart(f"id: somebody\ngiven:\n- {line}")[1]


def test_every_kind_is_valid_r4_and_belongs_to_the_patient() -> None:
    resources = chart(ONE_OF_EVERY_KIND)
    for resource in resources:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    owners = {
        resource[element]["reference"]
        for resource in resources[1:]
        for element in ("subject", "patient", "beneficiary")
        if element in resource
    }
    assert resources[0]["resourceType"] == "Patient"
    assert owners == {"Patient/one-of-every-kind"}
    assert len({resource["id"] for resource in resources}) == len(resources)


def test_the_same_story_and_day_give_the_same_resources() -> None:
    assert chart(ONE_OF_EVERY_KIND) == chart(ONE_OF_EVERY_KIND)


def test_days_are_counted_from_as_of() -> None:
    assert first("{procedure: '97110', on: 0}")["performedDateTime"] == "2026-06-01"
    assert first("{procedure: '97110', on: -264}")["performedDateTime"] == "2025-09-10"
    assert first("{procedure: '97110', on: +5}")["performedDateTime"] == "2026-06-06"
    assert first("{procedure: '97110', on: 2026-02-28}")["performedDateTime"] == "2026-02-28"
    assert first("{procedure: '97110', on: '2026-03'}")["performedDateTime"] == "2026-03"
    assert first("{procedure: '97110', on: month of -75}")["performedDateTime"] == "2026-03"
    assert first("{procedure: '97110', on: year of -264}")["performedDateTime"] == "2025"


def test_counted_visits_are_spread_with_the_first_and_the_last_day_included() -> None:
    resources = chart("{id: a, given: [{procedure: '97110', every: {from: -210, to: -101}, count: 22}]}")[1:]
    days = [date.fromisoformat(resource["performedDateTime"]) for resource in resources]
    gaps = {(later - earlier).days for earlier, later in pairwise(days)}
    assert (len(days), (AS_OF - days[0]).days, (AS_OF - days[-1]).days) == (22, 210, 101)
    assert gaps <= {5, 6}


def test_visits_of_every_few_days_stop_at_the_last_day() -> None:
    resources = chart("{id: a, given: [{procedure: '97110', every: {from: -10, to: 0, step: 5}}]}")[1:]
    days = [resource["performedDateTime"] for resource in resources]
    assert days == ["2026-05-22", "2026-05-27", "2026-06-01"]


@pytest.mark.parametrize(
    ("line", "system"),
    [
        ("{condition: M51.A1}", "http://hl7.org/fhir/sid/icd-10-cm"),
        ("{condition: '279039007'}", "http://snomed.info/sct"),
        ("{condition: 'urn:oid:2.16.840.1.113883.6.90|M51.A1'}", "urn:oid:2.16.840.1.113883.6.90"),
        ("{procedure: '97110', on: 0}", "http://www.ama-assn.org/go/cpt"),
        ("{procedure: 0627T, on: 0}", "http://www.ama-assn.org/go/cpt"),
        ("{procedure: G0283, on: 0}", "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"),
        ("{procedure: '91251008', on: 0}", "http://snomed.info/sct"),
        ("{score: 97909-6, value: 1}", "http://loinc.org"),
        ("{imaging: '72148'}", "http://www.ama-assn.org/go/cpt"),
    ],
)
def test_the_shape_of_a_code_tells_its_system(line: str, system: str) -> None:
    assert first(line)["code"]["coding"][0]["system"] == system


def test_a_drug_and_a_payer_have_their_own_systems() -> None:
    drug = first("{medication: '5640'}")["medicationCodeableConcept"]["coding"]
    payer = first("{coverage: VET}")["type"]["coding"]
    assert drug == [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "5640"}]
    assert payer == [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VET"}]


def test_a_line_may_name_another_as_its_reason() -> None:
    resources = chart(ONE_OF_EVERY_KIND)
    visit = next(resource for resource in resources if resource["resourceType"] == "Procedure")
    assert visit["reasonReference"] == [{"reference": "Condition/one-of-every-kind-tear"}]
    assert any(resource["id"] == "one-of-every-kind-tear" for resource in resources)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("{condition: M51.A1}", "active"),
        ("{condition: M51.A1, abated: -1}", "resolved"),
        ("{condition: M51.A1, abated: +9}", "active"),
        ("{condition: M51.A1, abated: -1, clinical: inactive}", "inactive"),
        ("{condition: M51.A1, clinical: null}", None),
        ("{condition: M51.A1, verification: entered-in-error}", None),
    ],
)
def test_a_condition_is_active_unless_something_says_otherwise(line: str, status: str | None) -> None:
    condition = first(line)
    assert condition.get("clinicalStatus", {"coding": [{"code": None}]})["coding"][0]["code"] == status


def test_a_patient_may_have_no_birth_date_and_a_death_without_a_date() -> None:
    patient = chart("{id: somebody, born: null, died: true}")[0]
    assert patient == {"resourceType": "Patient", "id": "somebody", "deceasedBoolean": True}


@pytest.mark.parametrize(
    ("story", "names"),
    [
        ("{id: a, colour: red}", "story a.*colour"),
        ("{id: a, given: [{condition: M51.A1, onsett: -3}]}", "story a.*onsett"),
        (
            "{id: a, given: [{procedure: '97110', every: {from: -9, to: 0, step: 3, until: 4}}]}",
            "story a.*until",
        ),
        ("{id: a, given: [{procedure: '97110'}]}", "story a.*exactly one of"),
        ("{id: a, given: [{procedure: '97110', on: 0, undated: true}]}", "story a.*exactly one of"),
        ("{id: a, given: [{condition: M51.A1, onset: 2025}]}", "story a.*quote a year"),
        ("{id: a, given: [{condition: M51.A1, procedure: '97110', on: 0}]}", "story a.*more than one kind"),
        ("{id: a, given: [{operation: '97110'}]}", "story a.*no kind"),
        ("{id: a, given: [{procedure: '97110', on: 0, reason: {ref: tear}}]}", "story a.*tear"),
        ("{id: a, given: [{imaging: 24968-0, conclusion: better}]}", "story a.*better"),
        ("{id: a, given: [{condition: '12a'}]}", "story a.*12a"),
        ("{id: a, given: [{procedure: '97110', from: -3, to: 0, count: 9}]}", "story a.*9 different days"),
        ("{id: an_underscore}", "an_underscore.*FHIR id"),
    ],
)
def test_what_the_notation_does_not_know_is_refused_by_name(story: str, names: str) -> None:
    with pytest.raises(ValueError, match=names):
        chart(story)


def test_a_patient_may_have_a_record_number() -> None:
    (patient,) = chart('id: somebody\nname: Ada Larch\nmrn: "004107"')

    assert [(it["system"], it["value"]) for it in patient["identifier"]] == [
        ("urn:oid:2.16.840.1.113883.19.5", "004107")
    ]
