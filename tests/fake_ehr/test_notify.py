"""Subscriptions: a subscriber hears of what matches, in the style that it asked for, and of nothing else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from hmac import new as hmac
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

import pytest

from referral_service.fake_ehr.notification import BACKPORT
from referral_service.fake_ehr.server import FakeEhr, Manners
from referral_service.fhir.check import check
from tests.fake_ehr.served import SYSTEM, Served, order, served, task

TOPIC = "http://example.org/topic/orders"


class Heard(NamedTuple):
    """One request that a subscriber has got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Subscriber:
    """A web server that keeps what it hears; it answers 503 for the first `failing` requests."""

    def __init__(self, failing: int = 0) -> None:
        self.heard: list[Heard] = []
        self.failing = failing
        subscriber = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                subscriber.heard.append(Heard(self.command, self.path, dict(self.headers), body))
                self.send_response(503 if len(subscriber.heard) <= subscriber.failing else 200)
                self.end_headers()

            do_PUT = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/hook"


@contextmanager
def listening(failing: int = 0) -> Iterator[Subscriber]:
    """A subscriber that listens while the block lasts."""
    subscriber = Subscriber(failing)
    thread = Thread(target=subscriber.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield subscriber
    finally:
        subscriber.server.shutdown()
        subscriber.server.server_close()
        thread.join()


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    """One that answers well."""
    with listening() as found:
        yield found


def subscription(endpoint: str, criteria: str, **channel: Any) -> dict[str, Any]:
    """A Subscription as a client asks for it."""
    return {
        "resourceType": "Subscription",
        "id": "s-1",
        "status": "requested",
        "reason": "test",
        "criteria": criteria,
        "channel": {"type": "rest-hook", "endpoint": endpoint, **channel},
    }


def backport(endpoint: str, *filters: str) -> dict[str, Any]:
    """The same by topic, for notifications with ids only."""
    asked = subscription(endpoint, TOPIC, payload="application/fhir+json")
    content = {"url": f"{BACKPORT}/backport-payload-content", "valueCode": "id-only"}
    asked["channel"]["_payload"] = {"extension": [content]}
    if filters:
        url = f"{BACKPORT}/backport-filter-criteria"
        asked["_criteria"] = {"extension": [{"url": url, "valueString": one} for one in filters]}
    return asked


def begin(ehr: Served, asked: dict[str, Any]) -> str:
    """Subscribes; the status that the Subscription gets."""
    assert ehr.put(asked).status_code == 201
    assert ehr.ehr.settle()
    status: str = ehr.http.get("/Subscription/s-1").json()["status"]
    return status


def test_an_empty_post_says_that_there_is_something(subscriber: Subscriber) -> None:
    with served() as ehr:
        assert begin(ehr, subscription(subscriber.address, "ServiceRequest?status=active")) == "active"
        ehr.post(order("A"))
        ehr.post(order("B", status="draft"))
        ehr.post(task("C", "ServiceRequest/1"))
        assert ehr.ehr.settle()

    [heard] = subscriber.heard
    assert (heard.method, heard.path, heard.body) == ("POST", "/hook", b"")
    assert ehr.ehr.notifier.counts == {"delivered": 1}


@pytest.mark.parametrize(("hook", "path"), [("put", "/hook/ServiceRequest/a"), ("post", "/hook")])
def test_the_whole_resource_is_sent_to_who_wants_a_payload(
    subscriber: Subscriber, hook: Any, path: str
) -> None:
    with served(FakeEhr(manners=Manners(hook=hook))) as ehr:
        wish = {"payload": "application/fhir+json", "header": ["Authorization: Bearer t0ken"]}
        begin(ehr, subscription(subscriber.address, "ServiceRequest?", **wish))
        created = ehr.put(order("A", id="a")).json()
        changed = ehr.put(order("A", id="a", status="completed")).json()
        assert ehr.ehr.settle()

    assert [(one.method, one.path) for one in subscriber.heard] == [(hook.upper(), path)] * 2
    assert [json.loads(one.body) for one in subscriber.heard] == [created, changed]
    assert subscriber.heard[0].headers["Authorization"] == "Bearer t0ken"
    assert subscriber.heard[0].headers["Content-Type"] == "application/fhir+json"


def parameters(heard: Heard) -> dict[str, Any]:
    """The status of a notification by topic: each parameter's value, or its parts."""
    bundle = json.loads(heard.body)
    assert check(bundle) == []
    assert bundle["type"] == "history"
    found: dict[str, Any] = {}
    for one in bundle["entry"][0]["resource"]["parameter"]:
        parts = {
            part["name"]: next(it for key, it in part.items() if key != "name")
            for part in one.get("part", ())
        }
        found[one["name"]] = parts or next(it for key, it in one.items() if key != "name")
    return found


def test_a_subscriber_by_topic_gets_a_handshake_and_then_ids(subscriber: Subscriber) -> None:
    with served() as ehr:
        assert begin(ehr, backport(subscriber.address, f"ServiceRequest?identifier={SYSTEM}|A")) == "active"
        ehr.put(order("A", id="a"))
        ehr.put(order("B", id="b"))
        ehr.put(order("A", id="a", status="completed"))
        assert ehr.ehr.settle()
        ehr.ehr.notifier.heartbeat("s-1")
        assert ehr.ehr.settle()

    said = [parameters(one) for one in subscriber.heard]
    assert [one["type"] for one in said] == [
        "handshake",
        "event-notification",
        "event-notification",
        "heartbeat",
    ]
    assert [one["events-since-subscription-start"] for one in said] == ["0", "1", "2", "2"]
    assert said[0]["subscription"] == {"reference": f"{ehr.address}/Subscription/s-1"}
    assert said[0]["topic"] == TOPIC
    event = said[2]["notification-event"]
    assert (event["event-number"], event["focus"]) == ("2", {"reference": f"{ehr.address}/ServiceRequest/a"})
    entry = json.loads(subscriber.heard[1].body)["entry"][1]
    assert "resource" not in entry
    assert entry["request"] == {"method": "POST", "url": "ServiceRequest"}


def test_a_topic_without_filters_is_about_everything(subscriber: Subscriber) -> None:
    with served() as ehr:
        begin(ehr, backport(subscriber.address))
        ehr.send(
            "transaction", {"resource": order("A"), "request": {"method": "POST", "url": "ServiceRequest"}}
        )
        ehr.post(task("A", "ServiceRequest/1"))
        assert ehr.ehr.settle()

    assert len(subscriber.heard) == 3


@pytest.mark.parametrize("is_by_topic", [True, False])
def test_a_secret_signs_the_body(subscriber: Subscriber, is_by_topic: bool) -> None:
    with served(FakeEhr(manners=Manners(secret=b"s3cret"))) as ehr:
        plain = subscription(subscriber.address, "ServiceRequest?", payload="application/fhir+json")
        begin(ehr, backport(subscriber.address) if is_by_topic else plain)
        ehr.post(order("A"))
        assert ehr.ehr.settle()

    heard = subscriber.heard[-1]
    digest = hmac(b"s3cret", heard.body, sha256).hexdigest()
    if is_by_topic:
        assert heard.headers["X-Hub-Signature"] == f"sha256={digest}"
    else:
        assert heard.headers["X-Signature"] == digest


def test_a_subscriber_that_stumbles_is_told_again() -> None:
    with listening(failing=2) as stumbling, served() as ehr:
        begin(ehr, subscription(stumbling.address, "ServiceRequest?"))
        ehr.post(order("A"))
        assert ehr.ehr.settle()

        assert len(stumbling.heard) == 3
        assert ehr.ehr.notifier.counts == {"delivered": 1}


def test_a_subscriber_that_is_not_there_is_given_up() -> None:
    with served() as ehr:
        begin(ehr, subscription("http://127.0.0.1:9/hook", "ServiceRequest?"))
        ehr.post(order("A"))
        assert ehr.ehr.settle()

        assert ehr.ehr.notifier.counts == {"given-up": 1}


@pytest.mark.parametrize(
    "asked",
    [
        subscription("http://127.0.0.1:9/hook", "ServiceRequest?colour=red"),
        subscription("http://127.0.0.1:9/hook", "Nonsense?"),
        subscription("http://127.0.0.1:9/hook", "ServiceRequest?", type="email"),
        backport("http://127.0.0.1:9/hook"),
    ],
    ids=["criteria", "type", "channel", "no-handshake"],
)
def test_a_subscription_that_cannot_be_is_in_error(asked: dict[str, Any]) -> None:
    with served() as ehr:
        assert begin(ehr, asked) == "error"
        ehr.post(order("A"))
        assert ehr.ehr.settle()

        assert ehr.ehr.notifier.counts == {}
