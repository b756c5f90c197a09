"""A transaction that is refused is told everything that is wrong with it, each at its element."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.charts import entry
from tests.kit.server import Running, running

Json = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with one patient."""
    with running(tmp_path_factory.mktemp("faults")) as served:
        served.put({"resourceType": "Patient", "id": "known"}).raise_for_status()
        yield served


def told(server: Running, *entries: Json) -> tuple[int, list[str]]:
    answer = server.send("transaction", *entries)
    return answer.status_code, [issue["expression"][0] for issue in answer.json()["issue"]]


def condition(**more: Any) -> Json:
    return {"resourceType": "Condition", "subject": {"reference": "Patient/known"}, **more}


def test_of_resources_and_of_requests_at_once(server: Running) -> None:
    patient = {"resourceType": "Patient", "id": "other"}
    assert told(
        server,
        entry("POST", "Patient", {"resourceType": "Patient", "gender": "bad"}),
        entry("PUT", "Patient/another", patient),
        entry("POST", "Bogus", patient),
        entry("PATCH", "Patient/other", patient),
        entry("DELETE", "Patient?identifier=x"),
    ) == (
        400,
        [
            "Bundle.entry[0].resource.gender",
            "Bundle.entry[1].resource.id",
            "Bundle.entry[2].request.url",
            "Bundle.entry[3].request.method",
            "Bundle.entry[4].request.url",
        ],
    )


def test_of_every_precondition(server: Running) -> None:
    patient = {"resourceType": "Patient", "id": "known"}
    other = {"resourceType": "Patient", "id": "other"}
    assert told(
        server,
        entry("PUT", "Patient/known", patient, ifMatch='W/"7"'),
        entry("PUT", "Patient/other", other, ifMatch='W/"8"'),
    ) == (412, ["Bundle.entry[0].request", "Bundle.entry[1].request"])


def test_of_every_reference_that_cannot_be_searched_for(server: Running) -> None:
    unclear = condition(
        asserter={"reference": "Practitioner?foo=1"}, encounter={"reference": "Encounter?bar=1"}
    )
    status, places = told(server, entry("POST", "Condition", unclear))
    assert status == 400
    assert sorted(places) == [
        "Bundle.entry[0].resource.asserter.reference",
        "Bundle.entry[0].resource.encounter.reference",
    ]


def test_of_every_search_for_a_character_that_no_resource_has(server: Running) -> None:
    asking = condition(asserter={"reference": "Practitioner?identifier=a%00"})
    patient = entry("PUT", "Patient?_id=%00", {"resourceType": "Patient"})
    status, places = told(server, entry("POST", "Condition", asking), patient)
    assert status == 400
    assert sorted(places) == ["Bundle.entry[0].resource.asserter.reference", "Bundle.entry[1].request"]
