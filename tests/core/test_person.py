"""Which patients are one person: links always count, identifiers where no birth date speaks against them."""

from collections.abc import Mapping
from datetime import date

import pytest

from referral_service.core.dates import When
from referral_service.core.person import MOST_HOLDERS, MOST_LINKED, Identity, people, united
from referral_service.core.timeline import Person, Refusal

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


@pytest.mark.parametrize(("number", "is_one"), [(MOST_LINKED, True), (MOST_LINKED + 1, False)])
def test_so_many_link_to_it_that_it_is_a_placeholder(number: int, is_one: bool) -> None:
    linking = {f"a{place}": has(ANN, links=("z",)) for place in range(number)}
    groups = people(linking, linking)
    assert groups == ({frozenset({*linking, "z"})} if is_one else {frozenset({one}) for one in linking})


def test_somebody_of_whom_nothing_is_said_is_a_person() -> None:
    assert people("ab", {"a": has(ANN)}) == {frozenset("a"), frozenset("b")}


def born(patient: str, birth: When | None, died: When | None = None, *, is_deceased: bool = False) -> Person:
    return Person(source=f"Patient/{patient}", birth=birth, died=died, is_deceased=is_deceased)


MAY, JUNE = (When(date(2009, month, 1), date(2009, month, 1)) for month in (5, 6))


@pytest.mark.parametrize(
    ("said", "together"),
    [
        pytest.param([born("a", MAY)], born("a", MAY), id="one alone"),
        pytest.param([born("b", MAY), born("a", MAY)], born("a", MAY), id="both say the same"),
        pytest.param([born("a", MAY), born("b", None)], born("a", MAY), id="one does not know"),
        pytest.param(
            [born("a", JUNE), born("b", MAY)], born("a", When(MAY.earliest, JUNE.latest)), id="they differ"
        ),
        pytest.param(
            [born("a", MAY), born("b", MAY, JUNE, is_deceased=True)],
            born("a", MAY, JUNE, is_deceased=True),
            id="one knows of the death",
        ),
    ],
)
def test_what_several_patients_say_of_one_persons_life(said: list[Person], together: Person) -> None:
    refusal = Refusal(source="Consent/1", meanings=())

    assert united([*said, refusal]) == (together, refusal)
