"""What the parts of the checker hand to each other: findings, and the scope of local references."""

from collections.abc import Callable, Mapping
from typing import Any

# FHIR issue-type code, sentence, and the FHIRPath below the element that was checked (".code", "[2].system").
Finding = tuple[str, str, str]
Found = list[Finding] | None


class Scope:
    """One resource with what it contains: type by id, the ids referred to so far, the one being checked."""

    __slots__ = ("contained", "inside", "named", "used")

    def __init__(self, contained: Mapping[str, str], named: Mapping[str, str]) -> None:
        """`contained` maps the id of each contained resource to its type; `named` each fullUrl around it."""
        self.contained = contained
        self.named = named
        self.used: set[str] = set()
        self.inside: str | None = None


# Nothing is contained, so nothing is ever noted in it: it is safe to share.
NOTHING_CONTAINED = Scope({}, {})

# Checks one JSON value; None when nothing is wrong, which is nearly always and must cost nothing.
Check = Callable[[Any, Scope], Found]


def finding(code: str, sentence: str, where: str = "") -> list[Finding]:
    """One finding as a list; lists of findings are shared and never changed."""
    return [(code, sentence, where)]


def below(where: str, found: list[Finding]) -> list[Finding]:
    """The same findings seen from the parent: `where` is ".name" or "[index]"."""
    return [(code, sentence, where + rest) for code, sentence, rest in found]


NULL = finding("structure", "Must not be null.")
EMPTY_ARRAY = finding("structure", "An array must not be empty.")
EMPTY_OBJECT = finding("structure", "An object must not be empty.")
NOT_AN_ARRAY = finding("structure", "Must be a JSON array: the element may repeat.")
NOT_AN_OBJECT = finding("structure", "Must be a JSON object.")
REQUIRED = ("required", "The element is required.")


def object_expected(value: Any) -> list[Finding]:
    """Why `value`, which is no object, is refused where one is due."""
    return NULL if value is None else NOT_AN_OBJECT
