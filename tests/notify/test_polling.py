"""Polling: what changed is found, whatever else changes meanwhile, and however often a poll ends early."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic

import pytest

from tests.api.charts import condition, patient
from tests.notify.fetching import Fetching, fetching
from tests.notify.offset_ehr import START, OffsetEhr, offset_ehr
from workers.fetching import Runner

NEVER_SLOW = {"types": ["Patient"], "budget": 600_000, "overlap": "PT5M"}


@pytest.fixture
def ehr() -> Iterator[OffsetEhr]:
    with offset_ehr() as found:
        yield found


@pytest.fixture
def home(ehr: OffsetEhr, tmp_path: Path) -> Iterator[Fetching]:
    with fetching(tmp_path, ehr.address, poll=NEVER_SLOW) as found:
        yield found


def people(ehr: OffsetEhr, *numbers: int, **more: object) -> set[str]:
    """Patients who are written there in turn."""
    for number in numbers:
        ehr.put(patient(f"p{number}", **more))
    return {f"Patient/p{number}" for number in numbers}


def test_a_poll_of_500_pages_misses_nobody_who_is_pushed_over_a_pages_edge(tmp_path: Path) -> None:
    """Somebody changes just before each page is read: all behind them move up, were they counted."""
    random = Random(5)
    with offset_ehr(largest_page=3) as ehr:
        everybody = people(ehr, *range(1000))
        names = sorted(everybody)

        def write(number: int) -> None:
            if number < 500:
                ehr.put({**ehr.there[random.choice(names)], "active": True})

        ehr.on_search = write
        with fetching(tmp_path, ehr.address, poll=NEVER_SLOW) as home:
            home.poll("Patient")
            assert len(ehr.searches) >= 500
            assert home.names() == everybody
            assert home.saying(b'"active":true') == {name for name in names if ehr.there[name].get("active")}


@pytest.mark.parametrize("sorts", ["yes", "ignores", "lies", "refuses"])
def test_whatever_a_server_does_about_order(tmp_path: Path, sorts: str) -> None:
    with (
        offset_ehr(sorts=sorts, largest_page=7, tick=timedelta(minutes=1)) as ehr,
        fetching(tmp_path, ehr.address, poll=NEVER_SLOW) as home,
    ):
        first = people(ehr, *range(40))
        for number in (3, 17, 0, 29):
            ehr.put({**ehr.there[f"Patient/p{number}"], "active": True})
        home.poll("Patient")
        assert home.names() == first
        ehr.now += timedelta(hours=1)
        later = people(ehr, 100, 2)
        asked = len(ehr.searches)
        home.poll("Patient")
        assert home.names() == first | later
        assert home.mark("poll:Patient") is not None
        if sorts == "yes":
            assert len(ehr.searches) - asked <= 2


def test_only_what_is_new_is_asked_for(ehr: OffsetEhr, home: Fetching) -> None:
    people(ehr, 1)
    home.poll("Patient")
    assert home.mark("poll:Patient") == START + timedelta(seconds=1)
    assert "_lastUpdated" not in ehr.searches[0]
    home.poll("Patient")
    assert ehr.searches[-1]["_lastUpdated"] == "ge2025-06-01T07:55:01.000Z"
    assert ehr.searches[-1]["_sort"] == "_lastUpdated"


def test_what_shows_late_is_still_found(ehr: OffsetEhr, home: Fetching) -> None:
    """Committed after what was written after it, as long as that is within the overlap."""
    people(ehr, 1, 2, 3)
    late = ehr.there.pop("Patient/p2")
    home.poll("Patient")
    ehr.there["Patient/p2"] = late
    home.poll("Patient")
    assert "Patient/p2" in home.names()


@pytest.mark.parametrize("sorts", ["yes", "ignores"])
def test_wrong_times_hide_nothing(tmp_path: Path, sorts: str) -> None:
    """The first that there is, which some servers write where they know none, and one still to come."""
    with (
        offset_ehr(sorts=sorts, largest_page=2) as ehr,
        fetching(tmp_path, ehr.address, poll=NEVER_SLOW) as home,
    ):
        people(ehr, 0)
        ehr.there["Patient/p0"]["meta"]["lastUpdated"] = "0001-01-01T00:00:00Z"
        home.poll("Patient")
        people(ehr, 1, 2)
        today, ehr.now = ehr.now, home.store._clock.now() + timedelta(days=1000)
        people(ehr, 3, 4, 5)
        home.poll("Patient")
        reached = home.mark("poll:Patient")
        assert reached and reached <= today
        ehr.now = today + timedelta(hours=1)
        everybody = people(ehr, *range(7))
        home.poll("Patient")
        assert home.names() == everybody


def test_more_than_a_page_of_one_instant_is_read_to_its_end(tmp_path: Path) -> None:
    with (
        offset_ehr(largest_page=10, tick=timedelta()) as ehr,
        fetching(tmp_path, ehr.address, poll=NEVER_SLOW) as home,
    ):
        everybody = people(ehr, *range(65))
        home.poll("Patient")
        assert home.names() == everybody
        ehr.tick = timedelta(seconds=1)
        everybody |= people(ehr, *range(70, 95))
        home.poll("Patient")
        assert home.names() == everybody


@pytest.mark.parametrize("sorts", ["yes", "ignores"])
def test_a_poll_that_breaks_off_goes_on_where_it_was(tmp_path: Path, sorts: str) -> None:
    with (
        offset_ehr(largest_page=10, sorts=sorts, tick=timedelta(hours=1)) as ehr,
        fetching(tmp_path, ehr.address, poll=NEVER_SLOW) as home,
    ):
        everybody = people(ehr, *range(100))
        ehr.on_search = lambda number: setattr(ehr, "down", 503 if number >= 6 else 0)
        home.errands.ask(home.feed, ["poll:Patient"])
        home.run(polls=True)
        assert len(home.names()) == (55 if sorts == "yes" else 60)
        row = home.rows()["poll:Patient"]
        assert (row.category, row.parked_at) == ("interrupted", None)
        reached, asked = home.mark("poll:Patient"), len(ehr.searches)
        assert reached == (START + timedelta(hours=55) if sorts == "yes" else None)

        ehr.down, ehr.on_search = 0, lambda number: None
        home.forget()
        home.poll("Patient")
        assert home.names() == everybody
        if sorts == "yes":
            assert ehr.searches[asked]["_lastUpdated"] == "ge2025-06-03T14:55:00.000Z"


def test_a_process_that_is_asked_to_end_gives_a_long_poll_back(tmp_path: Path) -> None:
    ended = Event()
    with offset_ehr(largest_page=10) as ehr, fetching(tmp_path, ehr.address, poll=NEVER_SLOW) as home:
        everybody = people(ehr, *range(100))
        ehr.on_search = lambda number: ended.set() if number == 3 else None
        home.errands.ask(home.feed, ["poll:Patient"])
        assert Runner(home.intake, ended, 60, polls=True).run()
        assert len(home.names()) == 28
        assert (home.rows()["poll:Patient"].attempts, home.rows()["poll:Patient"].category) == (0, None)
        home.run(polls=True)
        assert home.names() == everybody


def test_a_lease_that_was_lost_ends_the_work(ehr: OffsetEhr, home: Fetching) -> None:
    people(ehr, 1)

    def take_away(number: int) -> None:
        home.forget()

    ehr.on_search = take_away
    ehr.put(condition("Patient/p1", id="disc"))
    home.errands.ask(home.feed, ["Patient/p1"])
    assert Runner(home.intake, Event(), 0, polls=False).run()
    assert len(ehr.searches) == 1
    assert home.rows() == {}


def test_a_resource_that_no_check_lets_pass_is_shown_and_holds_up_nobody(
    ehr: OffsetEhr, home: Fetching
) -> None:
    people(ehr, 1)
    ehr.put(patient("p2", birthDate="soon"))
    people(ehr, 3)
    home.poll("Patient")
    assert home.names() == {"Patient/p1", "Patient/p3"}
    parked = home.rows()["Patient/p2"]
    assert (parked.category, parked.parked_at is not None) == ("incorrect", True)
    assert home.counts()["refused"] == 1
    assert home.run() == 0
    people(ehr, 2)
    home.poll("Patient")
    assert "Patient/p2" in home.names() and "Patient/p2" not in home.rows()


def test_a_type_is_polled_again_and_again(ehr: OffsetEhr, home: Fetching) -> None:
    home.errands.ensure(home.feed, ["poll:Patient"])
    assert home.run(polls=True) == 1
    row = home.rows()["poll:Patient"]
    assert row.due_at - home.store._clock.now() > timedelta(minutes=14)
    home.errands.ensure(home.feed, ["poll:Patient"])
    assert home.run(polls=True) == 0


def test_requests_are_spread_over_the_budget(ehr: OffsetEhr, tmp_path: Path) -> None:
    people(ehr, *range(10))
    ehr.largest_page = 2
    with fetching(tmp_path, ehr.address, poll={**NEVER_SLOW, "budget": 600}) as home:
        start = monotonic()
        home.poll("Patient")
        assert monotonic() - start > (len(ehr.searches) - 1) * 0.1


def test_a_404_alone_deletes_nothing(ehr: OffsetEhr, home: Fetching) -> None:
    """A gateway in trouble answers 404 for everything."""
    people(ehr, 1)
    ehr.put(condition("Patient/p1", id="disc"))
    home.fetch("Patient/p1")
    assert home.names() == {"Patient/p1", "Condition/disc"}
    ehr.down = 404
    home.fetch("Patient/p1", "Condition/disc")
    assert home.names() == {"Patient/p1", "Condition/disc"}
    assert {row.category for row in home.rows().values()} == {"unavailable"}
    ehr.down = 0
    del ehr.there["Condition/disc"]
    home.fetch("Patient/p1")


@pytest.mark.parametrize("sorts", ["yes", "ignores"])
def test_a_search_that_ends_in_an_error_moves_no_mark_and_deletes_nothing(tmp_path: Path, sorts: str) -> None:
    with offset_ehr(sorts=sorts) as ehr, fetching(tmp_path, ehr.address, poll=NEVER_SLOW) as home:
        everybody = people(ehr, 1, 2)
        home.poll("Patient")
        reached = home.mark("poll:Patient")
        ehr.falls_short = True
        everybody |= people(ehr, 3)
        home.poll("Patient")
        assert (home.mark("poll:Patient"), home.rows()["poll:Patient"].category) == (reached, "unavailable")
        gone = ehr.there.pop("Patient/p1")
        home.fetch("Patient/p1")
        assert "Patient/p1" in home.names()
        ehr.falls_short, ehr.there["Patient/p1"] = False, gone
        home.forget()
        home.poll("Patient")
        assert home.names() == everybody


def test_what_a_chart_has_no_more_is_deleted(ehr: OffsetEhr, home: Fetching) -> None:
    people(ehr, 1, 2)
    for name in ("kept", "gone", "moved"):
        ehr.put(condition("Patient/p1", id=name))
    home.fetch("Patient/p1")
    del ehr.there["Condition/gone"]
    ehr.put(condition("Patient/p2", id="moved"))
    home.fetch("Patient/p1")
    assert home.names() == {"Patient/p1", "Condition/kept", "Condition/moved"}
    moved = home.store.read("default", "Condition", "moved")
    assert moved and b"Patient/p2" in moved.body
