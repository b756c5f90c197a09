"""Subscriptions that cannot be served are refused by name of what is wrong, and nobody is called."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.server import Running, running
from tests.subscriptions.partner import BACKPORT, ID_ONLY, Partner, beat, partner, subscription
from workers.announcing import Announcing

Json = dict[str, Any]
PARTNER = "https://partner.example"


def content(code: str) -> Json:
    """A payload of that content."""
    said = {"url": f"{BACKPORT}/backport-payload-content", "valueCode": code}
    return {"payload": "application/fhir+json", "_payload": {"extension": [said]}}


def beside(element: str, url: str, **value: Any) -> Json:
    """An extension of a primitive element."""
    return {element: {"extension": [{"url": f"{BACKPORT}/{url}", **value}]}}


def header(*lines: str) -> Json:
    """Headers."""
    return {"channel": {"header": [*lines]}}


CRITERIA = [
    "Patient?",
    "Observation?code=x",
    "Subscription?status=active",
    "https://partner.example/topics/referrals",
    "/Task?status=requested",
    "Task/1",
    "task?status=requested",
    "Task?nothing=known",
    "Task?status:not=draft",
    "Task?focus.status=active",
    "Task?_has:Provenance:target:agent=x",
    "Task?status=",
    "Task?authored-on=soon",
    "Task?status=requested&_count=5",
    "Task?_sort=authored-on",
    "Task?_include=Task:focus",
    "Task?_format=json",
    "Task?" + "&".join(["status=draft"] * 30),
]
LINES = [
    "Authorization",
    "Authorization:",
    ": Bearer x",
    "Authorization: Bearer x\r\nX-More: y",
    "X-More: y\n",
    "X More: y",
    "X-Möre: y",
    "X-More: ÿ",
    "Host: elsewhere.example",
    "Connection: close",
    "transfer-encoding: chunked",
    "Content-Length: 0",
    "Content-Type: text/plain",
    "X-More: " + "y" * 5000,
]
BROKEN: list[tuple[Json, int, str]] = [
    ({"status": "active"}, 422, "status"),
    ({"status": "error"}, 422, "status"),
    ({"status": "on"}, 400, "status"),
    ({"end": "2020-01-01T00:00:00Z"}, 422, "end"),
    ({"end": "2020"}, 400, "end"),
    ({"reason": ""}, 400, "reason"),
    *(({"criteria": one}, 422, "criteria") for one in CRITERIA),
    ({"criteria": ""}, 400, "criteria"),
    (beside("_criteria", "backport-filter-criteria", valueString="Task?"), 422, "criteria.extension"),
    ({"channel": {"type": "websocket"}}, 422, "channel.type"),
    ({"channel": {"type": "email", "endpoint": "mailto:a@b.example"}}, 422, "channel.type"),
    ({"channel": {"type": "fax"}}, 400, "channel.type"),
    (
        {"channel": beside("_type", "backport-channel-type", valueCoding={"code": "zulip"})},
        422,
        "channel.type",
    ),
    ({"channel": {"endpoint": None}}, 422, "channel.endpoint"),
    ({"channel": {"payload": "application/fhir+xml", "_payload": None}}, 422, "channel.payload"),
    ({"channel": {"payload": "text/plain", "_payload": None}}, 422, "channel.payload"),
    ({"channel": content("full-resource")}, 422, "channel.payload.extension"),
    ({"channel": content("empty")}, 422, "channel.payload.extension"),
    ({"channel": {"extension": [beat(3)]}}, 422, "channel.extension"),
    ({"channel": {"extension": [beat(60)], "_payload": None}}, 422, "channel.extension"),
    ({"channel": {"extension": [beat(60), beat(90)]}}, 422, "channel.extension"),
    ({"channel": {"extension": [beat(9, "max-count", "valueString")]}}, 400, "channel.extension"),
    ({"channel": {"extension": [beat(9, "timeout", "valuePositiveInt")]}}, 422, "channel.extension"),
    *((header(one), 422, "channel.header[0]") for one in LINES),
    (header("X-More: y", "x-more: z"), 422, "channel.header[1]"),
    (header(*(f"X-{number}: y" for number in range(30))), 422, "channel.header"),
]


@pytest.fixture(scope="module")
def canary() -> Iterator[Partner]:
    """Somebody on this machine who must never hear of us."""
    with partner() as there:
        yield there
        assert (there.connections, there.told) == (0, [])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, canary: Partner) -> Iterator[Running]:
    """A service that tells one partner elsewhere, with what would tell it at work."""
    with running(tmp_path_factory.mktemp("guarded"), subscribers=f"{PARTNER} http://plain.example") as served:
        threads = Announcing(served.service.settings, served.service.store)
        threads.start()
        try:
            yield served
        finally:
            threads.stop()


def refused(served: Running, asked: Json, status: int, where: str) -> None:
    """In each of the ways in, with nothing stored; and nothing of it is repeated but names."""
    before = served.dump()
    url = "/Subscription/mine"
    for answer in (
        served.post(asked),
        served.http.put(url, json={**asked, "id": "mine"}),
    ):
        issues = answer.json()["issue"]
        assert answer.status_code == status, answer.text
        assert any(one["expression"][0].startswith(f"Subscription.{where}") for one in issues), answer.text
        assert "elsewhere" not in answer.text and "Bearer" not in answer.text.replace("Bearer TOKEN", "")
    entry = {"resource": asked, "request": {"method": "POST", "url": "Subscription"}}
    together = served.send("transaction", entry)
    assert together.status_code == status, together.text
    assert f"Bundle.entry[0].resource.{where}" in together.text
    alone = served.send("batch", entry).json()["entry"][0]["response"]
    assert alone["status"].startswith(str(status))
    assert served.dump() == before


@pytest.mark.parametrize(("wrong", "status", "where"), BROKEN, ids=lambda it: str(it)[:60])
def test_what_cannot_be_served_is_refused(
    guarded: Running, canary: Partner, wrong: Json, status: int, where: str
) -> None:
    changes = {**wrong, "channel": {"endpoint": f"{PARTNER}/hook", **wrong.get("channel", {})}}
    asked = subscription(canary, **{"criteria": "Task?", **changes})
    if wrong.get("channel", {}).get("_payload", ID_ONLY) is None and "payload" not in wrong["channel"]:
        asked["channel"].pop("payload")
    refused(guarded, asked, status, where)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:{port}/hook",
        "https://127.0.0.1:{port}/hook",
        "http://localhost:{port}/hook",
        "http://[::1]:{port}/hook",
        "http://partner.example/hook",
        "http://plain.example/hook",
        "https://partner.example:8443/hook",
        "https://partner.example@127.0.0.1:{port}/hook",
        "https://127.0.0.1:{port}/?https://partner.example",
        "https://partner.example.evil.example/hook",
        "https://PARTNER.example\\@127.0.0.1:{port}/",
        "https:\\\\127.0.0.1:{port}",
        "//partner.example/hook",
        "/fhir/Task",
        "ftp://partner.example/hook",
        "file:///etc/passwd",
        "mailto:partner@partner.example",
        "https://",
    ],
)
def test_nobody_is_told_but_who_is_listed(guarded: Running, canary: Partner, endpoint: str) -> None:
    asked = subscription(canary, channel={"endpoint": endpoint.format(port=canary.server_port)})
    refused(guarded, asked, 422, "channel.endpoint")


@pytest.mark.parametrize(
    ("endpoint", "is_taken"),
    [
        ("http://127.0.0.1:9/hook", True),
        ("https://localhost/hook", True),
        ("http://[::1]:9/hook", True),
        ("http://127.8.8.8:9/hook", True),
        ("https://partner.example/hook", False),
        ("http://169.254.169.254/latest/meta-data", False),
        ("http://0.0.0.0:9/hook", False),
        ("http://10.0.0.1/hook", False),
        ("http://2130706433/hook", False),
        ("http://localhost.evil.example/hook", False),
    ],
)
def test_without_a_list_only_this_machine_is_told(
    server: Running, canary: Partner, endpoint: str, is_taken: bool
) -> None:
    asked = subscription(canary, channel={"endpoint": endpoint})
    assert server.post(asked).status_code == (201 if is_taken else 422)


def test_without_a_list_a_service_that_others_reach_tells_nobody(tmp_path: Path, canary: Partner) -> None:
    with running(tmp_path, host="0.0.0.0", allow_insecure=True) as served:
        refused(served, subscription(canary), 422, "channel.endpoint")


def test_every_fault_is_named_at_once(guarded: Running, canary: Partner) -> None:
    asked = subscription(
        canary, "Patient?", status="active", channel={"type": "sms", "header": ["Host: x", "y"]}
    )
    issues = guarded.post(asked).json()["issue"]
    assert [one["expression"][0] for one in issues] == [
        "Subscription.criteria",
        "Subscription.channel.type",
        "Subscription.channel.header[0]",
        "Subscription.channel.header[1]",
        "Subscription.status",
    ]


def test_the_listed_partner_may_subscribe(guarded: Running, canary: Partner) -> None:
    asked = subscription(canary, status="off", channel={"endpoint": f"{PARTNER}:443/hook?for=us"})
    assert guarded.post(asked).status_code == 201
