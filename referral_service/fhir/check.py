"""The strict check of FHIR R4 JSON, the way in for every resource: each problem with its FHIRPath.

What R4 (4.0.1) forbids is found. What it allows passes, however untidy: local extensions, unknown codes where
the binding is not required, contained resources, extensions of primitives, missing must-supports.
"""

from itertools import islice
from typing import Any

from referral_service.core.problem import Issue
from referral_service.fhir.definitions import CHECKED_TYPES, R4_TYPES, UNLIKE_R4B
from referral_service.fhir.findings import (
    EMPTY_ARRAY,
    EMPTY_OBJECT,
    NOT_AN_ARRAY,
    NOTHING_CONTAINED,
    NULL,
    REQUIRED,
    Finding,
    Found,
    Scope,
    below,
    finding,
    object_expected,
)
from referral_service.fhir.objects import ENDED, ENOUGH
from referral_service.fhir.primitives import PRIMITIVES
from referral_service.fhir.shapes import Shapes

__all__ = ["CHECKED_TYPES", "R4_TYPES", "check"]

_NO_TYPE = [(*REQUIRED, ".resourceType")]
_UNKNOWN_TYPE = finding("value", "Not a resource type of R4.", ".resourceType")
_NESTED = finding("invariant", "dom-2: a contained resource contains no other.")
_UNUSED = "dom-3: nothing refers to the contained resource, nor does it refer to its container."
_VERSIONED = finding("invariant", "dom-4: a contained resource has no version and no lastUpdated.", ".meta")
_LABELLED = finding("invariant", "dom-5: a contained resource has no security label.", ".meta.security")
_TWICE = finding("structure", "Two contained resources have the same id.", ".id")


def check(resource: dict[str, Any], path: str | None = None) -> list[Issue]:
    """Every problem with a parsed resource; [] when it is valid R4.

    `path` is the FHIRPath of the resource itself, its type by default. A Bundle's entries of CHECKED_TYPES
    are checked with it; entries of other R4 types are passed by.
    """
    found = _resource(resource)
    if found is None:
        return []
    root = path if path is not None else _root(resource)
    return [Issue(code, sentence, (root + where).lstrip(".")) for code, sentence, where in found]


def _root(resource: Any) -> str:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    return kind if isinstance(kind, str) and kind in R4_TYPES else ""


def _untyped(value: Any) -> Found:
    """Why `value` is not a resource of some R4 type."""
    if type(value) is not dict:
        return object_expected(value)
    kind = value.get("resourceType")
    if kind is None:
        return _NO_TYPE
    return None if isinstance(kind, str) and kind in R4_TYPES else _UNKNOWN_TYPE


def _resource(value: Any) -> Found:
    """A resource that stands for itself."""
    if wrong := _untyped(value):
        return wrong
    return _whole(value, Scope({}, _named(value)) if value["resourceType"] == "Bundle" else NOTHING_CONTAINED)


def _named(bundle: dict[str, Any]) -> dict[str, str]:
    """The type of what each fullUrl of a Bundle, valid or not, is the name of."""
    entries = bundle.get("entry")
    found: dict[str, str] = {}
    for one in entries if isinstance(entries, list) else ():
        name, resource = (one.get("fullUrl"), one.get("resource")) if isinstance(one, dict) else (None, None)
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if isinstance(name, str) and isinstance(kind, str) and kind in R4_TYPES:
            found.setdefault(name, kind)
    return found


def _whole(value: dict[str, Any], around: Scope) -> Found:
    contained = value.get("contained")
    if not isinstance(contained, list):
        return _shape(value, around)
    scope = Scope(
        {
            one["id"]: str(one.get("resourceType"))
            for one in contained
            if isinstance(one, dict) and isinstance(one.get("id"), str)
        },
        around.named,
    )
    found = [*(_shape(value, scope) or []), *_unused(contained, scope)]
    return found or None


def _nested(value: Any, scope: Scope) -> Found:
    """A resource in a Bundle or in Parameters: only the types of the service are looked into."""
    wrong = _untyped(value)
    if wrong is not None or value["resourceType"] not in CHECKED_TYPES:
        return wrong
    return _whole(value, scope)


def _shape(value: dict[str, Any], scope: Scope) -> Found:
    kind = value["resourceType"]
    return _plain(value) if kind in UNLIKE_R4B else _SHAPES.of_type(kind)(value, scope)


def _contained(value: Any, scope: Scope) -> Found:
    """DomainResource.contained (dom-2, dom-4, dom-5)."""
    if scope.inside is not None:
        return _NESTED
    if not isinstance(value, list):
        return NULL if value is None else NOT_AN_ARRAY
    if not value:
        return EMPTY_ARRAY
    found: list[Finding] = []
    seen: set[str] = set()
    for index, one in enumerate(value):
        wrong = _untyped(one) or _inner(one, scope, seen)
        found += below(f"[{index}]", wrong or [])
        if len(found) >= ENOUGH:
            found += ENDED
            break
    scope.inside = None
    return found or None


def _inner(one: dict[str, Any], scope: Scope, seen: set[str]) -> list[Finding]:
    identity = str(one.get("id", ""))
    scope.inside = identity
    found = list(_shape(one, scope) or [])
    if identity in seen:
        found += _TWICE
    seen.add(identity)
    meta = one.get("meta")
    if isinstance(meta, dict):
        if "versionId" in meta or "lastUpdated" in meta:
            found += _VERSIONED
        if "security" in meta:
            found += _LABELLED
    return found


def _unused(contained: list[Any], scope: Scope) -> list[Finding]:
    unused = (
        ("invariant", _UNUSED, f".contained[{index}]")
        for index, one in enumerate(contained)
        if isinstance(one, dict) and str(one.get("id", "")) not in scope.used
    )
    found = [*islice(unused, ENOUGH)]
    return found + below(".contained", ENDED) if len(found) == ENOUGH else found


def _plain(value: Any) -> Found:
    """The rules of FHIR's JSON for any type: nothing empty, nothing blank, no null but in arrays."""
    if value is None:
        return NULL
    if isinstance(value, str):
        return PRIMITIVES["string"](value, NOTHING_CONTAINED)
    if isinstance(value, dict):
        if not value:
            return EMPTY_OBJECT
        found = [problem for one in value.values() for problem in _plain(one) or []]
        return found or None
    if isinstance(value, list):
        if not value:
            return EMPTY_ARRAY
        found = [problem for one in value if one is not None for problem in _plain(one) or []]
        return found or None
    return None


_SHAPES = Shapes(contained=_contained, nested=_nested)
