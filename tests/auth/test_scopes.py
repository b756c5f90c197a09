"""What a scope says, in either version's words, and what is given of what is asked."""

from itertools import combinations

import pytest

from referral_service.auth.scopes import LETTERS, ScopeError, allows, granted, kept, parse

BY_LETTER = {
    "c": {"create"},
    "r": {"read", "vread", "history-instance"},
    "u": {"update", "patch"},
    "d": {"delete"},
    "s": {"search-type"},
}
IN_ORDER = ["".join(some) for size in range(1, 6) for some in combinations("cruds", size)]


@pytest.mark.parametrize("letters", IN_ORDER)
@pytest.mark.parametrize("type", ["Condition", "*"])
def test_each_letter_allows_its_interactions_and_no_other(letters: str, type: str) -> None:
    allowed = {code for code in LETTERS if allows([f"system/{type}.{letters}"], "Condition", code)}

    assert allowed == set().union(*(BY_LETTER[letter] for letter in letters))


@pytest.mark.parametrize(("version_1", "version_2"), [("read", "rs"), ("write", "cud"), ("*", "cruds")])
def test_version_1_means_what_version_2_says(version_1: str, version_2: str) -> None:
    assert parse(f"system/Task.{version_1}").letters == version_2
    for code in LETTERS:
        either = [allows([f"system/Task.{said}"], "Task", code) for said in (version_1, version_2)]
        assert either[0] == either[1]


@pytest.mark.parametrize("code", LETTERS)
def test_a_scope_is_of_its_type_alone(code: str) -> None:
    assert not allows(["system/Condition.cruds"], "Patient", code)
    assert not allows([], "Patient", code)


@pytest.mark.parametrize("code", ["$approve", "$assess", "$everything", "history-type", "batch", "", "READ"])
def test_what_no_letter_stands_for_no_scope_allows(code: str) -> None:
    assert not allows(["system/*.cruds"], "Patient", code)


def test_what_was_done_with_data_is_no_systems_business() -> None:
    assert not any(
        allows(["system/*.cruds", "system/AuditEvent.cruds"], "AuditEvent", code) for code in LETTERS
    )


@pytest.mark.parametrize(
    "said",
    [
        "system/Condition.sr",
        "system/Condition.dus",
        "system/Condition.rr",
        "system/Condition.",
        "system/Condition",
        "system/Condition.rs?code=x",
        "system/Condition.rs?",
        "system/*.?category=x",
        "system/Condition.reads",
        "system/Condition.Read",
        "system/Condition.**",
        "system/condition.rs",
        "system/Unicorn.rs",
        "system/.rs",
        "system/**.rs",
        "System/Condition.rs",
        "user/Condition.rs",
        "patient/*.rs",
        "launch/patient",
        "openid",
        "system/Condition.rs\n",
        "system/../Patient.rs",
    ],
)
def test_what_is_no_scope_here_is_refused(said: str) -> None:
    with pytest.raises(ScopeError):
        parse(said)


@pytest.mark.parametrize(
    ("asked", "most", "given"),
    [
        ("system/Condition.rs", "system/*.cruds", "system/Condition.rs"),
        ("system/Condition.read", "system/*.cruds", "system/Condition.read"),
        ("system/Condition.read", "system/Condition.r", "system/Condition.r"),
        ("system/*.cruds", "system/Condition.rs system/Patient.r", "system/Condition.rs system/Patient.r"),
        ("system/*.rs", "system/*.s system/Condition.cruds", "system/*.s system/Condition.rs"),
        ("system/*.*", "system/*.cruds", "system/*.*"),
        ("system/Condition.cruds", "system/*.r system/Condition.c", "system/Condition.cr"),
        ("system/Condition.r system/Patient.r", "system/Patient.rs", "system/Patient.r"),
        ("system/Condition.r system/Condition.r", "system/*.r", "system/Condition.r"),
        ("system/Condition.write", "system/Condition.rs", ""),
        ("system/Condition.rs", "system/Patient.rs", ""),
        ("operator system/Patient.r", "operator system/*.rs", "operator system/Patient.r"),
        ("operator", "system/*.cruds", ""),
        ("", "system/*.cruds", ""),
        ("system/AuditEvent.rs", "system/*.cruds", ""),
        ("system/AuditEvent.read system/Task.r", "system/AuditEvent.rs system/*.r", "system/Task.r"),
        ("system/*.cruds", "system/AuditEvent.rs system/Task.r", "system/Task.r"),
        ("system/*.rs", "system/*.rs", "system/*.rs"),
    ],
)
def test_no_more_is_given_than_may_be(asked: str, most: str, given: str) -> None:
    assert " ".join(granted(asked, most.split())) == given


@pytest.mark.parametrize("most", ["system/*.rs", "system/Condition.cud", "system/Patient.r system/Task.s"])
@pytest.mark.parametrize("asked", ["system/*.cruds", "system/Condition.*", "system/Task.read system/*.c"])
def test_what_is_given_allows_nothing_that_neither_does(asked: str, most: str) -> None:
    given = granted(asked, most.split())

    for type in ("Condition", "Patient", "Task", "Observation", "AuditEvent"):
        for code in LETTERS:
            both = allows(asked.split(), type, code) and allows(most.split(), type, code)
            assert allows(given, type, code) == both, (type, code)


def test_of_a_foreign_token_only_what_is_understood_counts() -> None:
    told = ["openid", "profile", "user/*.cruds", "system/Patient.rs?_id=1", "system/Task.dr", "system/Goal.r"]

    assert kept(told, ["system/*.cruds"]) == ("system/Goal.r",)
    assert kept(["system/AuditEvent.rs"], ["system/*.cruds"]) == ()
