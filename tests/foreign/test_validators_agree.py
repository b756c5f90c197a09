"""Our checker beside three that others wrote: it accepts what they rightly accept, and nothing else."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from referral_service.fhir.check import CHECKED_TYPES, check
from referral_service.fhir.parse import dump, parse
from tests.fhir.more_bases import BASES
from tests.fhir.test_check import MUTANTS
from tests.fhir.untidy import UNTIDY
from tests.foreign import node
from tests.foreign.test_foreign_patients import HERE, lines
from tests.foreign.test_official_examples import REFUSED, official
from tests.foreign.validators import EACH, Validator, of_fhir_resources, of_fhirkit, of_medplum

Json = dict[str, Any]
Found = list[tuple[Json, list[str], list[list[str]]]]

# What others refuse of UNTIDY. fhir.resources lacks two elements that R4 has; medplum knows base64 without
# line ends only. Claim and CarePlan do have faults there: the service keeps neither and leaves them unread.
REFUSED_BY = {
    "of_fhir_resources": {
        "an extension with metadata",
        "an extension with a primitive's extension only",
        "other types in a Bundle",
    },
    "of_fhirkit": {"other types in a Bundle"},
    # R4: a string "SHOULD not" hold control characters, and its regular expression lets them pass.
    "of_medplum": {
        "other types in a Bundle",
        "base64 with line ends",
        "control characters of an old system",
    },
}
# What R4 says and none of the three looks at, in some place at least: an invariant, or our sentence.
UNLOOKED_AT = {
    "age-1",
    "att-1",
    "cpt-2",
    "dom-3",
    "drt-1",
    "qty-3",
    "rat-1",
    "ref-1",
    "An object must not be empty.",
    "No coding is of the required value set.",
}
LARGEST = 30_000  # bytes of an example that is taken apart
MOST_RESOURCES = 2_500


def compared(resources: list[Json]) -> Found:
    """Each resource with our sentences and those of each of the others."""
    received = [parse(dump(resource)) for resource in resources]
    ours = [[issue.diagnostics for issue in check(one)] for one in received]
    others = zip(of_fhir_resources(received), of_fhirkit(received), of_medplum(received), strict=True)
    return [(one, said, list(more)) for one, said, more in zip(received, ours, others, strict=True)]


# A refusal is not lost for want of a policy: nothing of the service rests on one.
ON_PURPOSE = "ppc-1"


def let_pass(found: Found) -> list[tuple[str, list[list[str]]]]:
    """What we accept, and another refuses, but for what we take in on purpose."""
    passed = ((one, others) for one, ours, others in found if not ours and any(others))
    return [
        (one["resourceType"], others)
        for one, others in passed
        if not all(ON_PURPOSE in said for other in others for said in other)
    ]


def alone_in(found: Found) -> set[str]:
    """For what we refuse, and everybody else accepts."""
    return {
        re.sub(r"^(\w+-\d+): .*", r"\1", sentence)
        for _, ours, others in found
        if ours and not any(others)
        for sentence in ours
    }


@EACH
def test_the_resources_of_our_tests_are_valid_to_others(validator: Validator) -> None:
    assert validator(list(BASES.values())) == [[]] * len(BASES)


@EACH
def test_what_we_call_untidy_but_legal_is_legal_to_others(validator: Validator) -> None:
    found = validator([resource for _, resource in UNTIDY])
    refused = {name for (name, _), errors in zip(UNTIDY, found, strict=True) if errors}
    assert refused == REFUSED_BY[validator.__name__]


@EACH
def test_none_of_the_others_accepts_whatever_comes(validator: Validator) -> None:
    spoiled = [made for mutant in MUTANTS if isinstance(made := mutant.made(), dict)]
    refused = [errors for errors in validator(spoiled) if errors]
    assert len(refused) >= len(spoiled) / 3


def less_one_element() -> Iterator[Json]:
    """Each element that an official example has, once for its type, is missing."""
    seen: set[tuple[str, ...]] = set()
    for name, example in official().items():
        kind = example["resourceType"]
        if name in REFUSED or kind == "Bundle" or len(dump(example)) > LARGEST:
            continue
        for path in paths(example):
            key = (kind, *(step for step in path if isinstance(step, str)))
            if key not in seen and path != ("resourceType",):
                seen.add(key)
                yield without(example, path)


def paths(value: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every element and every item."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*above, step)
        yield from paths(inner, (*above, step))


def without(example: Json, path: tuple[str | int, ...]) -> Json:
    """A copy that lacks what is there."""
    changed = parse(dump(example))
    holder: Any = changed
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    return changed


@node.needs_node
def test_whatever_is_missing_ours_agrees_with_the_others() -> None:
    found = compared(list(less_one_element()))
    assert len(found) > 2_000
    assert sum(1 for _, ours, _ in found if not ours) > 1_000
    assert let_pass(found) == []
    assert alone_in(found) == UNLOOKED_AT


@node.needs_node
@pytest.mark.parametrize(
    ("file", "alone"),
    [("clinosim", {"The element may not refer to a resource of this type."}), ("synthea", set())],
)
def test_on_patients_that_others_made_ours_agrees_with_the_others(file: str, alone: set[str]) -> None:
    charts = lines(HERE / f"{file}.ndjson.gz")
    kept = (resource for resource in charts if resource["resourceType"] in CHECKED_TYPES)
    found = compared(list(islice(kept, MOST_RESOURCES)))
    assert len(found) > 1_000
    assert let_pass(found) == []
    assert alone_in(found) == alone
