"""Checks one JSON object against the plan of its type: names, cardinality, choices, nulls, invariants, ele-1.

Source: https://hl7.org/fhir/R4/json.html. An extension of a primitive element stands beside it as "_name".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from referral_service.fhir.findings import (
    EMPTY_ARRAY,
    EMPTY_OBJECT,
    NOT_AN_ARRAY,
    NULL,
    REQUIRED,
    Check,
    Finding,
    Found,
    Scope,
    below,
    finding,
    object_expected,
)
from referral_service.fhir.invariants import Invariant

_CHILDLESS = finding("invariant", "ele-1: an element has a value or children.")
_UNEVEN = finding("structure", "The arrays of values and of their extensions must be of the same length.")
_UNKNOWN = finding("structure", "R4 has no such element here.")
# A hostile body must not cost seconds, nor be answered with a million issues.
ENOUGH = 100
MOST = 5000  # of a Bundle, each entry of which is judged by itself; with more it is refused whole
_FULLEST = 300  # members, of an object of any type of R4 with an extension beside each
ENDED = finding("too-costly", "So much is wrong here that the check of it ended.")
_ELEMENT_NAME = re.compile(r"_?[a-z][A-Za-z0-9]{0,63}")


@dataclass(slots=True)
class Plan:
    """What a type's objects may hold; filled while the type is compiled."""

    is_element: bool
    extension_of_primitive: Callable[[], Check]
    elements: dict[str, Check] = field(default_factory=dict)
    # The check of one value, and whether the element may repeat.
    primitives: dict[str, tuple[Check, bool]] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    # The choice ("onset") that an element ("onsetAge", "_onsetString") belongs to.
    choices: dict[str, str] = field(default_factory=dict)
    required_choices: list[str] = field(default_factory=list)
    invariant: Invariant | None = None

    def check(self, value: Any, scope: Scope) -> Found:
        """Checks one object and all that is below it."""
        if type(value) is not dict or not value or len(value) > _FULLEST:
            return _not_looked_into(value)
        found: list[Finding] = []
        find = self.elements.get
        for name, child in value.items():
            wrong = find(name, _unknown)(child, scope)
            if wrong is not None:
                found += _placed(self, value, name, wrong, scope)
        for name in self.required:
            if name not in value and "_" + name not in value:
                found.append((*REQUIRED, "." + name))
        if self.choices:
            found += _choices(self, value)
        if self.invariant is not None or (len(value) == 1 and "id" in value):
            found += _judged(self, value, found)
        return found or None


def many(one: Check, enough: int = ENOUGH) -> Check:
    """Checks an array of what `one` checks, until `enough` is wrong with it."""

    def check(value: Any, scope: Scope) -> Found:
        if type(value) is not list:
            return NULL if value is None else NOT_AN_ARRAY
        if not value:
            return EMPTY_ARRAY
        found: list[Finding] = []
        for index, item in enumerate(value):
            wrong = one(item, scope)
            if wrong is not None:
                found += below(f"[{index}]", wrong)
                if len(found) >= enough:
                    return found + ENDED
        return found or None

    return check


def _not_looked_into(value: Any) -> list[Finding]:
    if type(value) is dict:
        return ENDED if value else EMPTY_OBJECT
    return object_expected(value)


def _judged(plan: Plan, value: dict[str, Any], found: list[Finding]) -> list[Finding]:
    """What the object breaks as a whole: ele-1 and the invariant of its type."""
    if plan.is_element and len(value) == 1 and "id" in value:
        return _CHILDLESS
    try:
        broken = list(islice(plan.invariant(value), MOST)) if plan.invariant is not None else []
        return broken + ENDED if len(broken) == MOST else broken
    except (TypeError, AttributeError, LookupError, ValueError, ArithmeticError):
        # The rules trust JSON types. Where these are wrong, which `found` says, a rule cannot be asked.
        if not found:
            raise
        return []


def _choices(plan: Plan, value: dict[str, Any]) -> list[Finding]:
    found: list[Finding] = []
    chosen: dict[str, str] = {}
    for name in value:
        if name in plan.choices:
            group = plan.choices[name]
            element = name.removeprefix("_")
            if chosen.setdefault(group, element) != element:
                found.append(("structure", "Only one type may be chosen for the element.", "." + group))
    found += [(*REQUIRED, "." + group) for group in plan.required_choices if group not in chosen]
    return found


def _unknown(_value: Any, _scope: Scope) -> Found:
    return _UNKNOWN


def _placed(
    plan: Plan, value: dict[str, Any], name: str, wrong: list[Finding], scope: Scope
) -> list[Finding]:
    """The findings in the element of that name, with its place, once all that excuses them is considered."""
    if wrong is _UNKNOWN:
        return _strange(plan, value, name, scope)
    return below("." + name, _without_fillers(plan, value, name, wrong, scope))


def _strange(plan: Plan, value: dict[str, Any], name: str, scope: Scope) -> list[Finding]:
    """What is wrong with an element that is not of the plan: it may be the extension of a primitive."""
    base = name.removeprefix("_")
    if base == name or base not in plan.primitives:
        # A name that is not formed like an element's could be anything, even a patient's.
        return below("." + name, _UNKNOWN) if _ELEMENT_NAME.fullmatch(name) else _UNKNOWN
    extension = plan.extension_of_primitive()
    if not plan.primitives[base][1]:
        wrong = _extended(extension, value[name], base in value, scope)
        return below("." + base, wrong)
    extensions, values = value[name], value.get(base)
    if type(extensions) is not list or not extensions:
        return below("." + base, EMPTY_ARRAY if extensions == [] else NOT_AN_ARRAY)
    if isinstance(values, list) and len(values) != len(extensions):
        return below("." + base, _UNEVEN)
    found: list[Finding] = []
    for index, item in enumerate(extensions):
        has_value = isinstance(values, list) and values[index] is not None
        if item is not None or not has_value:
            found += below(f".{base}[{index}]", _extended(extension, item, has_value, scope))
    return found


def _extended(extension: Check, item: Any, has_value: bool, scope: Scope) -> list[Finding]:
    wrong = extension(item, scope) or []
    if not wrong and not has_value and "extension" not in item:
        return _CHILDLESS
    return wrong


def _without_fillers(
    plan: Plan, value: dict[str, Any], name: str, wrong: list[Finding], scope: Scope
) -> list[Finding]:
    """The findings in an array of primitives, less the nulls that hold the place of an extension."""
    one, repeats = plan.primitives.get(name, (None, False))
    extensions = value.get("_" + name)
    if one is None or not repeats or not isinstance(extensions, list) or not isinstance(value[name], list):
        return wrong
    found: list[Finding] = []
    for index, item in enumerate(value[name]):
        if item is None and index < len(extensions) and extensions[index] is not None:
            continue
        found += below(f"[{index}]", one(item, scope) or [])
    return found
