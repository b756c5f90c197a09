"""Escapes in searches: looked at part by part, never character by character."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_service.core.problem import Problem
from referral_service.fhir.search.escapes import plain, split
from referral_service.fhir.search.query import parse
from referral_service.fhir.search.table import KINDS

NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Watched(str):
    """A text that counts how often a single character of it is asked for."""

    __slots__ = ("asked",)
    asked: int

    def __getitem__(self, key: object) -> str:
        """As of any text."""
        self.asked += isinstance(key, int)
        return super().__getitem__(key)  # type: ignore[index]


@pytest.mark.parametrize("length", [1, 1000])
def test_no_character_is_asked_for_by_itself(length: int) -> None:
    text = Watched(",".join([r"\," * length] * 3))
    text.asked = 0
    assert split(text, ",") == [r"\," * length] * 3
    assert plain(text) == ",".join(["," * length] * 3)
    assert text.asked == 0


@given(st.text(alphabet="a,|\\\n"), st.sampled_from(",|"), st.integers(-1, 3))
def test_parts_are_what_stands_between_separators_that_no_backslash_escapes(
    text: str, separator: str, limit: int
) -> None:
    expected, is_escaped = [""], False
    for one in text:
        if one == separator and not is_escaped and len(expected) != limit + 1:
            expected.append("")
        else:
            expected[-1] += one
        is_escaped = one == "\\" and not is_escaped
    assert split(text, separator, limit) == (expected if limit else [text])


@pytest.mark.parametrize(("part", "said"), [("a\\", "a\\"), (r"\\", "\\"), (r"\a\|", "a|"), ("\\\n", "\n")])
def test_a_backslash_that_ends_a_part_stays(part: str, said: str) -> None:
    assert plain(part) == said


def test_a_sort_has_few_keys() -> None:
    assert len(parse(KINDS["Condition"], [("_sort", ",".join(["_lastUpdated"] * 20))], as_of=NOW).sort) == 1
    with pytest.raises(Problem) as refused:
        parse(KINDS["Condition"], [("_sort", ",".join(["_lastUpdated"] * 21))], as_of=NOW)
    assert "_sort: More than 20 keys." in str(refused.value)
