"""Each extension of ours is defined, and used as it is defined."""

from collections.abc import Iterator
from typing import Any

from fhir_profiles.build_valuesets import CANONICAL_BASE
from tests.profiles.committed import Resource, published

OURS = f"{CANONICAL_BASE}/StructureDefinition/"
DEFINED = {one["url"]: one for one in published("structuredefinitions") if one["type"] == "Extension"}


def used(value: Any, path: str) -> Iterator[tuple[str, Resource]]:
    """Every extension of ours in a resource, with the path of the element that carries it."""
    if isinstance(value, list):
        for part in value:
            yield from used(part, path)
    elif isinstance(value, dict):
        for extension in value.get("extension", ()):
            if extension["url"].startswith(OURS):
                yield path, extension
        for name, part in value.items():
            yield from used(part, f"{path}.{name}")


def value_type(definition: Resource) -> str:
    elements = definition["differential"]["element"]
    (types,) = (one["type"] for one in elements if one["path"] == "Extension.value[x]")
    return str(types[0]["code"])


def test_every_extension_is_used_where_and_as_it_is_defined() -> None:
    seen = set()
    for resource in published():
        for path, extension in used(resource, resource["resourceType"]):
            definition = DEFINED[extension["url"]]
            assert path in [context["expression"] for context in definition["context"]], resource["id"]
            assert extension.keys() == {"url", f"value{value_type(definition).capitalize()}"}, resource["id"]
            seen.add(extension["url"])
    assert seen == DEFINED.keys()


def test_what_a_profile_is_bound_to_is_published() -> None:
    published_urls = {one["url"] for one in published()}
    bound = {
        element["binding"]["valueSet"]
        for one in published("structuredefinitions")
        for element in one["differential"]["element"]
        if "binding" in element
    }
    assert bound
    assert bound <= published_urls


def test_no_two_published_resources_have_one_name() -> None:
    names = [(one["resourceType"], one["id"], one["url"]) for one in published()]
    assert len({(kind, id) for kind, id, _ in names}) == len({url for *_, url in names}) == len(names)
    assert all(url == f"{CANONICAL_BASE}/{kind}/{id}" for kind, id, url in names)
