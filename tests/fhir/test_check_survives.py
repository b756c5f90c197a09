"""Whatever is done to a resource, the check answers with issues; it never fails."""

import json
from copy import deepcopy
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from referral_service.core.problem import Issue
from referral_service.fhir.check import R4_TYPES, check
from referral_service.fhir.parse import parse
from tests.fhir.more_bases import BASES

CODES = {"structure", "required", "value", "code-invalid", "invariant", "too-costly"}

# Values that are right somewhere, so that they reach deep where they are wrong.
FRAGMENTS: list[Any] = [
    *(
        {"reference": text}
        for text in ("#", "#doc", "Patient/1", "Foo/1", "urn:x", "?", "/", "Patient?a=b", "::")
    ),
    *(
        [],
        {},
        [None],
        [[]],
        [{}],
        "",
        " ",
        "#",
        "#doc",
        "2024-02-30",
        "2024-01-01T00:00:60+14:00",
        "0001-01-01",
    ),
    *(
        {"coding": "x"},
        {"coding": [1]},
        {"start": 5, "end": "2024"},
        {"start": "x", "end": "T"},
        {"value": "x"},
    ),
    *({"start": "0001-01-01T00:00:00+14:00", "end": "9999-12-31T23:59:59-14:00"}, {"id": []}, {"id": "a"}),
    *(
        [{"resourceType": kind, "id": "doc"} for kind in ("Patient", "Bundle", "Evidence")],
        {"resourceType": []},
    ),
    *(
        [{"url": "a", "valueCode": "b"}],
        [{"request": 1, "fullUrl": []}],
        [{"linkId": 1, "item": {}, "answer": 1}],
    ),
]
VALUES = (
    st.sampled_from(FRAGMENTS).map(deepcopy)
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from([*BASES.values()]).map(deepcopy)
)
NAMES = st.sampled_from(
    sorted(
        {name for base in BASES.values() for name in base}
        | {"contained", "extension", "_status", "id", "value"}
    )
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container with each of its keys or indices."""
    if isinstance(value, dict):
        steps: list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list):
        steps = list(enumerate(value))
    else:
        return []
    return [(value, key) for key, _ in steps] + [place for _, child in steps for place in _places(child)]


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A valid resource with one to five changes anywhere: replaced, added, wrapped or taken away."""
    resource: dict[str, Any] = json.loads(json.dumps(BASES[draw(st.sampled_from(sorted(BASES)))]))
    for _ in range(draw(st.integers(1, 5))):
        places = _places(resource)
        container, key = places[draw(st.integers(0, len(places) - 1))]
        kind = draw(st.sampled_from(["replace", "replace", "remove", "add", "wrap"]))
        if kind == "replace":
            container[key] = draw(VALUES)
        elif kind == "remove":
            del container[key]
        elif kind == "wrap":
            container[key] = [container[key]]
        elif isinstance(container, dict):
            container[draw(NAMES | st.text())] = draw(VALUES)
        if not resource:
            break
    return resource


def issues_of(resource: dict[str, Any]) -> list[Issue]:
    issues = check(resource)
    assert {issue.code for issue in issues} <= CODES
    assert all(issue.diagnostics for issue in issues)
    return issues


@given(damaged())
def test_a_damaged_resource_gives_issues_and_nothing_else(resource: dict[str, Any]) -> None:
    issues_of(resource)
    if str(resource.get("resourceType")) in R4_TYPES:
        issues_of(parse(json.dumps(resource).encode()))


@given(damaged(), st.sampled_from(["Patient", "Observation", "Medication"]))
def test_a_damaged_resource_in_a_bundle_gives_issues_and_nothing_else(
    resource: dict[str, Any], kind: str
) -> None:
    entries = [{"resource": resource}, {"resource": {"resourceType": kind, "contained": [resource]}}]
    issues = issues_of({"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert all(issue.expression.startswith("Bundle.entry[") for issue in issues)


# Without hypothesis, which would take half an hour: what one seed brings is the same each time.

RANDOM_VALUES: list[Any] = [*FRAGMENTS, None, True, 0, -1, 10**30, 1.5, "x", "é\u2028", "x" * 300]
RANDOM_NAMES = [*sorted({name for base in BASES.values() for name in base}), "_status", "é", "x-y", "value"]


def _damage(resource: dict[str, Any], chance: Random) -> None:
    container, key = chance.choice(_places(resource))
    value = deepcopy(chance.choice(RANDOM_VALUES))
    match chance.choice(("replace", "replace", "remove", "add", "wrap", "move")):
        case "replace":
            container[key] = value
        case "remove":
            del container[key]
        case "wrap":
            container[key] = [container[key]]
        case "move":
            container[key], resource[chance.choice(RANDOM_NAMES)] = value, deepcopy(container[key])
        case _ if isinstance(container, dict):
            container[chance.choice(RANDOM_NAMES)] = value


def test_a_hundred_thousand_random_faults_give_issues_and_nothing_else() -> None:
    chance = Random(4)
    bodies = [json.dumps(base) for base in BASES.values()]
    damages = faulty = 0
    while damages < 100_000:
        resource = json.loads(chance.choice(bodies))
        for _ in range(chance.randint(1, 3)):
            if resource:
                _damage(resource, chance)
                damages += 1
        faulty += bool(issues_of(resource))
    assert faulty > damages / 4
