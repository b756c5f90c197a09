"""References: their form, the type they point at where it can be seen, and what is contained (ref-1).

Source: https://hl7.org/fhir/R4/references.html.
"""

import re
from typing import Any, Final

from referral_service.fhir.definitions import R4_TYPES
from referral_service.fhir.findings import Check, Finding, Found, Scope, finding

_DEFINITION = "http://hl7.org/fhir/StructureDefinition/"
_IDENTITY = r"[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]{1,64})?"
_RELATIVE = re.compile(_IDENTITY)
_ABSOLUTE = re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*://\S+/([A-Z][A-Za-z]+)/{_IDENTITY}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
_SPACE = re.compile(r"\s")

_SPACED: Final = finding("value", "A reference must not contain white space.", ".reference")
_MALFORMED = finding("value", "A relative reference has the form Type/id.", ".reference")
_UNKNOWN_TYPE = finding("value", "The reference names no resource type of R4.", ".reference")
_WRONG_TYPE = finding("value", "The element may not refer to a resource of this type.", ".reference")
_WRONG_EXPECTED_TYPE = finding("value", "The element may not refer to a resource of this type.", ".type")
_UNLIKE = finding("value", "The type differs from that of the reference.", ".type")
_NOT_CONTAINED = finding("invariant", "ref-1: no contained resource has this id.", ".reference")
_POINTLESS = finding("required", "A reference needs a reference, an identifier, a display or an extension.")

_MEANINGFUL = ("reference", "identifier", "display", "extension", "_reference", "_display")


def _relative(text: str) -> tuple[str | None, Found]:
    """The type that a relative reference names, or why it is refused."""
    conditional, question, _ = text.partition("?")
    if question:
        known = conditional in R4_TYPES
        return (
            (conditional, None) if known else (None, _UNKNOWN_TYPE if _NAME.fullmatch(conditional) else None)
        )
    kind, slash, rest = text.partition("/")
    if kind in R4_TYPES:
        return (kind, None) if slash and _RELATIVE.fullmatch(rest) else (None, _MALFORMED)
    return None, _UNKNOWN_TYPE if slash and _NAME.fullmatch(kind) else None


def _seen(text: str, scope: Scope) -> tuple[str | None, Found]:
    """The type that a reference shows (None: not to be seen), or why it is refused."""
    if text.startswith("#"):
        if text == "#" and scope.inside is not None:
            scope.used.add(scope.inside)
            return None, None
        kind = scope.contained.get(text[1:])
        if kind is None:
            return None, _NOT_CONTAINED
        scope.used.add(text[1:])
        return kind, None
    if named := scope.named.get(text.partition("/_history/")[0]):
        return named, None
    if _SPACE.search(text):
        return None, _SPACED
    if _SCHEME.match(text):
        absolute = _ABSOLUTE.fullmatch(text)
        kind = absolute and absolute[1]
        return kind if kind in R4_TYPES else None, None
    return _relative(text)


def _expected(declared: Any, kind: str | None, allowed: frozenset[str]) -> list[Finding]:
    """What is wrong with Reference.type beside a reference to `kind`."""
    if not isinstance(declared, str):
        return []
    name = declared.removeprefix(_DEFINITION)
    if name not in R4_TYPES:
        return []
    if name not in allowed:
        return _WRONG_EXPECTED_TYPE
    return _UNLIKE if kind is not None and kind != name else []


def reference_to(targets: frozenset[str] | None, shape: Check) -> Check:
    """Checks a Reference (its elements by `shape`) that may point at `targets`; None: at anything."""
    allowed = R4_TYPES if targets is None else targets

    def look_closer(value: dict[str, Any], scope: Scope) -> list[Finding]:
        text = value.get("reference")
        kind: str | None = None
        found: list[Finding] = []
        if isinstance(text, str):
            kind, refused = _seen(text, scope)
            found += refused or (_WRONG_TYPE if kind is not None and kind not in allowed else [])
        elif value and not any(name in value for name in _MEANINGFUL):
            found += _POINTLESS
        return found + _expected(value.get("type"), kind, allowed)

    def check(value: Any, scope: Scope) -> Found:
        wrong = shape(value, scope)
        if type(value) is not dict:
            return wrong
        text = value.get("reference")
        if type(text) is str and "type" not in value:
            kind, _, rest = text.partition("/")
            if scope.named.get(text) in allowed or (kind in allowed and _RELATIVE.fullmatch(rest)):
                return wrong
        found = look_closer(value, scope)
        return (wrong or []) + found if found else wrong

    return check
