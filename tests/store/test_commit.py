"""Storing what senders send: versions, conflicts, deletion, and who is to be evaluated because of it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from referral_service.core.problem import Category, Problem
from referral_service.store.store import SqlStore
from referral_service.store.tables import token
from referral_service.workflow.ports import PatientId, Stored, Term, Write
from tests.kit.clocks import MONDAY, HandClock
from tests.kit.writes import TENANT, condition, deletion, emitted, received, result


def commit(store: SqlStore, *writes: Write) -> list[Stored]:
    return store.commit(TENANT, writes, [received(write) for write in writes])


def due(store: SqlStore, clock: HandClock) -> set[str]:
    """Who is claimed now; their leases have run out afterwards."""
    found = {claim.patient for claim in store.claim(100, clock.as_of())}
    clock.pass_by(minutes=5)
    return found


def rest(store: SqlStore, clock: HandClock) -> None:
    """Evaluates everybody, with nothing found."""
    claims = store.claim(100, clock.as_of())
    assert all(store.save([result(claim) for claim in claims]))


def said(store: SqlStore, patient: str, known_at: object = None) -> list[object]:
    facts = store.facts_of(TENANT, PatientId(patient), known_at)  # type: ignore[arg-type]
    return [(fact.version, fact.clinical) for fact in facts]  # type: ignore[union-attr]


def test_a_first_version_is_one_and_can_be_read_at_once(store: SqlStore) -> None:
    write = condition()

    (stored,) = commit(store, write)

    assert (stored.version, stored.is_new, stored.is_deleted) == (1, True, False)
    read = store.read(TENANT, "Condition", "back")
    assert read is not None
    assert read.body == write.body
    assert read.updated_at == MONDAY.replace(microsecond=123000)
    assert store.read(TENANT, "Condition", "back", 1) == read
    assert store.read(TENANT, "Condition", "back", 2) is None
    assert store.read(TENANT, "Condition", "other") is None


def test_what_is_already_stored_changes_nothing(store: SqlStore, clock: HandClock) -> None:
    commit(store, condition())
    rest(store, clock)
    lines = store.verify_ledger(TENANT).lines

    (stored,) = commit(store, condition())

    assert (stored.version, stored.is_new) == (1, False)
    assert store.verify_ledger(TENANT).lines == lines
    assert due(store, clock) == set()


def test_a_new_body_is_a_new_version_and_the_old_one_stays(store: SqlStore) -> None:
    first, second = condition(said="pain"), condition(said="worse")
    commit(store, first)

    (stored,) = commit(store, second)

    assert (stored.version, stored.is_new) == (2, True)
    bodies = [store.read(TENANT, "Condition", "back", version) for version in (None, 1, 2)]
    assert [it and it.body for it in bodies] == [second.body, first.body, second.body]


def test_time_moves_on_with_each_version_even_where_the_clock_stands(store: SqlStore) -> None:
    times = [commit(store, condition(said=word))[0].updated_at for word in ("a", "b", "c")]

    assert times == [times[0] + timedelta(milliseconds=n) for n in range(3)]


def test_a_version_that_is_not_the_expected_one_is_refused(store: SqlStore) -> None:
    commit(store, condition(said="first"))

    for expected in (0, 2):
        with pytest.raises(Problem) as refusal:
            commit(store, condition(said="late", expected=expected))
        assert refusal.value.category is Category.CONFLICT
    (stored,) = commit(store, condition(said="in time", expected=1))

    assert stored.version == 2
    assert commit(store, condition("new", said="first", expected=0))[0].version == 1


def test_one_refused_write_keeps_its_whole_request_out(store: SqlStore) -> None:
    commit(store, condition("known"))
    lines = store.verify_ledger(TENANT).lines

    with pytest.raises(Problem):
        commit(store, condition("fresh", "bob"), condition("known", said="late", expected=7))

    assert store.read(TENANT, "Condition", "fresh") is None
    assert store.verify_ledger(TENANT).lines == lines
    assert store.counts().patients_due == 1


def test_the_same_resource_twice_in_one_request_has_two_versions(store: SqlStore) -> None:
    stored = commit(store, condition(said="a"), condition(said="b"))

    assert [it.version for it in stored] == [1, 2]
    assert said(store, "ann") == [("2", "b")]
    assert said(store, "ann", stored[0].updated_at) == [("1", "a")]


def test_a_deleted_resource_is_known_as_deleted_and_says_nothing_more(
    store: SqlStore, clock: HandClock
) -> None:
    write = condition()
    commit(store, write)
    rest(store, clock)

    (stored,) = commit(store, deletion(write))

    assert (stored.version, stored.is_deleted) == (2, True)
    read = store.read(TENANT, "Condition", "back")
    assert read is not None
    assert (read.is_deleted, read.body) == (True, b"")
    assert said(store, "ann") == []
    assert due(store, clock) == {"ann"}
    assert commit(store, deletion(write))[0].is_new is False
    assert commit(store, condition(said="back again"))[0].version == 3
    assert said(store, "ann") == [("3", "back again")]


def test_what_does_not_exist_cannot_be_deleted(store: SqlStore) -> None:
    with pytest.raises(Problem) as refusal:
        commit(store, deletion(condition("nothing")))

    assert refusal.value.category is Category.NOT_FOUND


def test_a_resource_that_moves_to_another_patient_concerns_both(store: SqlStore, clock: HandClock) -> None:
    commit(store, condition(patient="ann", said="mine"))
    rest(store, clock)

    commit(store, condition(patient="bob", said="his"))

    assert due(store, clock) == {"ann", "bob"}
    assert (said(store, "ann"), said(store, "bob")) == ([], [("2", "his")])


def test_what_was_known_on_an_earlier_day_can_be_asked_again(store: SqlStore, clock: HandClock) -> None:
    write = condition(said="pain")
    before = clock.at - timedelta(days=1)
    commit(store, write)
    clock.pass_by(days=10)
    commit(store, condition(said="worse"))
    clock.pass_by(days=10)
    commit(store, deletion(write))

    asked = [said(store, "ann", MONDAY + timedelta(days=day)) for day in (5, 15, 25)]

    assert asked == [[("1", "pain")], [("2", "worse")], []]
    assert said(store, "ann", before) == []
    assert said(store, "ann") == []


def test_what_we_write_ourselves_makes_nobody_due(store: SqlStore, clock: HandClock) -> None:
    commit(store, emitted("ServiceRequest", "ours", "ann"))

    assert due(store, clock) == set()
    assert store.read(TENANT, "ServiceRequest", "ours") is not None


@pytest.mark.parametrize("value", ["\x00", "\ud800"])
def test_a_value_that_the_database_cannot_hold_harms_no_neighbour(store: SqlStore, value: str) -> None:
    bad = condition("b", terms=(Term("code", value),))
    futures = [
        store.submit(TENANT, [write], [received(write)]) for write in (condition("a"), bad, condition("c"))
    ]

    outcomes = [future.exception() for future in futures]

    assert outcomes[0] is None
    assert outcomes[2] is None
    if outcomes[1] is not None:  # SQLite has text with a zero in it
        assert isinstance(outcomes[1], Problem)
        assert outcomes[1].category is Category.INCORRECT
        assert store.read(TENANT, "Condition", "b") is None


def test_a_value_too_long_for_an_index_is_found_by_its_digest(store: SqlStore) -> None:
    terms = (Term("code", "x" * 100_000), Term("code", "ü" * 1500), Term("code", "short"))

    commit(store, condition(terms=terms))

    with store.engine.connect() as connection:
        found = connection.scalars(select(token.c.code)).all()
    assert sorted(map(len, found)) == [len("short"), 71, 71]
    assert sum(code.startswith("sha256:") for code in found) == 2


def test_whoever_leaves_does_not_undo_what_was_begun(store: SqlStore) -> None:
    future = store.submit(TENANT, [condition()], [received(condition())])

    assert future.cancel() is False

    assert future.result()[0].version == 1
    assert commit(store, condition(said="more"))[0].version == 2


def test_tenants_share_nothing(store: SqlStore) -> None:
    other = type(TENANT)("other")
    commit(store, condition(said="ours"))

    store.commit(other, [condition(said="theirs")], [received(condition())])

    assert store.read(TENANT, "Condition", "back") != store.read(other, "Condition", "back")
    assert [claim.tenant for claim in store.claim(10, MONDAY)] == [TENANT, other]
    assert store.verify_ledger(TENANT).lines == store.verify_ledger(other).lines == 1
