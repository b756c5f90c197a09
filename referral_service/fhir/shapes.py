"""Compiles the check of each FHIR type from the R4B metadata of fhir.resources, once, at its first use.

Types of elements, cardinality, choices, codes and reference targets come from the metadata; `definitions`
corrects them to R4. A type's module is imported only when needed: importing all takes over a second.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from threading import RLock
from typing import Annotated, Any, Final, NamedTuple, get_args, get_origin
from uuid import UUID

from pydantic.fields import FieldInfo

from referral_service.fhir import definitions
from referral_service.fhir.findings import Check, Found, Scope, finding
from referral_service.fhir.invariants import INVARIANTS
from referral_service.fhir.objects import ENOUGH, MOST, Plan, many
from referral_service.fhir.primitives import CURRENCY, ELEMENT_ID, MIME, PRIMITIVES, one_of
from referral_service.fhir.references import reference_to

_R4B: Final = "fhir.resources.R4B."
_RESOURCE: Final = _R4B + "resource.Resource"
_REFERENCE: Final = _R4B + "reference.Reference"
_PRIMITIVE_EXTENSION: Final = _R4B + "fhirprimitiveextension.FHIRPrimitiveExtension"

_NOT_OF_VALUE_SET = finding("code-invalid", "No coding is of the required value set.")
_COMPARATOR = finding("invariant", "sqty-1: no comparator stands here.", ".comparator")


class Element(NamedTuple):
    """One element of a class: its JSON name, its type (a primitive's name or a class's path) and limits.

    `codes` are those of a required binding, `targets` the types that a Reference may refer to; none: any.
    """

    name: str
    type: str
    repeats: bool
    required: bool
    choice: str
    choice_required: bool
    codes: frozenset[str]
    targets: frozenset[str]


def _typed(annotation: Any) -> tuple[str, bool]:
    """The name of a primitive or the path of a class, and whether it may repeat."""
    if annotation is bool:
        return "boolean", False
    if get_origin(annotation) is Annotated:
        names = [name for one in annotation.__metadata__ if (name := getattr(one, "__visit_name__", None))]
        return names[0] if names else _unnamed(annotation), False
    path = getattr(annotation, "_model_klass", None)
    if path is not None:
        return path, False
    inner = next(one for one in get_args(annotation) if one is not type(None))
    name, repeats = _typed(inner)
    return name, repeats or get_origin(annotation) is list


def _unnamed(annotation: Any) -> str:
    """A primitive without a name of its own in fhir.resources: only uuid is."""
    assert annotation.__origin__ is UUID, annotation
    return "uuid"


def elements_of(model: Any) -> Iterator[Element]:
    """The elements of a class of fhir.resources, as R4 defines them."""
    fields: dict[str, FieldInfo] = model.model_fields
    for attribute, field in fields.items():
        name = field.alias or attribute
        if attribute.endswith("__ext") or attribute == "fhir_comments":
            continue
        if (model.__name__, name) in definitions.NOT_IN_R4:
            continue
        extra: Any = field.json_schema_extra or {}
        kind, repeats = _typed(field.annotation)
        yield Element(
            name,
            kind,
            repeats,
            field.is_required() or extra.get("element_required", False),
            extra.get("one_of_many", ""),
            extra.get("one_of_many_required", False),
            _codes((model.__name__, name), extra),
            definitions.TARGETS.get((model.__name__, name), frozenset(extra.get("enum_reference_types", ())))
            - {"Resource"},
        )
    none: frozenset[str] = frozenset()
    for owner, choice in definitions.ANY_TYPE:
        if owner == model.__name__:
            is_required = owner == "ElementDefinitionExample"
            yield Element(choice + "Meta", _R4B + "meta.Meta", False, False, choice, is_required, none, none)


def _codes(key: tuple[str, str], extra: Mapping[str, Any]) -> frozenset[str]:
    if key in definitions.NOT_REQUIRED_CODES:
        return frozenset()
    return definitions.REQUIRED_CODES.get(key, frozenset(extra.get("enum_values", ())))


def _of_concept(shape: Check, system: str, codes: frozenset[str]) -> Check:
    """A CodeableConcept of a required value set; one that only explains its absence passes."""

    def check(value: Any, scope: Scope) -> Found:
        wrong = shape(value, scope)
        if wrong is not None or not ("coding" in value or "text" in value):
            return wrong
        codings = value.get("coding", ())
        if any(one.get("system") == system and one.get("code") in codes for one in codings):
            return None
        return _NOT_OF_VALUE_SET

    return check


def _simple(shape: Check) -> Check:
    """A Quantity that allows no comparator."""

    def check(value: Any, scope: Scope) -> Found:
        wrong = shape(value, scope)
        if type(value) is dict and "comparator" in value:
            return (wrong or []) + _COMPARATOR
        return wrong

    return check


class Shapes:
    """The checks by class path; safe to share between threads."""

    def __init__(self, contained: Check, nested: Check) -> None:
        """`contained` checks DomainResource.contained, `nested` a resource within a Bundle or Parameters."""
        self._contained = contained
        self._nested = nested
        self._ready: dict[str, Check] = {}
        self._lock = RLock()

    def of_type(self, resource_type: str) -> Check:
        """The check of resources of an R4 type that R4B has."""
        return self._of(f"{_R4B}{resource_type.lower()}.{resource_type}")

    def _of(self, path: str) -> Check:
        ready = self._ready.get(path)
        if ready is not None:
            return ready
        with self._lock:
            # Types refer to each other in circles, so none is shown to other threads before all are complete.
            pending: dict[str, Check] = {}
            check = self._compiled(path, pending)
            self._ready.update(pending)
        return check

    def _compiled(self, path: str, pending: dict[str, Check]) -> Check:
        known = self._ready.get(path) or pending.get(path)
        if known is not None:
            return known
        module, _, name = path.rpartition(".")
        model = getattr(import_module(module), name)
        is_resource = model.has_resource_base()
        plan = Plan(
            is_element=not is_resource and path != _PRIMITIVE_EXTENSION,
            extension_of_primitive=lambda: self._of(_PRIMITIVE_EXTENSION),
            invariant=INVARIANTS.get(name),
        )
        check = pending[path] = plan.check
        if is_resource:
            plan.elements["resourceType"] = lambda _value, _scope: None
        for element in elements_of(model):
            self._add(plan, name, element, pending)
        return check

    def _add(self, plan: Plan, owner: str, element: Element, pending: dict[str, Check]) -> None:
        """Adds one element to the plan of its owner."""
        name = element.name
        if name == "contained":
            plan.elements[name] = self._contained
            return
        if element.type in PRIMITIVES:
            one = _primitive(owner, element, plan.is_element)
            if not ((plan.is_element and name == "id") or (owner, name) in definitions.BARE):
                plan.primitives[name] = (one, element.repeats)
        else:
            one = self._complex(owner, element, pending)
        enough = MOST if (owner, name) == ("Bundle", "entry") else ENOUGH
        plan.elements[name] = many(one, enough) if element.repeats else one
        if element.required:
            plan.required.append(name)
        if element.choice:
            plan.choices[name] = element.choice
            if name in plan.primitives:
                plan.choices["_" + name] = element.choice
            if element.choice_required and element.choice not in plan.required_choices:
                plan.required_choices.append(element.choice)

    def _complex(self, owner: str, element: Element, pending: dict[str, Check]) -> Check:
        if element.type == _RESOURCE:
            return self._nested
        if owner == "Extension" and element.choice:
            # An extension may hold any data type; most are never met, so their modules wait.
            shape = self._later(element.type)
        else:
            shape = self._compiled(element.type, pending)
        if element.type == _REFERENCE:
            return reference_to(element.targets or None, shape)
        key = (owner, element.name)
        if key in definitions.REQUIRED_CONCEPTS:
            return _of_concept(shape, *definitions.REQUIRED_CONCEPTS[key])
        return _simple(shape) if key in definitions.SIMPLE_QUANTITIES else shape

    def _later(self, path: str) -> Check:
        return lambda value, scope: self._of(path)(value, scope)


def _primitive(owner: str, element: Element, in_element: bool) -> Check:
    """The check of one value of a primitive element, its required codes included."""
    key = (owner, element.name)
    if element.codes:
        return one_of(element.codes)
    if key in definitions.MIME_TYPES:
        return MIME
    if key == ("Money", "currency"):
        return CURRENCY
    if element.name == "id" and in_element:
        return ELEMENT_ID
    return PRIMITIVES[element.type]
