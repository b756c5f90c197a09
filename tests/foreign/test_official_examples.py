"""R4's official examples, of the types that the service checks: ours and three foreign validators on each."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from referral_service.fhir.check import CHECKED_TYPES, check
from referral_service.fhir.parse import parse
from tests.foreign import node, r4
from tests.foreign.validators import EACH, Validator

Json = dict[str, Any]

FILE = Path(__file__).parent / "official" / "examples.ndjson.gz"

# The two that R4 itself forbids: an element, and the type to which it refers though R4 does not let it.
# R4 lets the first refer to an Organization, the second to people, their roles, teams and organizations.
REFUSED = {
    "MedicationRequest/medrx0301": ("MedicationRequest.dispenseRequest.performer", "Practitioner"),
    "Observation/clinical-gender": ("Observation.performer", "Encounter"),
}
# What another refuses without right: medplum knows base64 without line ends only.
WRONGLY_REFUSED = {"of_medplum": {"DiagnosticReport/gingival-mass"}}


def official() -> dict[str, Json]:
    """The examples by type and id, as they come in over the wire."""
    examples = map(parse, gzip.decompress(FILE.read_bytes()).splitlines())
    return {f"{example['resourceType']}/{example['id']}": example for example in examples}


@pytest.fixture(scope="module")
def examples() -> dict[str, Json]:
    """Read once."""
    return official()


def test_there_are_examples_of_every_type_but_two(examples: dict[str, Json]) -> None:
    assert len(examples) == 321
    kinds = {example["resourceType"] for example in examples.values()}
    assert CHECKED_TYPES - kinds == {"Parameters", "GuidanceResponse"}


def test_ours_accepts_all_but_two(examples: dict[str, Json]) -> None:
    issues = {name: check(example) for name, example in examples.items()}
    found = {
        name: [(issue.code, issue.expression) for issue in each] for name, each in issues.items() if each
    }
    assert found == {
        "MedicationRequest/medrx0301": [("value", "MedicationRequest.dispenseRequest.performer.reference")],
        "Observation/clinical-gender": [("value", "Observation.performer[0].reference")],
    }


@node.needs_node
@pytest.mark.parametrize("name", REFUSED)
def test_r4_forbids_what_those_two_refer_to(examples: dict[str, Json], name: str) -> None:
    path, kind = REFUSED[name]
    assert f'{{"reference":"{kind}/' in json.dumps(examples[name], default=str, separators=(",", ":"))
    above, _, element = path.rpartition(".")
    allowed = r4.elements_of(above)[element].targets
    assert "Organization" in allowed
    assert kind not in allowed


@EACH
def test_the_others_accept_all_that_they_should(examples: dict[str, Json], validator: Validator) -> None:
    found = validator(list(examples.values()))
    refused = {name for name, errors in zip(examples, found, strict=True) if errors}
    assert refused == WRONGLY_REFUSED.get(validator.__name__, set())
