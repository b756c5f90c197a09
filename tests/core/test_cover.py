"""Cover is a union, never a sum: held against counting one day after another."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from referral_service.core.cover import (
    Span,
    clipped,
    count,
    day_reaching,
    fewest_days,
    most_days,
    union,
)

day = st.integers(1, 40)
spans = st.lists(st.tuples(day, st.integers(0, 12)).map(lambda s: (s[0], s[0] + s[1])), max_size=6)


def _days(found: list[Span]) -> set[int]:
    return {d for start, end in found for d in range(start, end + 1)}


@given(spans)
def test_a_union_holds_the_same_days_in_parts_that_neither_overlap_nor_touch(found: list[Span]) -> None:
    merged = union(found)
    assert _days(merged) == _days(found)
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(merged))


@given(spans, day, day)
def test_what_is_clipped_lies_between(found: list[Span], one: int, other: int) -> None:
    first, last = sorted((one, other))
    assert all(start <= end for start, end in clipped(found, first, last))
    assert _days(clipped(union(found), first, last)) == {d for d in _days(found) if first <= d <= last}


@given(spans, day)
def test_a_day_covered_twice_counts_once(found: list[Span], through: int) -> None:
    assert count(union(found), through) == len([d for d in _days(found) if d <= through])


@given(spans, st.integers(1, 60))
def test_the_day_that_reaches_a_number_is_the_first_one(found: list[Span], needed: int) -> None:
    covered = sorted(_days(found))
    expected = covered[needed - 1] if len(covered) >= needed else None
    assert day_reaching(union(found), needed) == expected


@given(st.sets(day, max_size=4), st.lists(st.tuples(day, st.integers(1, 3)), max_size=3))
def test_no_way_of_placing_visits_in_courses_has_fewer_days(single: set[int], drawn: list[Span]) -> None:
    courses = [(start, start + length) for start, length in drawn]
    ways = [single]
    for start, end in courses:
        ways = [way | {on} for way in ways for on in range(start, end + 1)]
    assert fewest_days(single, courses) == min(len(way) for way in ways)


def test_one_visit_may_be_of_a_long_course_and_of_a_short_one_within_it() -> None:
    assert fewest_days(set(), [(1, 10), (2, 3)]) == 1


@given(st.sets(day, max_size=6), spans)
def test_the_most_is_every_day_of_every_course(single: set[int], courses: list[Span]) -> None:
    assert most_days(single, courses) == len(single | _days(courses))


def test_nothing_covers_nothing() -> None:
    assert union([]) == []
    assert (count([], 5), day_reaching([], 1), fewest_days(set(), []), most_days(set(), [])) == (
        0,
        None,
        0,
        0,
    )
