"""Everybody who is stored, for questions about all: a person once, with the facts that a worker has."""

from typing import Any

import pytest

from referral_service.core.timeline import AnyFact, Person
from referral_service.store import population
from referral_service.store.store import SqlStore
from referral_service.workflow.ports import PatientId
from tests.kit.writes import TENANT
from tests.store.test_differences import deletion, receive
from tests.workflow.test_persons import patient


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patients of one person come in batches of their own."""
    monkeypatch.setattr(population, "_AT_ONCE", 1)


def everybody(store: SqlStore) -> list[tuple[str, tuple[AnyFact, ...]]]:
    return list(population.people(store.engine, TENANT))


def test_a_person_comes_once_with_what_all_its_patients_say(store: SqlStore) -> None:
    said: list[dict[str, Any]] = [
        patient("ann"),
        patient("bob"),
        patient("zoe", "seealso ann", birthDate="1970"),
    ]
    receive(store, *said)

    (ann, facts), (bob, _) = everybody(store)

    assert (ann, bob) == ("ann", "bob")
    assert set(facts) == set(store.facts_of(TENANT, PatientId("zoe")))
    (one,) = facts
    assert isinstance(one, Person)
    assert one.birth is not None
    assert one.birth.earliest < one.birth.latest


def test_so_does_one_whose_leader_is_not_there_or_has_facts_no_more(store: SqlStore) -> None:
    receive(store, patient("zoe", "replaced-by ann"), patient("yan", "replaced-by ann"))
    assert [name for name, _ in everybody(store)] == ["ann"]

    receive(store, patient("ann"))
    assert [name for name, _ in everybody(store)] == ["ann"]

    store.commit(
        TENANT, [deletion("Patient", "zoe"), deletion("Patient", "yan"), deletion("Patient", "ann")], []
    )
    assert everybody(store) == []
