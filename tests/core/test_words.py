"""The words agree: slugs of the core, their sentences, and the CodeSystems that we publish."""

import json
import re
from pathlib import Path
from typing import get_args

from fhir_profiles import RESOURCES
from referral_service.api.worklist.words import DECLINE_REASONS
from referral_service.core import explain
from referral_service.core.decision import Outcome
from referral_service.core.pathway import CriterionId
from referral_service.fhir.concepts import Terminology
from referral_service.pathways import DEFAULT, load

CORE = Path(explain.__file__).parent


def displays(name: str) -> dict[str, str]:
    system = json.loads((RESOURCES / "codesystems" / f"{name}.json").read_text())
    return {concept["code"]: concept["display"] for concept in system["concept"]}


def codes(name: str) -> set[str]:
    return set(displays(name))


def test_every_reason_has_its_sentence_and_its_code() -> None:
    assert codes("reason") == set(explain.REASONS)


def test_every_reason_stands_in_the_core() -> None:
    written = "\n".join(p.read_text() for p in CORE.glob("*.py") if p.name != "explain.py")
    quoted = set(re.findall(r'"([a-z][a-z-]+)"', written)) | {"imaging-missing", "imaging-outdated"}
    assert set(explain.REASONS) <= quoted


def test_outcomes_and_criteria_are_published() -> None:
    assert codes("outcome") == set(get_args(Outcome))
    assert codes("criterion") == set(get_args(CriterionId))


def test_every_reason_to_decline_is_published_in_the_same_words() -> None:
    assert displays("decline-reason") == DECLINE_REASONS


def test_every_concept_of_the_policy_is_a_concept_of_the_terminology() -> None:
    pathway = load(DEFAULT)
    named = set().union(*(getattr(pathway.concepts, field) for field in type(pathway.concepts).model_fields))
    named |= pathway.red_flags.stat | set(pathway.red_flags.competing) | set(pathway.instrument_of)
    named |= set(pathway.red_flags.group_of)
    known = set(Terminology.load(RESOURCES / "valuesets").concepts())
    assert named - known == set()
