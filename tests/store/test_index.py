"""The search index: a resource is found by what its current version says, and by nothing else."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from referral_service.fhir.search import query
from referral_service.fhir.search.dates import During, Span
from referral_service.store.search import Search
from referral_service.store.store import SqlStore
from referral_service.store.tables import moment, token
from referral_service.workflow.ports import Term, Write
from tests.kit.writes import TENANT, condition, deletion, received

MAY, JUNE, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (5, 6, 7))


def commit(store: SqlStore, *writes: Write) -> None:
    store.commit(TENANT, writes, [received(write) for write in writes])


def rows(store: SqlStore) -> tuple[set[tuple[str, str, str]], set[tuple[str, str]]]:
    """The codes and the names of dates in the index, each with the resource that it leads to."""
    with store.engine.connect() as connection:
        codes = connection.execute(select(token.c.code, token.c.system, token.c.id)).all()
        dates = connection.execute(select(moment.c.name, moment.c.id)).all()
    return {tuple(row) for row in codes}, {tuple(row) for row in dates}  # type: ignore[misc]


def found(store: SqlStore, **test: object) -> list[str]:
    tests = (query.Test(**{"name": "code", **test}),)  # type: ignore[arg-type]
    return Search(store.engine).ids(TENANT, query.Query(type="Condition", tests=tests))


def test_a_new_version_takes_the_place_of_the_old_one_in_the_index(store: SqlStore) -> None:
    kept, gone, new = Term("code", "kept", "s"), Term("code", "gone", "s"), Term("code", "new", "s")
    onset, recorded = Term("onset", start=MAY, end=JUNE), Term("recorded", start=MAY, end=JUNE)
    commit(store, condition("a", said="one", terms=(kept, gone, onset)), condition("b", terms=(gone,)))

    commit(store, condition("a", said="two", terms=(kept, new, new, recorded)))

    codes, dates = rows(store)
    assert codes == {("kept", "s", "a"), ("new", "s", "a"), ("gone", "s", "b")}
    assert dates == {("recorded", "a")}


def test_a_version_between_two_of_one_request_leaves_nothing_in_the_index(store: SqlStore) -> None:
    words = ("one", "two", "three")
    commit(store, condition(said="zero", terms=(Term("code", "zero"),)))

    commit(store, *(condition(said=word, terms=(Term("code", word),)) for word in words))

    assert rows(store) == ({("three", "", "back")}, set())


def test_a_deleted_resource_is_found_by_nothing(store: SqlStore) -> None:
    write = condition(terms=(Term("code", "pain"), Term("onset", start=MAY)))
    commit(store, write)

    commit(store, deletion(write))

    assert rows(store) == (set(), set())
    commit(store, write)
    assert rows(store) == ({("pain", "", "back")}, {("onset", "back")})


# As fhir.search.query writes them: a code of any system comes with and without a bar before it.
CODES = {
    ("M51.26", "|M51.26"): {"icd", "other", "bare"},
    ("icd|M51.26",): {"icd"},
    ("|M51.26",): {"bare"},
    ("a|b|c",): {"bars"},
    ("b|c", "|b|c"): {"bars"},
    ("c", "|c"): set(),
    ("icd|M51.26", "a|b|c"): {"icd", "bars"},
    (): set(),
}


@pytest.mark.parametrize("tokens", CODES)
def test_a_code_is_found_with_its_system_or_with_any(store: SqlStore, tokens: tuple[str, ...]) -> None:
    said = {"icd": ("M51.26", "icd"), "other": ("M51.26", "x"), "bare": ("M51.26", ""), "bars": ("b|c", "a")}
    commit(store, *(condition(id, terms=(Term("code", *coded),)) for id, coded in said.items()))

    found = Search(store.engine).ids(
        TENANT, query.Query(type="Condition", tests=(query.Test(name="code", tokens=tokens),)), limit=9
    )

    assert set(found) == CODES[tokens]


def test_every_code_of_a_system_is_found_by_the_system(store: SqlStore) -> None:
    commit(
        store,
        condition("a", terms=(Term("code", "x", "s"),)),
        condition("b", terms=(Term("code", "s", "y"),)),
    )

    assert found(store, systems=("s",)) == ["a"]
    assert found(store, systems=("s",), tokens=("y|s",)) == ["a", "b"]


def test_a_date_is_found_by_any_of_its_ranges(store: SqlStore) -> None:
    terms = (
        Term("onset", start=MAY, end=JUNE),
        Term("onset", start=JULY),
        Term("recorded", start=JUNE, end=JULY),
    )
    commit(store, condition("a", terms=terms))

    def within(start: datetime, end: datetime) -> list[str]:
        return found(store, name="onset", dates=(During("eq", Span(start, end)),))

    assert within(MAY, JUNE) == ["a"]
    assert within(JUNE, JULY) == []
