"""`Patient/ID/$assess`: the decision for another day, or with what was known then, and nothing stored."""

import re
from datetime import date
from time import sleep
from typing import Any

import httpx
import pytest

from referral_service.clinic.chart import build
from tests.api.charts import issues
from tests.kit.server import Running

TODAY = date(2026, 6, 1)
STORY = {
    "id": "pat",
    "given": [
        {"condition": "M51.360", "onset": -264},
        {"procedure": "97110", "every": {"from": -210, "to": -40, "step": 7}},
        {"medication": "198014", "from": -212, "supply": 180},
        {"score": "97909-6", "value": 48, "unit": "%", "on": -208},
        {"score": "97909-6", "value": 46, "unit": "%", "on": -12},
        {"imaging": "24968-0", "on": -137},
    ],
}


def said(answer: dict[str, Any]) -> list[str]:
    return [
        str(parameter["valueCode"])
        for entry in answer["entry"]
        for parameter in entry["resource"]["contained"][0]["parameter"]
        if parameter["name"] == "outcome"
    ]


def test_each_day_has_its_own_decision_and_nothing_is_stored(server: Running) -> None:
    for resource in build(STORY, TODAY):
        assert server.put(resource).status_code == 201
    before = server.dump()
    asked = {
        day: said(server.http.get("/Patient/pat/$assess", params={"asOf": day}).json())
        for day in ("2025-08-01", "2025-12-01", "2026-06-01", "2026-08-01")
    }
    assert asked == {
        "2025-08-01": ["no-qualifying-condition"],
        "2025-12-01": ["in-trial"],
        "2026-06-01": ["exhausted"],
        "2026-08-01": ["review"],
    }
    assert server.dump() == before


def test_what_was_known_then_decides(server: Running) -> None:
    *others, imaging = build(STORY, TODAY)
    for resource in others:
        between = server.put(resource).json()["meta"]["lastUpdated"]
    sleep(0.01)  # instants have millisecond precision
    server.put(imaging)
    asked = {"asOf": "2026-06-01"}
    then = server.http.get("/Patient/pat/$assess", params={**asked, "knownAt": between}).json()
    now = server.http.get("/Patient/pat/$assess", params=asked).json()
    assert (said(then), said(now)) == (["review"], ["exhausted"])


def test_a_malformed_day_is_named(server: Running) -> None:
    server.put(build(STORY, TODAY)[0])
    wrong = [
        ("asOf", "soon"),
        ("asOf", "20260101"),
        ("asOf", "2026-W01-1"),
        ("asOf", "0001-01-01"),
        ("asOf", "9999-12-31"),
        ("knownAt", "2026-06-01T08:00:00"),
        ("knownAt", "2026-06-01"),
        ("knownAt", "20260601T080000Z"),
        ("knownAt", "2026-W01-1T00:00:00Z"),
        ("knownAt", "2026-06-01T24:00:00Z"),
        ("knownAt", "2026-06-01T08:00Z"),
    ]
    for name, value in wrong:
        answer = server.http.get("/Patient/pat/$assess", params={name: value})
        assert (answer.status_code, issues(answer.json())) == (400, [("value", name)])


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_of_a_day_beyond_what_is_taken_it_is_said_what_is(server: Running, day: str) -> None:
    server.put(build(STORY, TODAY)[0])
    (issue,) = server.http.get(f"/Patient/pat/$assess?asOf={day}").json()["issue"]
    first, last = re.findall(r"\d{4}-\d\d-\d\d", issue["diagnostics"])
    for taken in (first, last):
        assert server.http.get(f"/Patient/pat/$assess?asOf={taken}").status_code == 200


def test_an_instant_may_have_any_offset(server: Running) -> None:
    server.put(build(STORY, TODAY)[0])
    for instant in ("2026-06-01T08:00:00Z", "2026-06-01T08:00:00.123456789-04:00", "2016-12-31T23:59:60Z"):
        assert server.http.get(f"/Patient/pat/$assess?knownAt={instant}").status_code == 200
    # A plus sign that was not escaped.
    assert server.http.get("/Patient/pat/$assess?knownAt=2026-06-01T08:00:00+02:00").status_code == 200


def posted(server: Running, query: str, *parameters: dict[str, Any]) -> httpx.Response:
    body = {"resourceType": "Parameters", "parameter": list(parameters)} if parameters else None
    return server.http.post(f"/Patient/pat/$assess{query}", json=body)


def test_a_post_says_in_its_address_what_a_get_does(server: Running) -> None:
    for resource in build(STORY, TODAY):
        server.put(resource)
    then = "2026-06-01T00:00:00Z"
    assert said(posted(server, "?asOf=2025-08-01").json()) == ["no-qualifying-condition"]
    both = posted(server, "?asOf=2025-12-01&_format=json", {"name": "knownAt", "valueInstant": then})
    assert both.status_code == 200
    assert issues(posted(server, "?asOf=nonsense").json()) == [("value", "asOf")]
    assert issues(posted(server, "?when=2025-08-01").json()) == [("not-supported", "")]
    twice = posted(server, "?asOf=2025-12-01", {"name": "asOf", "valueDate": "2025-12-01"})
    assert (twice.status_code, issues(twice.json())) == (400, [("not-supported", "asOf")])


def test_a_parameter_without_a_name_is_refused(server: Running) -> None:
    server.put(build(STORY, TODAY)[0])
    nameless = {"_name": {"extension": [{"url": "urn:x", "valueString": "x"}]}, "valueString": "x"}
    for url in ("/Patient/pat/$assess", "/PlanDefinition/spine-conservative-care/$apply"):
        answer = server.http.post(url, json={"resourceType": "Parameters", "parameter": [nameless]})
        assert (answer.status_code, issues(answer.json())) == (
            400,
            [("required", "Parameters.parameter[0].name")],
        )


def test_an_unknown_parameter_is_refused_and_not_repeated(server: Running) -> None:
    server.put(build(STORY, TODAY)[0])
    answer = server.http.get("/Patient/pat/$assess", params={"when": "2026-06-01"})
    assert (answer.status_code, issues(answer.json())) == (400, [("not-supported", "")])


def test_a_patient_that_is_not_stored_is_not_found(server: Running) -> None:
    assert server.http.get("/Patient/nobody/$assess").status_code == 404
