"""Spans of days and their union: trial time is the union of cover, never a sum.

A span is a pair of ordinals, both inclusive. A union is a sorted list of spans with a gap between any two.
"""

from collections.abc import Iterable, Sequence

Span = tuple[int, int]


def union(spans: Iterable[Span]) -> list[Span]:
    """The spans merged; spans that touch (one ends the day before the next begins) are one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1] + 1:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def clipped(spans: Iterable[Span], first: int, last: int) -> list[Span]:
    """The parts of the spans that lie from `first` to `last`."""
    return [(max(start, first), min(end, last)) for start, end in spans if end >= first and start <= last]


def count(merged: Sequence[Span], through: int) -> int:
    """How many days of a union lie on or before `through`."""
    return sum(min(end, through) - start + 1 for start, end in merged if start <= through)


def day_reaching(merged: Sequence[Span], needed: int) -> int | None:
    """The day on which a union has covered `needed` days, or None if it never does."""
    for start, end in merged:
        if end - start + 1 >= needed:
            return start + needed - 1
        needed -= end - start + 1
    return None


def fewest_days(single: set[int], courses: Sequence[Span]) -> int:
    """The least number of visit-days: known ones, and one for each course that needs a day of its own."""
    days = set(single)
    for start, end in sorted(courses, key=lambda course: course[1]):
        if not any(start <= day <= end for day in days):
            days.add(end)
    return len(days)


def most_days(single: set[int], courses: Sequence[Span]) -> int:
    """The greatest number of visit-days: every day of every course may have held one."""
    in_courses = sum(end - start + 1 for start, end in union(courses))
    outside = sum(1 for day in single if not any(start <= day <= end for start, end in courses))
    return in_courses + outside
