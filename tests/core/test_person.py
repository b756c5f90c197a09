"""Which patients are one person: links always count, identifiers where no birth date speaks against them."""

from collections.abc import Mapping

import pytest

from referral_service.core.person import MOST_HOLDERS, Identity, people

ANN, BOB = "1970-01-02", "1971-01-02"


def has(born: str, *identifiers: str, links: tuple[str, ...] = ()) -> Identity:
    return Identity(born=born, identifiers=identifiers, links=links)


@pytest.mark.parametrize(
    ("known", "together"),
    [
        pytest.param({"a": has(ANN, "7"), "b": has(ANN, "7"), "c": has(BOB, "8")}, {"ab", "c"}, id="number"),
        pytest.param({"a": has(ANN, "7"), "b": has("", "7")}, {"ab"}, id="no birth date"),
        pytest.param({"a": has(ANN, "7"), "b": has(BOB, "7")}, {"a", "b"}, id="another birth date"),
        pytest.param(
            {"a": has(ANN, "7"), "b": has("", "7"), "c": has(BOB, "7")},
            {"a", "b", "c"},
            id="a birth date that fits two who are not one",
        ),
        pytest.param(
            {"a": has(ANN, "7"), "b": has("", "7", "8"), "c": has(BOB, "8")},
            {"a", "b", "c"},
            id="two numbers of two who are not one",
        ),
        pytest.param(
            {"a": has(ANN, "7"), "b": has(ANN, "7"), "c": has(BOB, "7")}, {"ab", "c"}, id="one who differs"
        ),
        pytest.param(
            {"a": has(ANN, "7"), "b": has(ANN, "7"), "c": has(BOB, links=("a",))}, {"abc"}, id="a link counts"
        ),
        pytest.param({"a": has(ANN, links=("z",))}, {"az"}, id="a link to somebody who never came"),
        pytest.param(
            {name: has(ANN, "0") for name in "abcdefghi"}, set("abcdefghi"), id="what nine have is no name"
        ),
    ],
)
def test_who_is_one_person(known: Mapping[str, Identity], together: set[str]) -> None:
    assert MOST_HOLDERS == 8
    assert people(known, known) == {frozenset(names) for names in together}


def test_somebody_of_whom_nothing_is_said_is_a_person() -> None:
    assert people("ab", {"a": has(ANN)}) == {frozenset("a"), frozenset("b")}
