"""Scopes of systems: which interactions with which types a token brings. Pure.

Source: SMART App Launch 2.2, "Scopes and Launch Context": version 2's letters in the order c r u d s, and
version 1's `.read`, `.write` and `.*`, which mean `.rs`, `.cud` and `.cruds`. A scope narrowed by a search
(`?param=value`) is not kept by this service, so it is never given, and gives nothing in another's token.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from referral_service.fhir.definitions import R4_TYPES

# Not SMART's: lets a system read /metrics.
OPERATOR: Final = "operator"
ANY: Final = "*"
# The letter that each of R4's interactions needs; one that is not here needs more than any scope.
LETTERS: Final = {
    "create": "c",
    "read": "r",
    "vread": "r",
    "history-instance": "r",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "search-type": "s",
}
_ORDER: Final = "cruds"
_VERSION_1: Final = {"read": "rs", "write": "cud", "*": _ORDER}
_FORM = re.compile(r"system/([A-Z][A-Za-z]+|\*)\.([a-z]+|\*)\Z")
# What was done with patients' data is for auditors, who are people.
_NEVER: Final = frozenset({"AuditEvent"})


class ScopeError(ValueError):
    """The text says what is wrong with a scope, without repeating it."""


class Scope(NamedTuple):
    """A type, or ANY, and the letters of what may be done with it, in order."""

    type: str
    letters: str

    def __str__(self) -> str:
        return f"system/{self.type}.{self.letters}"


def parse(text: str) -> Scope:
    """One scope of a system, of either version; raises ScopeError."""
    if "?" in text:
        raise ScopeError("scopes with a search are not supported: ask for the whole type")
    form = _FORM.match(text)
    if form is None:
        raise ScopeError("only scopes such as system/Condition.rs are known here")
    type, said = form.groups()
    letters = _VERSION_1.get(said, said)
    if "".join(letter for letter in _ORDER if letter in letters) != letters:
        raise ScopeError("the letters after the dot are some of c, r, u, d, s, in this order")
    if type != ANY and type not in R4_TYPES:
        raise ScopeError("a scope names a resource type of R4, or *")
    return Scope(type, letters)


def allows(scopes: Sequence[str], type: str, interaction: str) -> bool:
    """Whether a system with these scopes may do this with that type; `interaction` is R4's code."""
    letter = LETTERS.get(interaction)
    if letter is None or type in _NEVER:
        return False
    given = _given(tuple(scopes))
    return letter in given.get(type, "") or letter in given.get(ANY, "")


def granted(asked: str, most: Sequence[str]) -> tuple[str, ...]:
    """What is given of the scopes asked for, parted by spaces, where no more than `most` may be.

    One that is given whole stays as it was asked, else what is left of it is said in version 2's form. One of
    a type that no system may see is never given.
    Raises ScopeError for one that is not understood.
    """
    found: dict[str, None] = {}
    for text in asked.split():
        if text == OPERATOR:
            found |= {text: None} if OPERATOR in most else {}
            continue
        scope = parse(text)
        left = [one for one in _narrowed(scope, _given(tuple(most))) if one.type not in _NEVER]
        found |= dict.fromkeys([text] if left == [scope] else map(str, left))
    return tuple(found)


def kept(told: Iterable[str], most: Sequence[str]) -> tuple[str, ...]:
    """The same for a token of somebody else's, whose other scopes are passed by."""
    found: list[str] = []
    for text in told:
        try:
            found += granted(text, most)
        except ScopeError:
            continue
    return tuple(dict.fromkeys(found))


@lru_cache(1024)
def _given(scopes: tuple[str, ...]) -> Mapping[str, str]:
    """The letters by type."""
    given: dict[str, str] = {}
    for text in scopes:
        if text != OPERATOR:
            type, letters = parse(text)
            given[type] = _either(given.get(type, ""), letters)
    return given


def _narrowed(scope: Scope, most: Mapping[str, str]) -> list[Scope]:
    """What both give; one type is not named where all are."""
    if scope.type != ANY:
        both = _both(scope.letters, _either(most.get(scope.type, ""), most.get(ANY, "")))
        return [Scope(scope.type, both)] if both else []
    of_any = _both(scope.letters, most.get(ANY, ""))
    found = [Scope(ANY, of_any)] if of_any else []
    for type, letters in most.items():
        more = _both(scope.letters, letters)
        if type != ANY and not set(more) <= set(of_any):
            found.append(Scope(type, more))
    return found


def _both(some: str, others: str) -> str:
    return "".join(letter for letter in some if letter in others)


def _either(some: str, others: str) -> str:
    return "".join(letter for letter in _ORDER if letter in some or letter in others)
