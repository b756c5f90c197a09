"""What the profiles of received resources say is read is what the readers read: no less, and no more."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import pytest

from fhir_profiles.build_valuesets import CANONICAL_BASE
from fhir_profiles.profiles import RECEIVED_PROFILES
from referral_service.clinic.chart import build
from referral_service.clinic.stories import load
from referral_service.fhir.read import Reader
from tests.kit.judged import TODAY
from tests.kit.words import TERMINOLOGY
from tests.profiles.committed import CHART, Resource, example, published

PROFILES = {one["id"]: one for one in published("structuredefinitions")}
# Read by ingest, or of every type alike.
OF_EVERY_TYPE = {"resourceType", "id", "meta", "contained", "implicitRules", "modifierExtension"}
OWNER = {"subject", "patient", "beneficiary"}
# What a differential may say of an element without demanding anything of it.
DEMANDS_NOTHING = {"id", "path", "short", "definition", "mustSupport"}


class Watched(dict[str, Any]):
    """A resource that notes which of its elements are asked for."""

    def __init__(self, content: Resource) -> None:
        """A copy of the content."""
        super().__init__(content)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        """As of any dict."""
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        # Only conditions look through all their names, for an abatement of any type.
        self.asked.add("abatementDateTime")
        return super().__iter__()


def charts() -> Iterator[Resource]:
    """The story's chart, and those of the whole sample clinic."""
    yield from example(CHART)
    for story in load():
        yield from build(story, TODAY)


def variants(resource: Resource) -> Iterator[Watched]:
    """The resource, and it without one of its elements: then the readers look for another."""
    for left_out in ("", *resource.keys() - {"resourceType"}):
        yield Watched({name: value for name, value in resource.items() if name != left_out})


@cache
def all_read() -> dict[str, set[str]]:
    """By type, the elements of R4 that its reader has asked for."""
    reader = Reader(TERMINOLOGY, CANONICAL_BASE)
    asked: dict[str, set[str]] = {}
    for resource in charts():
        for watched in variants(resource):
            reader.facts(watched)
            asked.setdefault(resource["resourceType"], set()).update(watched.asked)
    return {kind: names & legal(kind) for kind, names in asked.items()}


def legal(kind: str) -> set[str]:
    """What R4 calls the elements of a type. R4B has the same."""
    model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    return {field.alias or name for name, field in model.model_fields.items()}


def elements_of(profile: Resource) -> list[Resource]:
    elements: list[Resource] = profile["differential"]["element"]
    return [one for one in elements if one["path"] != profile["type"]]


def supported(profile: Resource) -> set[str]:
    """The elements of the resource itself that are marked as read: `onset[x]` for a choice."""
    paths = (one["path"].split(".")[1:] for one in elements_of(profile) if one.get("mustSupport"))
    return {path[0] for path in paths if len(path) == 1}


def is_one_of(name: str, elements: set[str]) -> bool:
    stems = (
        re.escape(one.removesuffix("[x]")) + ("[A-Z].*" if one.endswith("[x]") else "") for one in elements
    )
    return any(re.fullmatch(stem, name) for stem in stems)


each = pytest.mark.parametrize(("kind", "id"), RECEIVED_PROFILES.items(), ids=RECEIVED_PROFILES)


@each
def test_what_is_marked_is_read(kind: str, id: str) -> None:
    marked = supported(PROFILES[id]) - OF_EVERY_TYPE - OWNER
    assert {one for one in marked if not any(is_one_of(name, {one}) for name in all_read()[kind])} == set()


@each
def test_what_is_read_is_marked(kind: str, id: str) -> None:
    names = all_read()[kind] - OF_EVERY_TYPE
    assert {name for name in names if not is_one_of(name, supported(PROFILES[id]))} == set()


@each
def test_it_demands_nothing(kind: str, id: str) -> None:
    profile = PROFILES[id]
    assert profile["type"] == kind
    assert [one["path"] for one in elements_of(profile) if not one.keys() <= DEMANDS_NOTHING] == []


@each
def test_it_marks_whose_it_is(kind: str, id: str) -> None:
    assert kind == "Patient" or len(supported(PROFILES[id]) & OWNER) == 1
