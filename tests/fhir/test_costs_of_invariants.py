"""What a rule looks at grows with the resource, not with its square, whatever a sender has put there."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from referral_service.fhir.invariants import INVARIANTS
from referral_service.fhir.parse import Number

Json = dict[str, Any]
MANY = 300
# Python hashes a number by its remainder from this.
_HASHED_BY = 2**61 - 1
compared = 0


class Watched(dict[str, Any]):
    """An object that counts how often it is compared."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """As of any object."""
        global compared
        compared += 1
        return super().__eq__(other)


class WatchedNumber(Decimal):
    """A number that counts how often it is compared."""

    __hash__ = Decimal.__hash__

    def __eq__(self, other: object) -> bool:
        """As of any number."""
        global compared
        compared += 1
        return super().__eq__(other)


def numbers(first: int) -> list[Decimal]:
    """Different numbers, all of the same hash."""
    return [WatchedNumber(first + _HASHED_BY * n) for n in range(MANY)]


def observation(own: list[Any], parts: list[Any]) -> Json:
    return {"valueString": "x", "code": {"coding": own}, "component": [{"code": {"coding": parts}}]}


def codes(letter: str) -> list[Any]:
    return [Watched(code=f"{letter}{n}") for n in range(MANY)]


def extended(first: int) -> list[Any]:
    return [{"extension": [{"url": "u", "valueDecimal": one}]} for one in numbers(first)]


BODIES: dict[str, tuple[str, Callable[[], Json]]] = {
    "codings": ("Observation", lambda: observation(codes("c"), codes("d"))),
    "codings alike in hash": ("Observation", lambda: observation(extended(1), extended(2))),
    "times alike in hash": ("TimingRepeat", lambda: {"offset": 1, "when": numbers(1)}),
    "addresses alike in hash": (
        "Bundle",
        lambda: {
            "type": "batch",
            "entry": [{"fullUrl": one, "request": {}} for one in numbers(1)],
        },
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_nothing_is_compared_with_all_the_others(name: str) -> None:
    global compared
    kind, body = BODIES[name]
    value = body()
    compared = 0
    assert list(INVARIANTS[kind](value)) == []
    assert compared <= 2 * MANY


SAME: list[tuple[Any, Any, bool]] = [
    ({"code": "a", "system": "s"}, {"system": "s", "code": "a"}, True),
    ({"code": "a"}, {"code": "a", "display": "A"}, False),
    ({"code": "a"}, {"code": "A"}, False),
    ({"code": "1"}, {"code": 1}, False),
    ({"code": [1]}, {"code": 1}, False),
    ({"code": None}, {"code": "None"}, False),
    ({"extension": [{"url": "u"}, {"url": "v"}]}, {"extension": [{"url": "v"}, {"url": "u"}]}, False),
    ({"extension": [{"url": "u"}]}, {"extension": [{"url": "u"}]}, True),
    ({"x": Number("1.50")}, {"x": Number("15e-1")}, True),
    ({"x": Number("100.0")}, {"x": 100}, True),
    ({"x": Number("1e2")}, {"x": 100}, True),
    ({"x": Number("-0.0")}, {"x": 0}, True),
    ({"x": Number(f"0.{'1' * 40}")}, {"x": Number(f"0.{'1' * 41}")}, False),
    ({"x": 10**40 + 1}, {"x": 10**40}, False),
]


@pytest.mark.parametrize(("one", "other", "is_same"), SAME)
def test_a_component_has_the_observations_code_where_all_of_it_is_equal(
    one: Json, other: Json, is_same: bool
) -> None:
    assert (one == other) is is_same
    found = list(INVARIANTS["Observation"](observation([{"code": "z"}, one], [{"code": "y"}, other])))
    assert [sentence[:5] for _, sentence, _ in found] == ["obs-7"] * is_same
