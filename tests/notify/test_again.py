"""The same again, in another order, with gaps: what is known in the end is what the EHR has."""

from random import Random
from typing import Any

import pytest

from tests.api.charts import condition, new_id, patient, score
from tests.notify.news import athena, bundle, event, focus, status, told
from tests.notify.partners import Json, Town


def versions(name: str, patient_id: str, number: int) -> list[Json]:
    """So many versions of a score as an EHR sends them, the oldest first."""
    return [
        score(
            f"Patient/{patient_id}",
            value,
            id=name,
            meta={"versionId": str(value), "lastUpdated": f"2026-06-01T08:{value:02d}:00.000Z"},
        )
        for value in range(1, number + 1)
    ]


def value_of(town: Town, name: str) -> Any:
    """What is known."""
    return town.served.http.get(f"/Observation/{name}").json()["valueQuantity"]["value"]


def test_the_same_notification_changes_nothing(town: Town) -> None:
    mia = new_id("mia")
    town.ehr.put(patient(mia))
    news = [
        ("plain", bundle(status("event-notification", 1, event(1), of=mia), patient(f"{mia}-b"))),
        ("plain", condition(f"Patient/{mia}", id=f"{mia}-disc")),
        ("hubbed", athena(new_id("bundle"), focus(f"Patient/{mia}"))),
    ]
    for source, body in news:
        town.told(source, body)
    town.fetch("hubbed")
    before = town.kept()
    for source, body in news * 3:
        town.told(source, body)
    assert town.kept() == before
    assert town.counts("hubbed")["repeated"] == 3


def test_an_old_notification_sent_again_takes_nothing_back(town: Town) -> None:
    """Its resources say nothing of when they were written: that it came before is all that tells them."""
    mia, name = new_id("mia"), new_id("score")
    first, second = (
        bundle(status("event-notification", n, event(n, f"Observation/{name}"), of=mia), one)
        for n, one in enumerate([score(f"Patient/{mia}", value, id=name) for value in (3, 8)], start=1)
    )
    for news in (first, second, first):
        town.told("plain", news)
    assert value_of(town, name) == 8


def test_what_says_the_same_of_two_changes_is_no_repetition(town: Town) -> None:
    """A Bundle without id, instant and number: nothing tells the second change from the first."""
    tom = new_id("tom")
    town.ehr.put(patient(tom))
    part = [{"name": "focus", "valueReference": {"reference": f"Patient/{tom}"}}]
    news = bundle(status("event-notification", None, {"name": "notification-event", "part": part}))
    town.told("hubbed", news)
    town.fetch("hubbed")
    town.told("hubbed", news)
    assert town.errands().keys() == {f"Patient/{tom}"}
    town.fetch("hubbed")


@pytest.mark.parametrize("seed", range(5))
def test_versions_in_any_order_end_with_the_last(town: Town, seed: int) -> None:
    ann, name = new_id("ann"), new_id("score")
    told_of = versions(name, ann, 8) * 2
    Random(seed).shuffle(told_of)
    for one in told_of:
        town.told("plain", one)
    assert value_of(town, name) == 8


def test_versions_within_one_bundle_too(town: Town) -> None:
    ann, name = new_id("ann"), new_id("score")
    town.told("plain", bundle(*reversed(versions(name, ann, 5)), kind="collection"))
    assert value_of(town, name) == 5


def test_an_update_told_late_does_not_bring_back_what_is_gone(town: Town) -> None:
    eve, name = new_id("eve"), new_id("score")
    town.ehr.put(patient(eve))
    for one in versions(name, eve, 2):
        town.ehr.put(one)
        town.told("hooked", one)
    town.ehr.remove("Observation", name)
    town.told("hooked", b"", f"/Observation/{name}", "DELETE")
    town.fetch("hooked")
    assert not town.has(f"Observation/{name}")
    for one in versions(name, eve, 3):
        town.told("hooked", one)
    town.fetch("hooked")
    assert not town.has(f"Observation/{name}")


def test_what_came_back_at_the_source_comes_back(town: Town) -> None:
    eve, name = new_id("eve"), new_id("score")
    for one in versions(name, eve, 1):
        town.ehr.put(one)
        town.told("hooked", one)
    town.ehr.remove("Observation", name)
    town.told("hooked", b"", f"/Observation/{name}", "DELETE")
    town.fetch("hooked")
    (back,) = versions(name, eve, 1)
    town.told("hooked", town.ehr.put(back))
    town.fetch("hooked")
    assert town.has(f"Observation/{name}")


def test_a_gap_in_the_numbers_has_everything_asked_for(town: Town) -> None:
    own = new_id("s")
    for number in (1, 2, 3):
        town.told("hooked", told(number, "Practitioner/1", of=own))
    assert not any(what.startswith("poll:") for what in town.errands())
    before = town.counts("hooked").get("gap", 0)
    town.told("hooked", told(6, "Practitioner/1", of=own))
    assert {"poll:Condition", "poll:Patient"} <= town.errands().keys()
    assert town.counts("hooked")["gap"] == before + 1
    town.forget()
    town.told("hooked", told(7, "Practitioner/1", of=own))
    assert "poll:Condition" not in town.errands()
    town.forget()


@pytest.mark.parametrize("first", ["handshake", "event-notification"])
def test_a_heartbeat_tells_of_events_that_never_came(town: Town, first: str) -> None:
    own = new_id("s")
    town.told(
        "hooked", bundle(status(first, 2, *([event(2, "Practitioner/1")] if first[0] == "e" else []), of=own))
    )
    town.forget()
    town.told("hooked", bundle(status("heartbeat", 2, of=own)))
    assert town.errands() == {}
    town.told("hooked", bundle(status("heartbeat", 4, of=own)))
    assert "poll:Condition" in town.errands()
    town.forget()


def test_numbers_show_whatever_is_missing(town: Town) -> None:
    """Before the first that we hear of, inside a notification, before a handshake, without a total."""

    def tells(total: int | None, *numbers: int, kind: str = "event-notification") -> bool:
        events = [event(number, "Practitioner/1") for number in numbers]
        town.told("hooked", bundle(status(kind, total, *events, of=own)))
        found = "poll:Condition" in town.errands()
        town.forget()
        return found

    own = new_id("s")
    assert tells(2, 2)
    assert not tells(9, 3, 4)  # 9 are on their way
    assert tells(9, 6, 7, 8, 9)
    assert tells(12, 10, 12)
    assert not tells(12, kind="handshake")
    assert tells(14, kind="handshake")
    assert tells(None, 16)
    assert not tells(0, kind="handshake")
    assert not tells(1, 1)


def test_what_comes_out_of_order_is_no_gap_twice(town: Town) -> None:
    own = new_id("s")
    for number in (1, 3, 2, 4):
        town.told("hooked", told(number, "Practitioner/1", of=own))
    town.forget()
    town.told("hooked", told(5, "Practitioner/1", of=own))
    assert "poll:Condition" not in town.errands()
    town.forget()


def test_numbers_that_begin_anew_in_each_bundle_are_no_gap(town: Town) -> None:
    own, before = new_id("s"), town.counts("hubbed").get("gap", 0)
    for size in (1, 3, 1, 2, 5):
        events = [focus("Practitioner/1") for _ in range(size)]
        town.told("hubbed", athena(new_id("bundle"), *events, of=own))
    assert town.counts("hubbed").get("gap", 0) == before
    assert not any(what.startswith("poll:") for what in town.errands())
    town.forget()


def test_a_subscription_that_broke_has_everything_asked_for(town: Town) -> None:
    town.told("hooked", bundle(status("heartbeat", 0, of=new_id("s"), state="error")))
    assert "poll:Condition" in town.errands()
    town.forget()


def test_a_gap_where_nothing_can_be_asked_is_counted(town: Town) -> None:
    own = new_id("s")
    for number in (1, 5):
        news = bundle(status("event-notification", number, event(number), of=own), patient(new_id("p")))
        town.told("plain", news)
    assert town.counts("plain")["gap"] == 1
    assert town.errands() == {}
