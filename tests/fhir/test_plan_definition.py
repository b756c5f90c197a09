"""The policy as PlanDefinition: valid R4, and every number of the file can be read in it."""

from collections.abc import Iterator
from typing import Any

import pytest
from fhir.resources.R4B.plandefinition import PlanDefinition

from fhir_profiles import RESOURCES
from referral_service import pathways
from referral_service.core.pathway import Fraction, Number, Pathway
from referral_service.fhir.check import check
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.parse import dump
from referral_service.fhir.write import Names
from referral_service.fhir.write.plan_definition import plan_definition

BASE = "https://spine.hospital.example/fhir"
POLICIES = sorted(pathways.DEFAULT.parent.glob("*.yaml"))
TERMINOLOGY = Terminology.load(RESOURCES / "valuesets")


def written(pathway: Pathway) -> dict[str, Any]:
    names = Names(BASE, pathway.id, pathway.version)
    value_sets = {name: concept.value_sets for name, concept in TERMINOLOGY.concepts().items()}
    return plan_definition(pathway, names, value_sets)


def numbers(policy: object, *place: str) -> Iterator[tuple[str, Number | Fraction]]:
    """Every number anywhere in a policy, with its place in the file."""
    if isinstance(policy, Number | Fraction):
        yield ".".join(place), policy
    elif isinstance(policy, dict):
        for name, part in policy.items():
            yield from numbers(part, *place, name)
    elif hasattr(type(policy), "model_fields"):
        yield from numbers({name: getattr(policy, name) for name in type(policy).model_fields}, *place)


@pytest.fixture(params=POLICIES, ids=lambda path: path.stem)
def pathway(request: pytest.FixtureRequest) -> Pathway:
    return pathways.load(request.param)


def test_both_policies_are_written_as_valid_r4(pathway: Pathway) -> None:
    assert len(POLICIES) == 2
    plan = written(pathway)
    assert check(plan) == []
    PlanDefinition.model_validate_json(dump(plan))


def test_it_is_what_every_guidance_response_names(pathway: Pathway) -> None:
    plan = written(pathway)
    assert f"{plan['url']}|{plan['version']}" == Names(BASE, pathway.id, pathway.version).module
    assert plan["url"].endswith(f"/PlanDefinition/{plan['id']}")


def test_every_number_stands_in_it_with_source_owner_and_mark(pathway: Pathway) -> None:
    told = {one["label"]: one for one in written(pathway)["action"][0]["documentation"]}
    found = dict(numbers(pathway))
    assert len(found) >= 40
    for place, number in found.items():
        said = told.pop(place)
        assert said["citation"] == number.source
        assert said["display"].startswith(str(number.value))
        assert f"owner: {number.owner}" in said["display"]
        assert ("assumption" in said["display"]) == number.assumption
        assert number.unit == "1" or f" {number.unit} " in said["display"]
    assert {place: one["citation"] for place, one in told.items()} == {
        f"sources.{name}": text for name, text in pathway.sources.items()
    }


def test_every_concept_that_it_names_leads_to_its_value_sets(pathway: Pathway) -> None:
    told = written(pathway)["relatedArtifact"]
    assert {one["display"] for one in told} == set(pathway.named_concepts)
    mri = {one["resource"].rpartition("/")[2] for one in told if one["display"] == "mri"}
    assert mri == {"mri", "mri-cpt"}


def test_what_may_come_of_it_is_a_proposal_of_either_target_or_a_review(pathway: Pathway) -> None:
    plan = written(pathway)
    activities = {f"#{one['id']}": (one["kind"], one["intent"]) for one in plan["contained"]}
    assert activities == {
        "#intradiscal": ("ServiceRequest", "proposal"),
        "#surgical": ("ServiceRequest", "proposal"),
        "#review": ("Task", "proposal"),
    }
    actions = plan["action"][0]["action"]
    outcomes = [(one["code"][0]["coding"][0]["code"], one["definitionCanonical"]) for one in actions]
    assert outcomes == [
        ("urgent", "#surgical"),
        ("exhausted", "#intradiscal"),
        ("exhausted", "#surgical"),
        ("review", "#review"),
    ]


def test_no_expression_stands_in_it_that_nobody_runs(pathway: Pathway) -> None:
    assert b'"expression"' not in dump(written(pathway))
