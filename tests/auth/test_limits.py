"""How much one may ask for: 429 beyond that, never for what may be a red flag; slow clients are cut off."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
import uvicorn

from referral_service.api.app import create_app
from referral_service.api.deadlines import Deadline, Protocol
from referral_service.api.limits import Buckets
from referral_service.auth.access import Rate
from referral_service.clinic.chart import build
from tests.api.people import CAUDA
from tests.auth.house import House, house

Json = dict[str, Any]
SLOW = {"per_second": 0.05, "burst": 5}
PLENTY = {"per_second": 100_000, "burst": 100_000}
GOAL: Json = {
    "resourceType": "Goal",
    "lifecycleStatus": "active",
    "description": {"text": "x"},
    "subject": {"reference": "Patient/flagged"},
}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Where a client may ask five times at once; what is tried here each takes another client."""
    told = {"limits": {"client": SLOW, "tenant": PLENTY}}
    with house(tmp_path_factory.mktemp("narrow"), told=told) as found:
        yield found


def spent(home: House, client: str) -> dict[str, str]:
    """Somebody who has asked for all that they may."""
    who = home.as_hospital(client_id=client, sub=client)
    for _ in range(SLOW["burst"]):  # type: ignore[call-overload]
        home.http.get("/Patient/none", headers=who)
    return who


def flagged(home: House) -> list[Json]:
    """A patient with a red flag."""
    return [*build({"id": "flagged", "given": [CAUDA]}, home.server.service.clock.as_of().date())]


def bundle(kind: str, resources: Sequence[Json]) -> Json:
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/Patient/flagged", {}),
        ("GET", "/Goal?patient=flagged", {}),
        ("POST", "/Goal/_search", {"data": {"patient": "flagged"}}),
        ("DELETE", "/Goal/none", {}),
        ("POST", "/Goal", {"json": GOAL}),
        ("PUT", "/Goal/g", {"json": {**GOAL, "id": "g"}}),
        ("PUT", "/Task/none", {"json": {"resourceType": "Task", "id": "none"}}),
        ("POST", "/Patient/flagged/$assess", {}),
        ("POST", "", {"json": bundle("transaction", [{**GOAL, "id": "g"}])}),
    ],
)
def test_beyond_the_limit_one_is_told_to_wait(
    narrow: House, method: str, path: str, more: Json, request: pytest.FixtureRequest
) -> None:
    who = spent(narrow, f"waits-{abs(hash(request.node.name))}")
    before = narrow.server.dump()

    answer = narrow.http.request(method, path, headers=who, **more)

    assert answer.status_code == 429
    assert answer.json()["issue"][0]["code"] == "throttled"
    assert 1 <= int(answer.headers["Retry-After"]) <= 20
    assert narrow.server.dump() == before
    assert narrow.http.get("/metadata", headers=who).status_code == 200


def test_a_red_flag_comes_through(narrow: House) -> None:
    who = spent(narrow, "urgent")
    patient, *others = flagged(narrow)

    answers = {
        one["resourceType"]: narrow.http.put(f"/{one['resourceType']}/{one['id']}", json=one, headers=who)
        for one in others
    }
    assert 201 in {one.status_code for one in answers.values()}

    whole = bundle("transaction", [patient, *others])
    assert narrow.http.post("", json=whole, headers=who).status_code == 200


def test_in_a_batch_the_red_flag_alone_comes_through(narrow: House) -> None:
    who = spent(narrow, "batches")
    mixed = bundle("batch", [*flagged(narrow), {**GOAL, "id": "elective"}])
    mixed["entry"].append({"request": {"method": "GET", "url": "Patient/flagged"}})

    answer = narrow.http.post("", json=mixed, headers=who).json()

    codes = [int(one["response"]["status"][:3]) for one in answer["entry"]]
    assert codes[-2:] == [429, 429]
    assert {200, 201} & set(codes[:-2])


def test_another_client_is_not_held_up(narrow: House) -> None:
    spent(narrow, "greedy")

    assert narrow.http.get("/Patient/none", headers=narrow.as_hospital(client_id="modest")).status_code == 404


def test_a_tenant_is_held_up_as_a_whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    told = {"limits": {"client": PLENTY, "tenant": SLOW}}
    with house(tmp_path_factory.mktemp("shared"), told=told) as home:
        spent(home, "one")
        assert home.http.get("/Patient/none", headers=home.as_hospital(client_id="two")).status_code == 429
        assert home.http.get("/Patient/none", headers=home.as_client("south")).status_code == 404


def test_each_entry_of_a_bundle_counts(narrow: House) -> None:
    who = narrow.as_hospital(client_id="bundles")
    many = bundle("transaction", [{**GOAL, "id": f"g{number}"} for number in range(20)])

    assert narrow.http.post("", json=many, headers=who).status_code == 200
    assert narrow.http.get("/Goal/g1", headers=who).status_code == 429


def test_a_bucket_fills_again() -> None:
    now = 0.0
    buckets = Buckets(Rate(per_second=2, burst=3), lambda: now)
    for _ in range(3):
        assert buckets.wait("a") == 0
        buckets.take("a")

    assert buckets.wait("a") == 0.5
    assert buckets.wait("b") == 0
    buckets.take("a", 1000)
    assert buckets.wait("a") == 2.0, "no more is owed than a full bucket"
    now = 2.0
    assert buckets.wait("a") == 0


def test_a_page_has_no_more_than_500(narrow: House) -> None:
    link = narrow.http.get("/Goal?_count=100000", headers=narrow.as_hospital(client_id="pages")).json()[
        "link"
    ]

    assert link[0]["url"].endswith("_count=500")


@pytest.mark.parametrize("path", ["/fhir/Patient/x", "/worklist", "/worklist/patient/x", "/", "/nothing"])
def test_every_answer_says_how_browsers_treat_it(narrow: House, path: str) -> None:
    headers = narrow.http.get(f"{narrow.server.address}{path}").headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Strict-Transport-Security"].startswith("max-age=")


class Hasty(Protocol):
    """The service's own, in less of a test's time."""

    head_seconds = 0.5


@contextmanager
def hasty(home: House) -> Iterator[int]:
    """The same service at another port."""
    application = Deadline(create_app(home.server.service), seconds=0.5)
    server = uvicorn.Server(uvicorn.Config(application, port=0, http=Hasty, log_config=None, lifespan="off"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)


HEAD = b"POST /auth/token HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b""),
        (b"", b"\r\n"),
        (HEAD, b"x: y\r\n"),
        (HEAD + b"Content-Length: 1000\r\n\r\n", b"a"),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET ", b"/"),
    ],
    ids=["says nothing", "empty lines", "a head without end", "a body without end", "a second head"],
)
def test_a_slow_client_is_cut_off(narrow: House, start: bytes, drop: bytes) -> None:
    with hasty(narrow) as port, socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        begun, is_open = monotonic(), True
        line.sendall(start)
        line.settimeout(0.1)
        while is_open and monotonic() < begun + 5:
            try:
                line.sendall(drop)
                is_open = bool(line.recv(4096))
            except TimeoutError:
                continue
            except OSError:
                is_open = False
        assert not is_open
        assert httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
