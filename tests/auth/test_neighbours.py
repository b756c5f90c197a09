"""Every route, times every object of another tenant, times everybody who may ask: nothing of it comes out.

The routes are the application's own: one that is added is tried too, or the test says that it cannot be.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Route

from referral_service.api.app import create_app
from referral_service.api.guard import METRICS, OPEN, WITH_THEIR_OWN
from tests.auth.attacks import ATTACKS
from tests.auth.house import House, bearer
from tests.auth.neighbours import CANARY, Way, body_of, settled, ways

Json = dict[str, Any]
Headers = Callable[[House], Mapping[str, str]]
GOAL: Json = {
    "lifecycleStatus": "active",
    "description": {"text": "x"},
    "subject": {"reference": "Patient/x"},
}
STRANGERS: dict[str, Headers] = {
    "nobody": lambda home: {},
    "with nothing": lambda home: {"Authorization": "Bearer nothing"},
    "forged": lambda home: bearer(ATTACKS["HS256 with the public key"](home)),
    "expired": lambda home: bearer(ATTACKS["expired"](home)),
    "an assertion": lambda home: bearer(home.assertion("south")),
}
NEIGHBOURS: dict[str, Headers] = {
    "the client of the north": lambda home: home.as_client("north"),
    "the hospital of the north": lambda home: home.as_hospital(),
    "one that says it is of the south": lambda home: home.as_hospital(tenant="south", client_id="south"),
    "a reader": lambda home: home.as_client("reader"),
    "an operator": lambda home: home.as_client("operator", "operator system/Patient.r"),
    "one without scopes": lambda home: home.as_hospital(""),
}
WAYS = list(ways())


@pytest.fixture(scope="module")
def objects(judged: House) -> dict[str, str]:
    """Of the south, by type."""
    return settled(judged)


def sent(home: House, way: Way, identity: str, headers: Mapping[str, str]) -> httpx.Response:
    path = way.address.format(id=identity, patient=identity)
    more = body_of(way, identity)
    return home.http.request(way.method, path, **{**more, "headers": {**more.get("headers", {}), **headers}})


def south(home: House) -> list[tuple[Any, ...]]:
    """Every row of the tenant."""
    return [row for rows in home.server.dump().values() for row in rows if "south" in row]


@pytest.mark.parametrize("who", STRANGERS)
def test_a_stranger_gets_nowhere(judged: House, objects: dict[str, str], who: str) -> None:
    before = judged.server.dump()
    for way in WAYS:
        answer = sent(judged, way, objects[way.type], STRANGERS[who](judged))
        assert answer.status_code == 401, way
        assert CANARY not in answer.text
    after = judged.server.dump()
    assert {**after, "once": ()} == {**before, "once": ()}


@pytest.mark.parametrize("who", NEIGHBOURS)
def test_a_neighbour_finds_nothing_that_is_not_its_own(
    judged: House, objects: dict[str, str], who: str
) -> None:
    before, headers = south(judged), NEIGHBOURS[who](judged)
    for number, way in enumerate(way for way in WAYS if not way.creates):
        theirs = sent(judged, way, objects[way.type], headers)
        nobodys = sent(judged, way, f"nobody-{number}", headers)

        assert theirs.status_code == nobodys.status_code, way
        assert not way.names_one or theirs.status_code in (403, 404), way
        assert CANARY not in theirs.text, way
        if way.code == "search-type" and theirs.is_success:
            assert objects[way.type] not in str(theirs.json().get("entry")), way
    assert south(judged) == before


@pytest.mark.parametrize("who", ["the client of the north", "the hospital of the north"])
def test_nothing_comes_out_through_a_bundle(judged: House, objects: dict[str, str], who: str) -> None:
    before, headers = south(judged), NEIGHBOURS[who](judged)
    reads = [
        {"request": {"method": "GET", "url": url}}
        for kind, identity in objects.items()
        for url in (f"{kind}/{identity}", f"{kind}/{identity}/_history", f"{kind}?_id={identity}")
    ]
    batch = {"resourceType": "Bundle", "type": "batch", "entry": reads}
    answer = judged.http.post("", json=batch, headers=headers)

    assert CANARY not in answer.text
    for read, one in zip(reads, answer.json()["entry"], strict=True):
        is_search = "?" in read["request"]["url"]
        assert one["resource"]["total"] == 0 if is_search else one["response"]["status"][:3] == "404", read

    for kind, identity in objects.items():
        named = {"url": "urn:about", "valueReference": {"reference": f"{kind}?_id={identity}"}}
        refers = {"resourceType": "Goal", **GOAL, "extension": [named]}
        entry = {"request": {"method": "POST", "url": "Goal"}, "resource": refers}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        assert judged.http.post("", json=bundle, headers=headers).status_code == 412
    assert south(judged) == before


def test_both_tenants_have_what_they_sent_and_what_was_decided_of_it(judged: House) -> None:
    for client in ("north", "south"):
        headers = judged.as_client(client)
        assert judged.http.get("/Patient/shared", headers=headers).status_code == 200
        for kind in ("GuidanceResponse", "Task", "DetectedIssue"):
            found = judged.http.get(f"/{kind}?patient=Patient/shared", headers=headers).json()
            assert found["total"] > 0, (client, kind)
        assessed = judged.http.get("/Patient/shared/$assess", headers=headers)
        assert assessed.json()["entry"]


def routes(home: House) -> Iterator[tuple[str, str]]:
    """Method and path of every route of the application; its parameters are to be filled in."""
    for context in iter_route_contexts(create_app(home.server.service).routes):
        route = context.route
        assert isinstance(route, Route), "what is mounted, or a socket, is not tried here"
        path = route.path_format
        for name in route.param_convertors:
            path = path.replace(f"{{{name}}}", "{}")
        yield from ((method, path) for method in sorted(route.methods or ()))


def is_below(path: str) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in WITH_THEIR_OWN)


def test_every_other_route_is_closed_but_those_that_are_named(judged: House, objects: dict[str, str]) -> None:
    tried = 0
    for method, path in routes(judged):
        if path in OPEN or path == METRICS or is_below(path):
            continue
        address = judged.server.address + path.replace("{}", objects["Task"])
        for who, headers in {**STRANGERS, **NEIGHBOURS}.items():
            answer = judged.http.request(method, address, headers=headers(judged))
            tried += 1
            assert answer.status_code in (401, 403, 404), (method, path, who)
            assert CANARY not in answer.text
    assert tried > 50


def test_those_with_their_own_way_in_take_none_of_ours(judged: House, objects: dict[str, str]) -> None:
    before = judged.server.dump()
    for method, path in routes(judged):
        if is_below(path) and method not in ("GET", "HEAD"):
            address = judged.server.address + path.replace("{}", objects["Task"])
            for who, headers in {**STRANGERS, **NEIGHBOURS}.items():
                answer = judged.http.request(method, address, json={}, headers=headers(judged))
                assert 400 <= answer.status_code < 500, (method, path, who)
                assert CANARY not in answer.text
    assert {**judged.server.dump(), "once": ()} == {**before, "once": ()}


def test_what_is_open_holds_nothing_of_anybody(judged: House) -> None:
    for path in OPEN:
        answer = judged.http.get(f"{judged.server.address}{path}")
        assert answer.status_code in (200, 405), path
        assert CANARY not in answer.text


CLOSED = "/docs /redoc /fhir/ /fhir//metadata /fhir/metadata/ /FHIR/metadata /nowhere /livez/ /notifyx \
/cds-servicesx /metrics/ /.well-known/ /worklist /worklist/list/review /"


@pytest.mark.parametrize("path", CLOSED.split())
def test_what_is_not_named_is_closed(judged: House, path: str) -> None:
    answer = judged.http.get(f"{judged.server.address}{path}")

    assert answer.status_code == 401


def test_what_a_neighbour_puts_under_the_same_id_is_its_own(judged: House, objects: dict[str, str]) -> None:
    before, headers = south(judged), judged.as_client("north")
    for way in WAYS:
        if way.creates and way.shape == "instance":
            put = sent(judged, way, objects[way.type], headers)
            assert put.status_code in (201, 403), way
            assert put.status_code == 201 or way.type == "ServiceRequest"
            assert CANARY not in put.text
            judged.http.delete(f"/{way.type}/{objects[way.type]}", headers=headers)
    assert south(judged) == before
