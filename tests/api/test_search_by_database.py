"""What hangs on the database: pages sorted by several keys, identifiers beyond an index, what comes back."""

from time import sleep
from urllib.parse import urlencode

import pytest

from tests.api.charts import Json, condition, entry, new_id, patient, statuses, therapy
from tests.api.test_search import server
from tests.kit.server import Running, ids

__all__ = ["server"]
# Two of each day and one without any, in the order of their arrival.
DAYS = {"e": "2026-03-02", "a": "2026-04-02", "d": "2026-03-02", "b": "2026-04-02", "c": ""}
ORDERS = {
    "date": "deabc",
    "-date": "abdec",
    "date,_lastUpdated": "edabc",
    "date,-_lastUpdated": "debac",
    "-date,-_lastUpdated": "badec",
    "_lastUpdated,date": "eadbc",
    "-_lastUpdated": "cbdae",
}


@pytest.fixture(scope="module")
def visited(server: Running) -> str:
    """A patient with those visits, each stored at a time of its own."""
    who = new_id("sorted")
    for name, day in DAYS.items():
        visit: Json = therapy(f"Patient/{who}", day, id=f"{who}-{name}")
        if not day:
            del visit["performedDateTime"]
        assert server.put(visit).status_code == 201
        sleep(0.002)  # instants have millisecond precision
    return who


@pytest.mark.parametrize("size", [1, 2, 9])
@pytest.mark.parametrize("order", ORDERS)
def test_every_page_goes_on_where_the_last_one_ended(
    server: Running, visited: str, order: str, size: int
) -> None:
    page = server.search("Procedure", patient=visited, _sort=order, _count=str(size))
    found = ids(page)
    while following := [link["url"] for link in page["link"] if link["relation"] == "next"]:
        page = server.http.get(following[0]).json()
        found += ids(page)
    assert "".join(identity[-1] for identity in found) == ORDERS[order]


def test_a_link_of_another_order_is_not_ours(server: Running, visited: str) -> None:
    page = server.search("Procedure", patient=visited, _sort="date,_lastUpdated", _count="1")
    (following,) = (link["url"] for link in page["link"] if link["relation"] == "next")
    token = following.partition("_page=")[2]
    assert server.http.get(f"/Procedure?_page={token}").status_code == 200
    assert server.http.get("/Procedure?_page=W1tdLFsxLDJdLCJhIl0").status_code == 400  # [[],[1,2],"a"]


def test_a_page_may_be_asked_for_in_a_form(server: Running, visited: str) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    sent, found = f"patient={visited}&_sort=date&_count=2", ""
    while sent:
        page = server.http.post("/Procedure/_search", content=sent, headers=form).json()
        found += "".join(identity[-1] for identity in ids(page))
        sent = "".join(link["url"].partition("?")[2] for link in page["link"] if link["relation"] == "next")
    assert found == ORDERS["date"]


@pytest.mark.parametrize("letter", ["z", "é", "山"])
def test_whatever_length_an_identifier_has_it_is_found(server: Running, letter: str) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    for length in (250, 251, 1000, 1001, 6000):
        value = f"{new_id('long')}-{length}-".ljust(length, letter)
        system = f"urn:{value}"
        mine = server.post(patient(identifier=[{"system": system, "value": value}])).json()["id"]
        for asked in (value, f"{system}|{value}", f"{system}|"):
            found = server.http.post(
                "/Patient/_search", content=urlencode({"identifier": asked}), headers=form
            )
            assert ids(found.json()) == [mine], (length, asked[:9])
        found = server.http.post("/Patient/_search", content=f"identifier={value}x", headers=form)
        assert ids(found.json()) == []


def test_what_has_a_system_and_no_code_is_found_by_its_system(server: Running) -> None:
    who, system = new_id("bare"), f"urn:only:{new_id('bare')}"
    bare = condition(f"Patient/{who}")
    bare["code"] = {"coding": [{"system": system, "display": "Back pain, said in words"}]}
    bare["identifier"] = [{"system": system}]
    one = server.post(bare).json()["id"]

    assert ids(server.search("Condition", code=f"{system}|")) == [one]
    assert ids(server.search("Condition", identifier=f"{system}|")) == [one]
    assert ids(server.search("Condition", patient=who, code=f"{system}|BACK")) == []


def test_what_comes_back_is_created_anew(server: Running) -> None:
    names = [new_id("back") for _ in range(3)]
    for name in names:
        server.put(patient(name))
    for name in names[:2]:
        server.http.delete(f"/Patient/{name}")
    assert server.put(patient(names[0])).status_code == 201
    entries = [entry("PUT", f"Patient/{name}", patient(name, birthDate="1970")) for name in names]
    assert statuses(server.send("transaction", *entries).json()) == ["200", "201", "200"]
