"""The ladder of a red flag: told at once, to the next after 5, 15 and 30 minutes, until acknowledged."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from referral_service.core.deadline import rung_at, rung_of
from referral_service.store.alarms import SqlAlarms
from referral_service.store.tables import ledger
from referral_service.workflow.ladder import Ladder
from tests.kit.clocks import MONDAY, HandClock
from tests.workflow.answers import CAUDA, IN_TRIAL, RETENTION, say, task
from tests.workflow.clinic import EXHAUSTED, Clinic


class Phone:
    """Notes who is told; out of order while `is_dead`."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int]] = []
        self.is_dead = False

    def tell(self, rung: int, number: int) -> bool:
        if self.is_dead:
            return False
        self.heard.append((rung, number))
        return True


@pytest.mark.parametrize(
    ("minutes", "rung", "following"),
    [(0, 0, 5), (4.9, 0, 5), (5, 1, 15), (14.9, 1, 15), (15, 2, 30), (30, 3, 60), (61, 3, 91), (-1, 0, 0)],
)
def test_which_rung_is_reached_when(minutes: float, rung: int, following: float) -> None:
    now = MONDAY + timedelta(minutes=minutes)

    assert rung_of(MONDAY, now) == rung
    assert rung_at(MONDAY, now) == MONDAY + timedelta(minutes=following)


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    found = Clinic(tmp_path)
    yield found
    found.store.close()


class Night:
    """A clinic at night: a phone, and hours that pass at once."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic
        self.clock = HandClock(clinic.clock.now() + timedelta(seconds=1))
        self.phone = Phone()
        self.ladder = Ladder(SqlAlarms(clinic.engine, self.clock), self.phone, self.clock)

    def pass_by(self, minutes: float) -> list[tuple[int, int]]:
        """Who is told meanwhile, looked at every half a minute."""
        self.phone.heard.clear()
        end = self.clock.at + timedelta(minutes=minutes)
        while self.clock.at < end:
            self.ladder.climb()
            self.clock.pass_by(seconds=30)
        return list(self.phone.heard)


@pytest.fixture
def night(clinic: Clinic) -> Night:
    return Night(clinic)


def arrive(night: Night, *given: dict[str, object], patient: str = "pat") -> None:
    night.clinic.post(*given, patient=patient)
    night.clock.at = max(night.clock.at, night.clinic.clock.now() + timedelta(seconds=1))


def alerted(clinic: Clinic) -> list[str]:
    """What the ledger says of it."""
    with clinic.engine.connect() as connection:
        kept = select(ledger.c.detail).where(ledger.c.kind == "alerted").order_by(ledger.c.seq)
        return list(connection.scalars(kept))


def test_a_red_flag_climbs_until_somebody_acknowledges_it(night: Night) -> None:
    arrive(night, CAUDA)

    assert night.pass_by(4) == [(0, 1)]
    assert night.pass_by(8) == [(1, 1)]
    assert night.pass_by(30) == [(2, 1), (3, 1)]
    assert night.pass_by(60) == [(3, 1), (3, 1)]

    say(night.clinic, "acknowledge", task(night.clinic))

    assert night.pass_by(120) == []
    assert alerted(night.clinic) == [f'{{"rung":"{rung}"}}' for rung in (0, 1, 2, 3, 3, 3)]


def test_what_waits_for_no_emergency_wakes_nobody(night: Night) -> None:
    arrive(night, *EXHAUSTED)

    assert night.pass_by(120) == []


def test_a_flag_that_is_taken_back_wakes_nobody_any_more(night: Night) -> None:
    arrive(night, CAUDA)
    assert night.pass_by(1) == [(0, 1)]
    arrive(night, {**CAUDA, "verification": "refuted"})

    assert night.pass_by(120) == []


def test_several_at_once_are_told_together(night: Night) -> None:
    arrive(night, CAUDA)
    arrive(night, {**CAUDA, "id": "other"}, patient="other")

    assert night.pass_by(4) == [(0, 2)]


def test_who_could_not_be_told_is_tried_again_and_the_next_person_comes_in_time(night: Night) -> None:
    arrive(night, CAUDA)
    night.phone.is_dead = True
    assert night.pass_by(6) == []
    night.phone.is_dead = False

    assert night.pass_by(2) == [(1, 1)]


def test_two_workers_tell_one_person_once(night: Night) -> None:
    arrive(night, CAUDA)
    other = Ladder(SqlAlarms(night.clinic.engine, night.clock), night.phone, night.clock)
    taken = SqlAlarms(night.clinic.engine, night.clock).take(night.clock.at)

    assert len(taken) == 1
    assert other.climb() == 0
    night.clock.pass_by(minutes=1)
    assert other.climb() == 1


def test_a_new_flag_beside_an_acknowledged_one_climbs_again(night: Night) -> None:
    arrive(night, IN_TRIAL, RETENTION)
    night.pass_by(1)
    say(night.clinic, "acknowledge", task(night.clinic, "review"))
    assert night.pass_by(10) == []

    arrive(night, CAUDA)

    assert len(night.pass_by(1)) == 1
