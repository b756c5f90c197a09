"""Searches: every parameter, alternatives, pages whose links tell nothing, and what is not known refused."""

from collections.abc import Iterator

import pytest

from referral_service.fhir.check import check
from tests.fake_ehr.served import SYSTEM, Served, issue_codes, order, served, task


@pytest.fixture(scope="module")
def ehr() -> Iterator[Served]:
    """An EHR with three orders of two patients, and a Task for the first."""
    with served() as found:
        found.ehr.put({"resourceType": "Patient", "id": "ann"})
        found.ehr.put(order("1", id="one"))
        found.ehr.put(order("2|order", id="two", status="completed", subject={"reference": "Patient/bob"}))
        absolute = {"reference": "https://elsewhere.example/r4/Patient/ann"}
        found.ehr.put(order("3", id="three", identifier=[{"value": "3"}], subject=absolute))
        found.ehr.put(task("1", "ServiceRequest/one/_history/1", id="task"))
        yield found


@pytest.mark.parametrize(
    ("parameters", "ids"),
    [
        ({}, "one two three"),
        ({"identifier": f"{SYSTEM}|1"}, "one"),
        ({"identifier": "1"}, "one"),
        ({"identifier": "|3"}, "three"),
        ({"identifier": "|1"}, ""),
        ({"identifier": f"{SYSTEM}|"}, "one two"),
        ({"identifier": f"{SYSTEM}|3"}, ""),
        ({"identifier": f"{SYSTEM}|2\\|order"}, "two"),
        ({"identifier": f"{SYSTEM}|1,|3"}, "one three"),
        ({"identifier": "1", "status": "completed"}, ""),
        ({"_id": "two,three,four"}, "two three"),
        ({"patient": "ann"}, "one three"),
        ({"patient": "Patient/bob"}, "two"),
        ({"subject": "https://this.example/fhir/Patient/ann"}, "one three"),
        ({"subject": "Group/ann"}, ""),
        ({"status": "active"}, "one three"),
        ({"status": "active,completed"}, "one two three"),
        ({"intent": "proposal"}, ""),
        ({"_lastUpdated": "gt2001"}, "one two three"),
        ({"_lastUpdated": "lt2001-05-03"}, ""),
        ({"_count": "2", "_sort": "-_lastUpdated", "_id": "one"}, "one"),
        ({"_format": "json", "status": ""}, "one two three"),
    ],
    ids=str,
)
def test_a_search_finds_what_it_asks_for(ehr: Served, parameters: dict[str, str], ids: str) -> None:
    assert set(ehr.found("ServiceRequest", **parameters)) == set(ids.split())


def test_tasks_are_found_by_code_and_focus(ehr: Served) -> None:
    system = "http://hl7.org/fhir/CodeSystem/task-code"

    assert ehr.found("Task", code=f"{system}|fulfill", patient="ann", focus="one") == ["task"]
    assert ehr.found("Task", code=f"{system}|approve") == []
    assert ehr.found("Task", focus="ServiceRequest/two") == []


def test_the_focus_comes_along(ehr: Served) -> None:
    found = ehr.http.get("/Task?_include=Task:focus").json()

    modes = {(entry["resource"]["resourceType"], entry["search"]["mode"]) for entry in found["entry"]}
    assert modes == {("Task", "match"), ("ServiceRequest", "include")}
    assert found["total"] == 1


def test_the_time_of_change_is_compared_to_the_millisecond(ehr: Served) -> None:
    at = ehr.http.get("/ServiceRequest/two").json()["meta"]["lastUpdated"]

    def found(comparison: str) -> bool:
        return "two" in ehr.found("ServiceRequest", _lastUpdated=comparison + at)

    assert [found(prefix) for prefix in ("", "ge", "le", "gt", "lt")] == [True, True, True, False, False]


def test_pages_are_followed_by_links_that_tell_nothing(ehr: Served) -> None:
    seen: list[str] = []
    url: str | None = "/ServiceRequest?patient=ann&_count=1"
    while url:
        page = ehr.http.get(url).json()
        assert check(page) == []
        assert (page["total"], len(page["entry"])) == (2, 1)
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        assert url is None or "ann" not in url
        ehr.ehr.put(order("9", id="zero", subject={"reference": "Patient/cy"}))

    assert seen == ["one", "three"]


def test_a_search_may_be_posted_or_only_counted(ehr: Served) -> None:
    posted = ehr.http.post("/ServiceRequest/_search", data={"identifier": f"{SYSTEM}|1"}).json()
    counted = ehr.http.get("/ServiceRequest?patient=ann&_summary=count").json()

    assert [entry["resource"]["id"] for entry in posted["entry"]] == ["one"]
    assert (counted["total"], "entry" in counted) == (2, False)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("colour=red", "not-supported"),
        ("patient.name=Ann", "not-supported"),
        ("_lastUpdated=yesterday", "value"),
        ("_count=many", "value"),
        ("identifier=urn:x|2|order", "value"),
        ("patient=a b", "value"),
        ("_sort=status", "not-supported"),
        ("_include=Task:focus", "not-supported"),
        ("_summary=true", "not-supported"),
    ],
)
def test_what_it_does_not_know_it_refuses(ehr: Served, query: str, code: str) -> None:
    refused = ehr.http.get(f"/ServiceRequest?{query}")

    assert (refused.status_code, issue_codes(refused)) == (400, [code])


def test_everything_about_a_patient(ehr: Served) -> None:
    def everything(query: str = "") -> set[str]:
        found = ehr.http.get(f"/Patient/ann/$everything{query}").json()
        return {entry["resource"]["id"] for entry in found.get("entry", ())}

    assert everything() == {"ann", "one", "three", "task"}
    assert everything("?_type=Task,Patient") == {"ann", "task"}
    assert everything("?_since=2999-01-01T00:00:00Z") == set()
    assert ehr.http.get("/Patient/nobody/$everything").status_code == 404
