"""Reading what is stored anew: facts change where codes did, the resources and the past stay as they are."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select

from referral_service.core.timeline import AnyFact, Condition, Meaning
from referral_service.store import differences
from referral_service.store.erase import Eraser, Why
from referral_service.store.reread import Read, reread
from referral_service.store.store import SqlStore
from referral_service.store.tables import fact, ledger
from referral_service.workflow.ports import PatientId, Tenant
from tests.kit.clocks import HandClock
from tests.kit.writes import TENANT, condition, deletion, emitted, received
from tests.store.test_commit import commit, due, rest

SOUTH = Tenant("south")
OPERATOR = "Operator/tests"


def says(*clinical: str) -> Read:
    """Reads any Condition as one fact for each of these."""

    def read(body: bytes) -> tuple[AnyFact, ...]:
        name = body.decode().split('"id":"')[1].split('"')[0]
        return tuple(
            Condition(source=f"Condition/{name}", part=part, clinical=one)
            for part, one in enumerate(clinical)
        )

    return read


def read_anew(store: SqlStore, clock: HandClock, read: Read) -> tuple[int, int]:
    """Resources read, and how many say something else."""
    found = [*reread(store.engine, clock, read, OPERATOR)]
    return sum(one.resources for one in found), sum(one.changed for one in found)


def known(store: SqlStore, patient: str = "ann", at: datetime | None = None) -> list[tuple[str, str | None]]:
    facts = store.facts_of(TENANT, PatientId(patient), at)
    return [(one.evidence, one.clinical) for one in facts]  # type: ignore[union-attr]


def test_facts_change_and_the_resource_does_not(store: SqlStore, clock: HandClock) -> None:
    (before,) = commit(store, condition())
    rest(store, clock)

    assert read_anew(store, clock, says("numb", "weak")) == (1, 1)

    assert known(store) == [("Condition/back/_history/1", "numb"), ("Condition/back/_history/1", "weak")]
    after = store.read(TENANT, "Condition", "back")
    assert after is not None
    assert (after.version, after.body, after.updated_at) == (1, before.body, before.updated_at)
    assert due(store, clock) == {"ann"}


def test_what_says_the_same_is_left_alone(store: SqlStore, clock: HandClock) -> None:
    commit(store, condition())
    read_anew(store, clock, says("numb"))
    rest(store, clock)
    lines = store.verify_ledger(TENANT).lines

    assert read_anew(store, clock, says("numb")) == (1, 0)

    assert due(store, clock) == set()
    assert store.verify_ledger(TENANT).lines == lines


def test_an_earlier_day_is_answered_with_what_was_known_then(store: SqlStore, clock: HandClock) -> None:
    commit(store, condition())
    days = []
    for said in (("one",), ("two", "too"), (), ("three",)):
        days.append(clock.now())
        clock.pass_by(minutes=1)
        read_anew(store, clock, says(*said or ("nothing",)))
        clock.pass_by(minutes=1)

    found = [[clinical for _, clinical in known(store, at=day)] for day in (*days, clock.now())]

    assert found == [["pain"], ["one"], ["two", "too"], ["nothing"], ["three"]]


def test_the_line_of_the_ledger_names_the_resource_and_the_operator(
    store: SqlStore, clock: HandClock
) -> None:
    commit(store, condition())
    read_anew(store, clock, says("numb"))

    with store.engine.connect() as connection:
        asked = select(ledger.c.subject, ledger.c.actor).where(ledger.c.kind == "reread")
        assert connection.execute(asked).all() == [("Condition/back", OPERATOR)]
    assert store.verify_ledger(TENANT).broken_at is None


def test_a_red_flag_goes_before_everybody_else(store: SqlStore, clock: HandClock) -> None:
    commit(store, condition("first", "zoe"), condition("back", "ann"))
    rest(store, clock)
    flag = Meaning("cauda-equina", None, "red_flag_hard")

    def read(body: bytes) -> tuple[AnyFact, ...]:
        (one,) = says("numb")(body)
        meanings = (flag,) if one.source == "Condition/first" else ()
        return (Condition(source=one.source, clinical="numb", meanings=meanings),)

    read_anew(store, clock, read)

    assert [claim.patient for claim in store.claim(1, clock.as_of())] == ["zoe"]


def test_what_a_sender_changes_meanwhile_is_the_senders(
    store: SqlStore, clock: HandClock, open_store: Callable[[], SqlStore]
) -> None:
    commit(store, condition(), condition("gone"), condition("neck"))
    sender = open_store()

    def read(body: bytes) -> tuple[AnyFact, ...]:
        found = says("numb")(body)
        if found[0].source == "Condition/back":
            commit(sender, condition(said="better"))
        if found[0].source == "Condition/gone":
            commit(sender, deletion(condition("gone")))
        return found

    assert read_anew(store, clock, read) == (3, 1)

    assert known(store) == [("Condition/back/_history/2", "better"), ("Condition/neck/_history/1", "numb")]


def test_a_new_version_ends_what_was_read_anew(store: SqlStore, clock: HandClock) -> None:
    commit(store, condition())
    read_anew(store, clock, says("numb", "weak"))
    then = clock.now()
    clock.pass_by(minutes=1)

    commit(store, condition(said="better"))

    assert known(store) == [("Condition/back/_history/2", "better")]
    assert len(known(store, at=then)) == 2


def test_what_we_wrote_and_what_is_deleted_is_not_read(store: SqlStore, clock: HandClock) -> None:
    ours = emitted("Task", "review", "ann")
    store.commit(TENANT, [ours], [received(ours)])
    commit(store, condition())
    commit(store, deletion(condition()))

    assert read_anew(store, clock, says("numb")) == (0, 0)


def test_what_was_done_before_it_was_stopped_is_done(store: SqlStore, clock: HandClock) -> None:
    commit(store, *(condition(f"c{at}", f"p{at % 7}") for at in range(401)))

    stopped = next(reread(store.engine, clock, says("numb"), OPERATOR))

    assert 0 < stopped.changed < 401
    assert read_anew(store, clock, says("numb")) == (401, 401 - stopped.changed)


@pytest.mark.parametrize("number", [1, 200, 401])
def test_every_resource_of_every_tenant_is_read(store: SqlStore, clock: HandClock, number: int) -> None:
    writes = [condition(f"c{at}", f"p{at % 7}") for at in range(number)]
    for tenant in (TENANT, SOUTH):
        store.commit(tenant, writes, [received(write) for write in writes])

    assert read_anew(store, clock, says("numb")) == (2 * number, 2 * number)
    assert read_anew(store, clock, says("numb")) == (2 * number, 0)
    assert store.verify_ledger(SOUTH).lines == 2 * number


def test_nothing_differs_afterwards_and_erasing_takes_every_reading(
    store: SqlStore, clock: HandClock
) -> None:
    commit(store, condition())
    for said in ("numb", "weak"):
        read_anew(store, clock, says(said))

    found = [one for _, some in differences.compare(store.engine, clock.as_of()) for one in some]
    assert found == []
    Eraser(store.engine, clock, TENANT).erase(PatientId("ann"), Why(actor=OPERATOR, reason="mistake"))
    with store.engine.connect() as connection:
        assert connection.execute(select(fact.c.source)).all() == []
