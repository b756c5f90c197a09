"""What ends a Subscription, and what begins it again: its owner, its `end`, and our failures."""

from datetime import timedelta
from typing import Any

import pytest

from referral_service.fhir.write.names import instant
from tests.api.people import CAUDA
from tests.subscriptions.conftest import Wire
from tests.subscriptions.partner import beat, partner, plain, subscription

Json = dict[str, Any]
NEW = "ServiceRequest?intent=proposal"


def drafted(wire: Wire) -> str:
    """A new proposal."""
    (found,) = wire.house.ours(wire.house.chart(CAUDA), "ServiceRequest")
    return f"ServiceRequest/{found['id']}"


def put(wire: Wire, id: str, **changes: Any) -> None:
    """Its owner writes it anew."""
    answer = wire.house.server.put({**subscription(wire.partner, NEW), "id": id, **changes})
    assert answer.status_code == 200, answer.text


def rows(wire: Wire) -> int:
    """Subscriptions that somebody looks after."""
    return len(wire.house.server.dump()["outlet"])


def test_after_its_deletion_nothing_is_told(wire: Wire) -> None:
    id = wire.subscribe(subscription(wire.partner, NEW, channel={"extension": [beat(60)]}))
    assert wire.house.server.http.delete(f"/Subscription/{id}").status_code == 204
    drafted(wire)
    assert wire.look() == ["over"]
    wire.pass_by(hours=2)
    assert (wire.look(), wire.partner.told, rows(wire)) == ([], [], 0)


def test_turned_off_it_is_silent_and_begins_anew_when_requested(wire: Wire) -> None:
    id = wire.subscribe(subscription(wire.partner, NEW))
    drafted(wire)
    wire.look()
    put(wire, id, status="off")
    missed = drafted(wire)
    assert wire.look() == ["over"]
    assert wire.read(id)["status"] == "off"
    put(wire, id)
    wire.look()
    new = drafted(wire)
    wire.look()
    assert missed not in wire.partner.focuses
    assert wire.partner.told[-2].kind == "handshake"
    assert wire.partner.told[-1].events == [(1, new)]


@pytest.mark.parametrize("kind", [subscription, plain])
def test_it_is_turned_off_at_its_end(wire: Wire, kind: Any) -> None:
    id = wire.subscribe(kind(wire.partner, NEW, end=instant(wire.clock.now() + timedelta(hours=1))))
    wire.pass_by(minutes=61)
    drafted(wire)
    assert wire.look() == ["over"]
    assert (wire.read(id)["status"], wire.partner.told, rows(wire)) == ("off", [], 0)


def test_a_change_of_it_counts_from_its_next_handshake(wire: Wire) -> None:
    id = wire.subscribe(subscription(wire.partner, "Task?code=nothing"))
    first = drafted(wire)
    wire.look()
    assert wire.partner.told == []
    put(wire, id)
    second = drafted(wire)
    wire.look()
    assert [one.kind for one in wire.partner.told] == ["handshake", "event-notification"]
    assert wire.partner.focuses == [second] != [first]


def test_a_handshake_that_fails_is_an_error_until_it_is_requested_again(wire: Wire) -> None:
    wire.partner.answers.append((401, {}))
    id = wire.house.server.post(subscription(wire.partner, NEW)).json()["id"]
    assert wire.look() == ["forbidden"]
    failed = wire.read(id)
    assert failed["status"] == "error"
    assert failed["error"].endswith("given up. The other side answered 401.")
    assert wire.house.server.service.store.counts().subscriptions_failed == 1
    wire.pass_by(hours=5)
    assert wire.look() == []
    put(wire, id)
    assert wire.look()[0] == "active"
    assert {"status": "active"}.items() <= wire.read(id).items() and "error" not in wire.read(id)


@pytest.mark.parametrize(
    "answer", [(503, {}), (400, {}), (404, {}), (302, {"Location": "http://127.0.0.1:1/"})]
)
def test_what_was_not_taken_is_told_again(wire: Wire, answer: tuple[int, dict[str, str]]) -> None:
    wire.subscribe(subscription(wire.partner, NEW))
    wire.partner.answers.extend([answer, answer])
    expected = [drafted(wire)]
    assert len(wire.look()) == 1
    expected.append(drafted(wire))
    assert wire.look() == [], "it waits"
    wire.pass_by(seconds=3)
    assert len(wire.look()) == 1
    wire.pass_by(seconds=5)
    wire.look()
    assert [one.events[0][1] for one in wire.partner.told] == [expected[0]] * 3
    assert [focus for _, focus in wire.partner.told[-1].events] == expected
    numbers = [number for one in wire.partner.told for number, _ in one.events]
    is_unknown = answer[0] == 503
    assert numbers == ([1, 2, 3, 4, 5] if is_unknown else [1, 1, 2, 1, 2])


def test_what_was_taken_before_a_failure_does_not_come_again(wire: Wire) -> None:
    few = {"extension": [beat(2, "max-count", "valuePositiveInt")]}
    wire.subscribe(subscription(wire.partner, NEW, channel=few))
    expected = [drafted(wire) for _ in range(5)]
    wire.partner.answers.extend([(200, {}), (404, {})])
    assert wire.look() == ["not_found"]
    wire.pass_by(minutes=1)
    assert wire.look() == ["told"]
    assert wire.partner.focuses == expected[:4] + expected[2:]
    assert [number for one in wire.partner.told for number, _ in one.events] == [1, 2, 3, 4, 3, 4, 5]


def test_a_subscriber_that_says_when_is_asked_then(wire: Wire) -> None:
    wire.subscribe(plain(wire.partner, NEW))
    wire.partner.answers.append((429, {"Retry-After": "600"}))
    drafted(wire)
    assert wire.look() == ["busy"]
    wire.pass_by(seconds=599)
    assert wire.look() == []
    wire.pass_by(seconds=2)
    assert wire.look() == ["told"]


def test_an_endpoint_that_is_away_for_long_is_given_up_and_loses_nothing(wire: Wire) -> None:
    with partner() as there:
        port = there.server_port
    asked = subscription(wire.partner, NEW)
    id = wire.subscribe(asked)
    moved = wire.partner.endpoint.replace(str(wire.partner.server_port), str(port))
    wire.partner.answers.extend([(500, {})] * 20)
    expected = [drafted(wire)]
    began = wire.clock.now()
    ended = wire.look()
    while wire.read(id)["status"] == "active":
        assert len(ended) < 20
        wire.pass_by(hours=1)
        ended += wire.look()
        expected += [drafted(wire)] if len(ended) < 4 else []
    assert ended == ["interrupted"] * 20
    assert wire.clock.now() - began < timedelta(hours=24)
    failed = wire.read(id)
    assert failed["status"] == "error"
    assert failed["error"].endswith("given up after 20 attempts. The other side answered 500.")
    expected.append(drafted(wire))
    wire.pass_by(days=3)
    assert wire.look() == []
    with partner(port) as back:
        put(wire, id, channel={**asked["channel"], "endpoint": moved})
        wire.look()
        assert [one.kind for one in back.told] == ["handshake", "event-notification"]
        assert back.focuses == expected
        assert back.told[-1].events[0][0] > 20, "no number means two events"
        wire.house.server.http.delete(f"/Subscription/{id}")


def test_a_subscription_given_up_can_be_deleted_and_turned_off(wire: Wire) -> None:
    for turn in ("delete", "off"):
        wire.partner.answers.append((500, {}))
        id = wire.house.server.post(subscription(wire.partner, NEW)).json()["id"]
        assert wire.look() == ["interrupted"]
        if turn == "delete":
            assert wire.house.server.http.delete(f"/Subscription/{id}").status_code == 204
        else:
            put(wire, id, status="off")
        assert (wire.look(), rows(wire)) == ([], 0)


def test_its_owner_need_not_wait_for_the_next_attempt(wire: Wire) -> None:
    id = wire.subscribe(subscription(wire.partner, NEW))
    wire.partner.answers.append((429, {"Retry-After": "3600"}))
    new = drafted(wire)
    assert wire.look() == ["busy"]
    put(wire, id)
    wire.look()
    assert wire.partner.focuses == [new, new]


def test_nobody_is_told_whom_the_operator_has_taken_from_the_list(wire: Wire) -> None:
    id = wire.subscribe(plain(wire.partner, NEW))
    drafted(wire)
    wire.allow("https://partner.example")
    assert wire.look() == ["refused"]
    assert (wire.read(id)["status"], wire.partner.told) == ("error", [])
    assert "REFERRAL_SUBSCRIBERS" in wire.read(id)["error"]
