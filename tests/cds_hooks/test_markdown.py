"""Nothing that a sender has written becomes markup."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_service.fhir.write.markdown import plain, table

MARKUP = r"\`*_{}[]<>#|~!&$"


@pytest.mark.parametrize("sign", MARKUP)
def test_each_sign_of_markup_is_escaped(sign: str) -> None:
    assert plain(f"a{sign}b") == f"a\\{sign}b"


@given(st.text(st.sampled_from(MARKUP + "ab \n\r\t\x0b\x00")))
def test_escaped_words_hold_no_markup_and_stand_on_one_line(text: str) -> None:
    escaped = plain(text)

    without_escapes = escaped
    for sign in MARKUP:
        without_escapes = without_escapes.replace(f"\\{sign}", "")
    assert not set(without_escapes) & set(MARKUP)
    assert escaped.splitlines() in ([], [escaped])


def test_a_cell_cannot_leave_its_row() -> None:
    lines = table(("One", "Two"), [("a|b\nc", "<script>")]).split("\n")

    assert lines == ["| One | Two |", "| --- | --- |", r"| a\|b c | \<script\> |"]
