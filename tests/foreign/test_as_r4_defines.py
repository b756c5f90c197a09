"""What the checker is compiled from, beside R4's own definitions: neither stricter nor laxer anywhere."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from referral_service.fhir import definitions
from referral_service.fhir.shapes import Element, elements_of
from tests.foreign import r4
from tests.foreign.node import needs_node

_R4B = "fhir.resources.R4B."
# Some hundred licences are not listed.
_BOUND_OTHERWISE = definitions.MIME_TYPES | {("ImplementationGuide", "license")}
# Media types that R4's own examples call "json".
_SHORT = {
    ("CapabilityStatement", "format"),
    ("TestScriptSetupActionAssert", "contentType"),
    ("TestScriptSetupActionOperation", "accept"),
    ("TestScriptSetupActionOperation", "contentType"),
}
# What Medplum's definitions have of later versions of FHIR, and of Medplum's own.
_OF_MEDPLUM = (
    "AuditEvent.agent.who: targets",
    "AuditEvent.source.observer: targets",
    "Binary.url is only of R4",
    "DetectedIssue.status: codes",
    "DeviceDefinition.bodySite is only of R4",
    "DeviceDefinition.classification is only of R4",
    "HealthcareService.offeredIn is only of R4",
    "MeasureReport.subject: targets",
    "ObservationDefinition.publisher is only of R4",
    "ResearchStudy.site: targets",
    *(
        f"ResearchStudy.{name} is only of R4"
        for name in [
            "associatedParty",
            "classifier",
            "comparisonGroup",
            "descriptionSummary",
            "label",
            "name",
            "objective.description",
            "outcomeMeasure",
            "progressStatus",
            "recruitment",
            "region",
            "result",
            "studyDesign",
            "whyStopped",
        ]
    ),
)


def _differences(path: str, model: Any, seen: set[str]) -> Iterator[str]:
    """What differs below a path, in all the types that are met there."""
    seen.add(path)
    defined = r4.elements_of(path)
    ours = {one.name: one for one in elements_of(model)}
    for name in defined.keys() ^ ours.keys():
        yield f"{path}.{name} is only {'ours' if name in ours else 'of R4'}"
    for name in defined.keys() & ours.keys():
        wrong = _element(model.__name__, defined[name], ours[name])
        yield from (f"{path}.{name}: {one}" for one in wrong)
        below = _below(path, name, defined[name], ours[name])
        if below and below not in seen:
            yield from _differences(below, _class(ours[name].type), seen)


def _below(path: str, name: str, defined: r4.Defined, ours: Element) -> str:
    """Where the elements of this one are defined; "" of a primitive, and of what is defined elsewhere."""
    kind = defined.type.get("code", "")
    if not ours.type.startswith(_R4B) or ours.type.endswith(".Resource") or not kind:
        return ""
    return f"{path}.{name}" if kind in ("BackboneElement", "Element") else kind


def _class(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def _element(owner: str, defined: r4.Defined, ours: Element) -> Iterator[str]:
    is_required = defined.definition["min"] > 0
    if (defined.definition["max"] != "1") != ours.repeats:
        yield "cardinality"
    if is_required != (ours.choice_required if defined.is_choice else ours.required):
        yield "required"
    if defined.type.get("code") == "Reference" and defined.targets != ours.targets:
        yield "targets"
    key = (owner, ours.name)
    bound = defined.required_codes
    codes = ours.codes or definitions.REQUIRED_CONCEPTS.get(key, ("", frozenset()))[1]
    if bound is not None and bound != codes and key not in _BOUND_OTHERWISE:
        yield "codes"
    if defined.is_simple_quantity != (key in definitions.SIMPLE_QUANTITIES):
        yield "comparator"
    if defined.is_mime_type != (key in definitions.MIME_TYPES or key in _SHORT):
        yield "media type"


@needs_node
@pytest.mark.parametrize("kind", sorted(definitions.R4_TYPES - definitions.UNLIKE_R4B))
def test_each_type_is_checked_as_r4_defines_it(kind: str) -> None:
    found = sorted(_differences(kind, _class(f"{_R4B}{kind.lower()}.{kind}"), set()))
    assert found == sorted(one for one in _OF_MEDPLUM if one.startswith(f"{kind}."))
